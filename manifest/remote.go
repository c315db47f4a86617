package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
)

// A Registry tells what image registries serve, without fetching images.
// Package manifest/registry asks them over HTTP; an embedder may write another.
//
// Its methods block until there is an answer or ctx ends, and may be called
// concurrently. Their errors match [ErrNotServed], [ErrDenied] or
// [ErrNoAnswer] with [errors.Is], and hold no credential.
type Registry interface {
	// Digest returns the digest that the registry serves now under ref, which
	// names a tag or a digest. It fetches no manifest.
	Digest(ctx context.Context, ref string) (digest.Digest, error)

	// Describe returns the same together with the images behind it: it reads a
	// manifest, and of an image for one platform its configuration, a few KB
	// each, and no layer.
	Describe(ctx context.Context, ref string) (Served, error)
}

// Served is what a registry serves under one reference.
type Served struct {
	Digest digest.Digest `json:"digest"`
	// Instances are the images of an index, or the one image.
	Instances []Instance `json:"instances"`
}

// An Instance is one platform's image.
type Instance struct {
	Digest digest.Digest `json:"digest"`
	// Platform is "os/architecture", such as "linux/amd64"; "" when the registry
	// does not say.
	Platform string `json:"platform"`
}

// Holds reports whether d is what is served, or one of the images of an index
// that is.
func (s Served) Holds(d digest.Digest) bool {
	return s.Digest == d || slices.ContainsFunc(s.Instances, func(i Instance) bool { return i.Digest == d })
}

// Platforms returns the platforms of the images; nil when one is not known.
func (s Served) Platforms() []string {
	var all []string
	for _, i := range s.Instances {
		if i.Platform == "" {
			return nil
		}
		all = append(all, i.Platform)
	}
	return all
}

// The classes of what can go wrong when a registry is asked.
var (
	// ErrNotServed: the registry has no such image.
	ErrNotServed = errors.New("the registry does not serve it")
	// ErrDenied: the registry tells it only to who is logged in. Many registries
	// say so too of an image that does not exist.
	ErrDenied = errors.New("the registry wants a login: the image is private, or does not exist")
	// ErrNoAnswer: the registry can't be reached, limits its rate, or does not
	// answer as a registry does.
	ErrNoAnswer = errors.New("the registry gives no answer")
)

// A RegistryError is a question that a registry did not answer. It prints as a
// string in JSON.
type RegistryError struct {
	Ref string
	// Class is one of this package's sentinels.
	Class error
	// Reason says more, in words that hold no credential; "" adds nothing.
	Reason string
}

// Error returns "ref: class: reason".
func (e *RegistryError) Error() string { return e.Ref + ": " + e.because() }

func (e *RegistryError) because() string {
	if e.Reason == "" {
		return e.Class.Error()
	}
	return fmt.Sprintf("%v: %s", e.Class, e.Reason)
}

// Unwrap returns the class.
func (e *RegistryError) Unwrap() error { return e.Class }

// MarshalText returns the error's text.
func (e *RegistryError) MarshalText() ([]byte, error) { return []byte(e.Error()), nil }

// Ask asks a registry what [Judge] has to know about a pin: what it serves where
// the pin is declared, and when platforms is set what the pinned image is made
// for, which only matters while there is no local image to tell. That is one
// request without a body where the registry serves the pin and platforms is not
// set. It blocks until all is answered or ctx ends; a failure is in the Remote.
func Ask(ctx context.Context, registry Registry, pin Pin, platforms bool) Remote {
	var r Remote
	var err error
	if r.Digest, err = registry.Digest(ctx, pin.Ref); err != nil {
		r.Err = registryError(pin.Ref, err)
		if platforms && pin.Published() && errors.Is(err, ErrNotServed) {
			r.askPinned(ctx, registry, pin) // it may be served by its digest still
		}
		return r
	}
	if pin.Published() && r.Digest != pin.Digest {
		if r.Served, err = registry.Describe(ctx, pin.Ref); err != nil { // the pin may be one platform's image
			r.Err = registryError(pin.Ref, err)
			return r
		}
	}
	if platforms {
		r.askPinned(ctx, registry, pin)
	}
	return r
}

// askPinned asks for what would be pulled.
func (r *Remote) askPinned(ctx context.Context, registry Registry, pin Pin) {
	pinned, err := registry.Describe(ctx, pin.Launch)
	r.Platforms, r.PinGone = pinned.Platforms(), errors.Is(err, ErrNotServed)
}

// registryError returns err as a RegistryError. The text of one that is not is
// not passed on: nobody answers for what is in it.
func registryError(ref string, err error) *RegistryError {
	var known *RegistryError
	if errors.As(err, &known) {
		return known
	}
	for _, class := range []error{ErrNotServed, ErrDenied} {
		if errors.Is(err, class) {
			return &RegistryError{Ref: ref, Class: class}
		}
	}
	return &RegistryError{Ref: ref, Class: ErrNoAnswer}
}

// Lock returns the digest that a manifest should have for a pin after a registry
// was asked: the one that it serves. A reference that names a digest is not
// locked again, and a good digest stays where the registry does not answer, or
// serves it as one platform's image of an index. It is pure.
func Lock(pin Pin, remote Remote) digest.Digest {
	if pin.Fixed() || remote.Err != nil || remote.Holds(pin.Digest) {
		return pin.Digest
	}
	return remote.Digest
}
