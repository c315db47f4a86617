package runtime

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// A Runtime starts and stops containers. Package runtime/podman is the one for
// a box; an embedder may write another.
//
// Every method blocks until done or until ctx ends, returns promptly once ctx
// ends, and may be called concurrently. Names are exact container names, never
// prefixes or patterns. Errors are of type [*Error], and match the sentinels of
// this package with [errors.Is].
//
// Package runtime/runtimetest checks all this of any Runtime, sentence by
// sentence, and has one for tests of programs that use one.
type Runtime interface {
	// Start creates the container that spec describes and starts it. It returns
	// once the container's process runs; it does not wait for readiness.
	//
	// A container of that name that carries our labels for the same slot is
	// stopped, removed and replaced, whatever its state. One that does not is
	// left alone: ErrForeign. The image must be present: Start never pulls. When
	// Start fails, the container that it created is gone again.
	Start(ctx context.Context, spec Spec, opts StartOptions) (Container, error)

	// Stop ends the container's process, with SIGTERM and after grace with
	// SIGKILL, and removes the container. No container of that name is not an
	// error; one without our label is ErrForeign.
	Stop(ctx context.Context, name string, grace time.Duration) error

	// Inspect returns one container, or ErrNotFound.
	Inspect(ctx context.Context, name string) (Container, error)

	// List returns the containers that carry every one of the labels, running
	// or not, sorted by name. No labels means all that are managed by hal0.
	List(ctx context.Context, labels map[string]string) ([]Container, error)

	// Logs yields the container's output line by line, oldest first. With
	// Follow it goes on until the container exits, ctx ends or the loop is left;
	// ctx ending yields ctx's error last. Nothing is left running after the
	// loop. Lines are as the program wrote them, without the line end: they are
	// untrusted bytes, see [Line.Text].
	Logs(ctx context.Context, name string, opts LogOptions) iter.Seq2[Line, error]

	// Image returns a local image by reference, or ErrImageNotFound. It asks no
	// registry.
	Image(ctx context.Context, ref string) (Image, error)

	// Pull fetches an image, as opts say, and returns it. Registries may be silent
	// for minutes and may make one wait: ctx alone bounds a pull. Calls for one
	// reference share one pull: one that comes later joins it, one whose ctx ends
	// leaves it, and when the last has left it is given up. A pull that fails or
	// is given up leaves no part of an image.
	Pull(ctx context.Context, ref string, opts PullOptions) (Image, error)
}

// StartOptions are what a start holds the runtime to. The zero value is nothing
// beyond the Spec.
type StartOptions struct {
	// ImageID, when not "", is the id, without "sha256:", of the one image that the
	// container may be made from: a name in the local store may have come to mean
	// another since it was looked at. When the Spec's image has another id, an old
	// container is left running; a container that was made from another is removed
	// before its process starts. The error is ErrImageChanged.
	ImageID string
}

// A State is a container's state as the runtime tells it.
type State string

// The states of a container.
const (
	StateCreated  State = "created"  // made, never started
	StateRunning  State = "running"  // its process exists
	StateStopping State = "stopping" // asked to end
	StateExited   State = "exited"   // its process is gone
	StateUnknown  State = "unknown"  // anything else the runtime says
)

// A Container is what the runtime knows of one container.
type Container struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Image     string            `json:"image"`    // the reference it was created with
	ImageID   string            `json:"image_id"` // without "sha256:"
	State     State             `json:"state"`
	ExitCode  int               `json:"exit_code"` // meaningful when State is exited
	OOMKilled bool              `json:"oom_killed"`
	Error     string            `json:"error,omitempty"` // what the runtime says went wrong, if anything
	StartedAt time.Time         `json:"started_at"`      // zero if never started
	Labels    map[string]string `json:"labels"`
	Command   []string          `json:"command"`
	Publish   []Port            `json:"publish"`
}

// Managed reports whether the container is one that this library started.
func (c Container) Managed() bool { return c.Labels[LabelManaged] == "true" }

// Carries reports whether the container has every one of the labels.
func (c Container) Carries(labels map[string]string) bool {
	for key, value := range labels {
		if got, ok := c.Labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// LogOptions choose what [Runtime.Logs] yields. The zero value is everything
// so far.
type LogOptions struct {
	// Follow goes on with new lines until the container exits.
	Follow bool
	// Tail, when above 0, is how many of the last lines to begin with.
	Tail int
	// Since, when not zero, leaves out what is older.
	Since time.Time
}

// An Image is a local image.
type Image struct {
	// ID is the image's id, without "sha256:".
	ID string `json:"id"`
	// RepoDigests are the "repo@sha256:…" names under which it was pulled, of
	// the index and of the platform's manifest alike.
	RepoDigests []string `json:"repo_digests"`
	// Platform is "os/architecture", such as "linux/amd64".
	Platform string `json:"platform"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

// The classes of what can go wrong. Every error of a Runtime that is of one of
// these matches it with [errors.Is].
var (
	// ErrUnavailable: the runtime's service can't be reached or does not answer.
	ErrUnavailable = errors.New("container runtime is unavailable")
	// ErrNotFound: there is no container of that name.
	ErrNotFound = errors.New("no such container")
	// ErrForeign: a container of that name exists and is not ours.
	ErrForeign = errors.New("container is not managed by hal0")
	// ErrImageNotFound: the image is not in the local store.
	ErrImageNotFound = errors.New("image is not present")
	// ErrPull: the registry or the transfer failed.
	ErrPull = errors.New("pull failed")
	// ErrLoad: the runtime does not take an image from an archive.
	ErrLoad = errors.New("image can't be loaded")
	// ErrPortInUse: another process listens on the port to publish.
	ErrPortInUse = errors.New("port is in use")
	// ErrDevice: a device node is missing or not a device.
	ErrDevice = errors.New("device is not available")
	// ErrMount: a mount's source is missing or not allowed.
	ErrMount = errors.New("mount source is not available")
	// ErrCommand: the image has no such program to run.
	ErrCommand = errors.New("command can't be run")
	// ErrInvalidSpec: the Spec could never be launched; see [Spec.Validate].
	ErrInvalidSpec = errors.New("invalid container spec")
	// ErrImageChanged: the image's name means another image than the one that was
	// asked for; see [StartOptions].
	ErrImageChanged = errors.New("image has changed")
)

// An Error is a failed operation of a Runtime on one container or image.
type Error struct {
	// Op is the operation: "start", "stop", "inspect", "list", "logs", "image",
	// "pull", "load", "run".
	Op string
	// Name is the container or image.
	Name string
	// Class is one of this package's sentinels, or nil.
	Class error
	// Err is the cause, with the runtime's own words.
	Err error
}

// Error returns "op name: class: cause".
func (e *Error) Error() string {
	switch {
	case e.Class == nil:
		return fmt.Sprintf("%s %s: %v", e.Op, e.Name, e.Err)
	case e.Err == nil:
		return fmt.Sprintf("%s %s: %v", e.Op, e.Name, e.Class)
	}
	return fmt.Sprintf("%s %s: %v: %v", e.Op, e.Name, e.Class, e.Err)
}

// Unwrap returns the class and the cause, without those that are nil.
func (e *Error) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Class, e.Err}, func(err error) bool { return err == nil })
}
