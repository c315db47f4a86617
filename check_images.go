package hal0

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hal0ai/hal0-go/manifest"
)

// How many questions a check asks at a time. A registry client has its own
// bound on connections besides.
const (
	runtimeQuestions  = 8
	registryQuestions = 32
)

// AskRegistry lets [Box.CheckImages] ask the registries too.
func AskRegistry() CallOption { return func(c *call) { c.ask = true } }

// CheckImages holds the images of the box against their pins: every entry of the
// manifest, by short name, and then what a profile or a slot names that the
// manifest does not know, by reference. It looks at the local store, and with
// [AskRegistry] at what the registries serve, many at a time.
//
// What is amiss with an image is in its result. The error is the runtime's, the
// context's, [ErrNoRegistry], [ErrNoRuntime] where there is nobody to ask, or
// the problems of files that say which images there are; references that are
// malformed are told of beside the results of the others. CheckImages blocks
// until all have answered, and changes nothing.
func (b *Box) CheckImages(ctx context.Context, opts ...CallOption) ([]manifest.Result, error) {
	c := b.call(opts)
	switch {
	case len(b.broken) > 0:
		return nil, b.broken
	case c.ask && b.opts.registry == nil:
		return nil, ErrNoRegistry
	case !c.ask && b.opts.runtime == nil:
		return nil, ErrNoRuntime
	}
	pins, malformed := b.everyPin()
	locals, err := b.localImages(ctx, pins)
	if err != nil {
		return nil, err
	}
	remotes := make([]*manifest.Remote, len(pins))
	if c.ask {
		if remotes, err = b.askRegistry(ctx, pins, locals); err != nil {
			return nil, err
		}
	}
	results := make([]manifest.Result, len(pins))
	for i, pin := range pins {
		results[i] = manifest.Judge(pin, platform(), locals[i], remotes[i])
	}
	return results, cmp.Or(ctx.Err(), malformed)
}

// askRegistry returns what the registries serve of each pin. locals is what the
// local store holds of each, or nil where it was not looked.
func (b *Box) askRegistry(ctx context.Context, pins []manifest.Pin, locals []*manifest.Local) ([]*manifest.Remote, error) {
	remotes := make([]*manifest.Remote, len(pins))
	var all errgroup.Group
	all.SetLimit(registryQuestions)
	for i, pin := range pins {
		all.Go(func() error {
			remotes[i] = new(manifest.Ask(ctx, b.opts.registry, pin, locals[i] != nil && !locals[i].Holds(pin)))
			return ctx.Err()
		})
	}
	return remotes, all.Wait()
}

// localImages returns what the local store holds of each pin; nils without a
// runtime.
func (b *Box) localImages(ctx context.Context, pins []manifest.Pin) ([]*manifest.Local, error) {
	locals := make([]*manifest.Local, len(pins))
	if b.opts.runtime == nil {
		return locals, nil
	}
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(runtimeQuestions)
	for i, pin := range pins {
		all.Go(func() error {
			l, err := localImage(ctx, b.opts.runtime, pin)
			locals[i] = &l
			return err
		})
	}
	return locals, all.Wait()
}

// everyPin returns every image of the box once. The error is of references that are
// malformed.
func (b *Box) everyPin() ([]manifest.Pin, error) {
	var others []manifest.Pin
	var malformed []error
	add := func(what, image string) {
		pin, err := b.manifest.Resolve(image)
		switch {
		case image == "":
		case err != nil:
			malformed = append(malformed, fmt.Errorf("%s: image: %w", what, err))
		case !pin.Managed() && !slices.Contains(others, pin):
			others = append(others, pin)
		}
	}
	for _, p := range b.profiles.List() {
		add("profile "+p.Name, p.Image)
	}
	for _, e := range b.slots {
		if e.file != nil {
			add("slot "+e.name, e.file.Slot.Image)
		}
	}
	slices.SortFunc(others, func(a, b manifest.Pin) int { return strings.Compare(a.Ref, b.Ref) })
	return append(b.manifest.Images(), others...), errors.Join(malformed...)
}
