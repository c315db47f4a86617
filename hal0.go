// Package hal0 is hal0's logic as a library: it reads a box's files, resolves
// each slot into one exact, explained container launch, and runs it.
//
// A box is a set of slots. A slot is one model served by one container, and is
// described by three independent facts: a device (package device), a provider
// (package provider) and a profile (package profile). [Open] reads a box;
// [Box.Resolve] says what would be launched and why, on any machine and
// without side effects; [Box.Up] launches it through a [runtime.Runtime] that
// the program hands in.
//
//	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithRuntime(rt))
//	plan, err := box.Resolve("chat") // the decision, explained
//	status, err := box.Up(ctx, "chat") // image, container, ready
//
// Errors about configuration are [ValidationErrors]: every problem of a file,
// each with file, line, column and key.
package hal0

import (
	"errors"
	"path"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/runtime"
)

// A ValidationError is one problem at one key of a file.
//
// Its fields are File, Line and Column (from 1; 0 when not known), Path (the
// key, such as "model.context_size"), Message (what was found, what is allowed,
// what to do), Found and Allowed (the same as data, where they apply). It
// matches [ErrInvalid] and the sentinel of its class with [errors.Is].
type ValidationError = conf.ValidationError

// ValidationErrors are all problems of one file or one slot, sorted by position.
// [errors.As] finds the single [ValidationError] in it.
type ValidationErrors = conf.ValidationErrors

// The classes of configuration problems, for [errors.Is].
var (
	// ErrInvalid matches every ValidationError.
	ErrInvalid = conf.ErrInvalid
	// ErrSyntax: the file is not TOML or JSON.
	ErrSyntax = conf.ErrSyntax
	// ErrUnknownKey: a key that has no meaning.
	ErrUnknownKey = conf.ErrUnknownKey
	// ErrType: a value of the wrong type.
	ErrType = conf.ErrType
	// ErrValue: a value out of range or outside its set.
	ErrValue = conf.ErrValue
	// ErrRequired: a key that must be there.
	ErrRequired = conf.ErrRequired
	// ErrConflict: values that contradict each other.
	ErrConflict = conf.ErrConflict
	// ErrUnreadable: the file can't be read.
	ErrUnreadable = conf.ErrUnreadable
)

// Errors of a [Box]. Those of its runtime are in package runtime.
var (
	// ErrNoSlot: the box has no slot file of that name.
	ErrNoSlot = errors.New("no such slot")
	// ErrNoRuntime: the box was opened without [WithRuntime].
	ErrNoRuntime = errors.New("the box was opened without a container runtime")
	// ErrNoRegistry: the box was opened without [WithRegistry].
	ErrNoRegistry = errors.New("the box was opened without a registry client")
	// ErrDisabled: the slot's file says enabled = false.
	ErrDisabled = errors.New("slot is disabled")
	// ErrModelFile: the model's file can't be read on this host.
	ErrModelFile = errors.New("model file can't be read")
	// ErrImage: the local image is not the one that is pinned, or can't run on
	// this host; see [ImageError].
	ErrImage = errors.New("image is not the one to launch")
	// ErrDevice: this host lacks a device that the slot needs.
	ErrDevice = runtime.ErrDevice
	// ErrNoRoom: other slots on the GPU have to stop first; see [RoomError].
	ErrNoRoom = errors.New("there is no room for it on the GPU")
	// ErrNotReady: the server did not become ready.
	ErrNotReady = errors.New("slot did not become ready")
	// ErrStopped: Down was called while the slot was coming up.
	ErrStopped = errors.New("slot was taken down while it was starting")
)

// A Home says where a box keeps its files.
type Home struct {
	// Config is the directory of hal0.toml, slots, profiles.toml, manifest.json
	// and hardware.json.
	Config string
	// State is the directory of what hal0 itself writes, the model registry
	// among it.
	State string
}

// HomeVar is the environment variable that moves a box's files, for development
// and tests. [Open] does not look at it: a program that follows it opens
// HomeAt(os.Getenv(HomeVar)).
const HomeVar = "HAL0_HOME"

// DefaultHome returns the home of an installed box: /etc/hal0 and
// /var/lib/hal0, whatever [HomeVar] says.
func DefaultHome() Home { return Home{Config: "/etc/hal0", State: "/var/lib/hal0"} }

// HomeAt returns the home under root, as the environment variable HAL0_HOME
// moves it: root/etc/hal0 and root/var-lib/hal0. "" and "/" mean
// [DefaultHome].
func HomeAt(root string) Home {
	if root == "" || path.Clean(root) == "/" {
		return DefaultHome()
	}
	return Home{Config: path.Join(root, "etc/hal0"), State: path.Join(root, "var-lib/hal0")}
}

// Settings returns the path of hal0.toml.
func (h Home) Settings() string { return path.Join(h.Config, "hal0.toml") }

// Slots returns the path of the directory of slot files.
func (h Home) Slots() string { return path.Join(h.Config, "slots") }

// Slot returns the path of a slot's file.
func (h Home) Slot(name string) string { return path.Join(h.Slots(), name+".toml") }

// Profiles returns the path of profiles.toml.
func (h Home) Profiles() string { return path.Join(h.Config, "profiles.toml") }

// Manifest returns the path of manifest.json.
func (h Home) Manifest() string { return path.Join(h.Config, "manifest.json") }

// Hardware returns the path of hardware.json.
func (h Home) Hardware() string { return path.Join(h.Config, "hardware.json") }

// Registry returns the path of the model registry.
func (h Home) Registry() string { return path.Join(h.State, "registry/registry.toml") }
