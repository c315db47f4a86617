package hal0

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/runtime"
)

// An ImageError is an image that [Box.Up] refuses to start. It matches
// [ErrImage], and [runtime.ErrImageNotFound] where there is no such image.
type ImageError struct {
	Slot string
	// Result is what was found; its message says which digests differ, and what
	// to do.
	Result manifest.Result
	// Err is why the image could not be fetched; nil when that was not tried.
	Err error
}

// Error names the slot, the image, what was found of it and what to do.
func (e *ImageError) Error() string {
	text := fmt.Sprintf("slot %s: %s: %s", e.Slot, e.Result.Pin.Ref, e.Result.Message)
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return text
}

// Is reports whether target is [ErrImage], or [runtime.ErrImageNotFound] and there
// is no image.
func (e *ImageError) Is(target error) bool {
	return target == ErrImage || target == runtime.ErrImageNotFound && e.Result.Verdict == manifest.Absent
}

// Unwrap returns why the image could not be fetched.
func (e *ImageError) Unwrap() error { return e.Err }

// platform is what images have to be made for: containers are Linux's, and run
// on this machine's processor.
func platform() string { return "linux/" + goruntime.GOARCH }

// localImage returns what the local store holds of a pin: the image that it
// launches, else what its tag names.
func localImage(ctx context.Context, rt runtime.Runtime, pin manifest.Pin) (manifest.Local, error) {
	image, err := rt.Image(ctx, pin.Launch)
	if errors.Is(err, runtime.ErrImageNotFound) && pin.Launch != pin.Ref {
		image, err = rt.Image(ctx, pin.Ref)
	}
	if errors.Is(err, runtime.ErrImageNotFound) {
		return manifest.Local{Digests: []digest.Digest{}}, nil
	}
	return found(image), err
}

// found is an image as the manifest's checks see it.
func found(image runtime.Image) manifest.Local {
	l := manifest.Local{ID: image.ID, Digests: []digest.Digest{}, Platform: image.Platform}
	for _, name := range image.RepoDigests {
		_, text, _ := strings.Cut(name, "@")
		if d, err := digest.Parse(text); err == nil && !slices.Contains(l.Digests, d) {
			l.Digests = append(l.Digests, d)
		}
	}
	return l
}

// image makes sure that the image is present and the one to launch, as the
// call's policies say, and returns it.
func (u *up) image(ctx context.Context) (runtime.Image, error) {
	image, err := u.rt.Image(ctx, u.pin.Launch)
	absent := errors.Is(err, runtime.ErrImageNotFound)
	switch {
	case err != nil && !absent:
		return image, err
	case u.call.fetch == PullNever && absent:
		return image, u.notThere(ctx, nil)
	case absent, u.call.fetch == PullAlways && !u.pin.Published():
		if image, err = u.fetch(ctx); err != nil {
			return image, u.notThere(ctx, err)
		}
	}
	return image, u.verify(image)
}

func (u *up) fetch(ctx context.Context) (runtime.Image, error) {
	if u.life.state.CanBecome(StatePulling) {
		u.life.to(StatePulling, "pulling %s", u.pin.Launch)
	} else { // what runs goes on until its image is there
		u.life.note("pulling %s", u.pin.Launch)
	}
	if !u.pin.Published() {
		u.life.warn("no digest is pinned for %s: it is pulled by its tag, which can move", u.pin.Ref)
	}
	return u.rt.Pull(ctx, u.pin.Launch, runtime.PullOptions{Always: u.call.fetch == PullAlways && !u.pin.Published(), Report: u.pulling})
}

// notThere returns why there is no image to launch: failed is why it could not
// be fetched, or nil. An image that the tag names is not the one, but most
// likely why somebody thinks that it is there.
func (u *up) notThere(ctx context.Context, failed error) error {
	local, err := localImage(ctx, u.rt, u.pin)
	switch {
	case failed != nil && (err != nil || local.ID == "" || local.Holds(u.pin)):
		return failed
	case err != nil:
		return err
	}
	return &ImageError{u.plan.Slot, manifest.Judge(u.pin, platform(), &local, nil), failed}
}

// verify refuses, or reports, an image that is not the one to launch.
func (u *up) verify(image runtime.Image) error {
	if u.call.verify == VerifyOff {
		return nil
	}
	local := found(image)
	result := manifest.Judge(u.pin, platform(), &local, nil)
	switch {
	case result.Verdict.Launchable():
		return nil
	case u.call.verify == VerifyWarn:
		u.life.warn("%s: %s", u.pin.Ref, result.Message)
		return nil
	}
	return &ImageError{u.plan.Slot, result, nil}
}

// start starts the container, under enforce from that image or not at all.
func (u *up) start(ctx context.Context, image runtime.Image) (runtime.Container, error) {
	var opts runtime.StartOptions
	if u.call.verify == VerifyEnforce {
		opts.ImageID = image.ID
	}
	c, err := u.rt.Start(ctx, u.plan.Spec, opts)
	if err == nil && u.call.verify == VerifyWarn && c.ImageID != image.ID {
		u.life.warn("the container runs image %s, and %s was checked", short(c.ImageID), short(image.ID))
	}
	return c, err
}
