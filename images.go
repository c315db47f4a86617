package hal0

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/distribution/reference"

	"github.com/hal0ai/hal0-go/bundle"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// SaveImages writes the images of slots, of all that are enabled when none is
// named, as one archive to w, for [Box.LoadImages] on a box that reaches no
// registry, and returns them. The bytes come from a registry, see package
// bundle/remote; the box's own runtime is not asked. Package bundle tells of the
// format.
//
// An image that is not pinned by a digest can't be saved: [bundle.ErrNotPinned].
// It blocks until all is written or ctx ends. When it fails half-way, w holds a
// part of an archive ([bundle.ErrPartial]); writing to a file that is renamed
// afterwards is up to the caller.
func (b *Box) SaveImages(ctx context.Context, w io.Writer, from bundle.Source, opts bundle.Options, slots ...string) ([]bundle.Image, error) {
	if len(slots) == 0 {
		slots = b.enabled()
	}
	pins, problems := make([]string, len(slots)), make([]error, len(slots))
	for i, name := range slots {
		pins[i], problems[i] = b.pinOf(name)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if len(pins) == 0 {
		return nil, fmt.Errorf("%w: the box has no slot that is enabled", ErrNoSlot)
	}
	return bundle.Save(ctx, w, from, pins, opts)
}

// enabled returns the slots that are enabled or can't be read, so that the
// latter are complained of.
func (b *Box) enabled() (names []string) {
	for _, name := range b.Names() {
		if s, err := b.Slot(name); err != nil || s.IsEnabled() {
			names = append(names, name)
		}
	}
	return names
}

// pinOf returns the image of a slot as "repo@sha256:…".
func (b *Box) pinOf(name string) (string, error) {
	plan, err := b.resolve(name, &call{})
	if err != nil {
		return "", fmt.Errorf("slot %s: %w", name, err)
	}
	pin := pinned(&plan)
	if pin == "" {
		return "", fmt.Errorf("slot %s: %w: %s has no digest in the manifest, so nothing would tell that what is loaded is that image",
			name, bundle.ErrNotPinned, plan.Image.Ref)
	}
	return pin, nil
}

// pinned returns the image of a plan as "repo@sha256:…", "" if it is not pinned.
func pinned(plan *slot.Plan) string {
	named, err := manifest.ParseRef(plan.Spec.Image)
	if err != nil {
		return ""
	}
	if d, ok := named.(reference.Digested); ok {
		return named.Name() + "@" + d.Digest().String()
	}
	return ""
}

// pins returns the images that the box pins: those of the manifest and of the
// slots that resolve. Sorted.
func (b *Box) pins() (pins []string) {
	for _, pin := range b.manifest.Images() {
		if pin.Published() {
			pins = append(pins, pin.Launch)
		}
	}
	for _, r := range b.ResolveAll() {
		if pin := pinned(&r.Plan); r.Err == nil && pin != "" {
			pins = append(pins, pin)
		}
	}
	slices.Sort(pins)
	return slices.Compact(pins)
}

// LoadImages reads an archive of [Box.SaveImages] and gives its images to the
// runtime, which must be a [runtime.ImageLoader]: each is then found as
// "repo@sha256:…", as after a pull. It returns those that are there now.
//
// The whole archive is verified, against the pins of the box's manifest and
// slots, before the runtime sees anything of it: an image that the box does not
// pin, or pins with another digest, is [bundle.ErrNotPinned]; a damaged archive
// [bundle.ErrArchive]. Images that are there already are left alone. When the
// runtime refuses one of several, the error says so and those before it stay.
//
// It needs the archive's size in opts.Dir, and blocks until done or ctx ends.
func (b *Box) LoadImages(ctx context.Context, r io.Reader, opts bundle.Options) ([]bundle.Image, error) {
	if b.opts.runtime == nil {
		return nil, ErrNoRuntime
	}
	loader, ok := b.opts.runtime.(runtime.ImageLoader)
	if !ok {
		return nil, fmt.Errorf("%T can't load images from an archive", b.opts.runtime)
	}
	archive, err := bundle.Open(ctx, r, b.pins(), opts)
	if err != nil {
		return nil, err
	}
	images := archive.Images()
	for i, image := range images {
		if err := b.loadImage(ctx, loader, archive, image, &opts); err != nil {
			return images[:i], errors.Join(fmt.Errorf("image %d of %d: %w", i+1, len(images), err), archive.Close())
		}
	}
	return images, archive.Close()
}

func (b *Box) loadImage(ctx context.Context, loader runtime.ImageLoader, archive *bundle.Archive, image bundle.Image, opts *bundle.Options) error {
	report := func(s bundle.Step) {
		if opts.Report != nil {
			s.Ref = image.Ref
			opts.Report(s)
		}
	}
	local, err := b.opts.runtime.Image(ctx, image.Ref)
	switch {
	case err == nil && slices.Contains(local.RepoDigests, image.Ref):
		report(bundle.Step{Phase: bundle.Present})
		return nil
	case err != nil && !errors.Is(err, runtime.ErrImageNotFound):
		return err
	}
	stream, err := archive.Image(image.Ref)
	if err != nil {
		return err
	}
	l := loading{Reader: stream, more: make(chan struct{}, 1)}
	err = l.run(func() error {
		_, err := loader.LoadImage(ctx, image.Ref, &l)
		return err
	}, func(done int64) {
		report(bundle.Step{Phase: bundle.Loading, Done: min(done, image.Size), Total: image.Size})
	})
	if err = errors.Join(err, stream.Close()); err == nil {
		report(bundle.Step{Phase: bundle.Loaded})
	}
	return err
}

// A loading tells how much of a stream was read, by whoever reads it.
type loading struct {
	io.Reader
	done atomic.Int64
	more chan struct{}
}

func (l *loading) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	l.done.Add(int64(n))
	select {
	case l.more <- struct{}{}:
	default:
	}
	return n, err
}

// run does work, and meanwhile calls report from its own goroutine.
func (l *loading) run(work func() error, report func(done int64)) error {
	const every = 8 << 20
	over := make(chan error, 1)
	go func() { over <- work() }()
	for told := int64(0); ; {
		select {
		case err := <-over:
			report(l.done.Load())
			return err
		case <-l.more:
			if done := l.done.Load(); done-told >= every {
				told = done
				report(done)
			}
		}
	}
}
