package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/hal0ai/hal0-go/runtime"
)

// Load reads an archive of [Save] and gives its images to rt, which must be a
// [runtime.ImageLoader]: each is then found as "repo@sha256:…", as after a pull.
// It returns those that are there now.
//
// The whole archive is verified against pins, as [Open] does, before the runtime
// sees anything of it. Images that are there already are left alone. When the
// runtime refuses one of several, the error says so and those before it stay.
//
// It needs the archive's size in opts.Dir, and blocks until done or ctx ends.
func Load(ctx context.Context, r io.Reader, rt runtime.Runtime, pins []string, opts Options) ([]Image, error) {
	loader, ok := rt.(runtime.ImageLoader)
	if !ok {
		return nil, fmt.Errorf("%T can't load images from an archive: %w", rt, errors.ErrUnsupported)
	}
	archive, err := Open(ctx, r, pins, opts)
	if err != nil {
		return nil, err
	}
	images := archive.Images()
	for i, image := range images {
		if err := load(ctx, rt, loader, archive, image, &opts); err != nil {
			return images[:i], errors.Join(fmt.Errorf("image %d of %d: %w", i+1, len(images), err), archive.Close())
		}
	}
	return images, archive.Close()
}

func load(ctx context.Context, rt runtime.Runtime, loader runtime.ImageLoader, archive *Archive, image Image, opts *Options) error {
	report := func(s Step) {
		if opts.Report != nil {
			s.Ref = image.Ref
			opts.Report(s)
		}
	}
	local, err := rt.Image(ctx, image.Ref)
	switch {
	case err == nil && slices.Contains(local.RepoDigests, image.Ref):
		report(Step{Phase: Present})
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
		report(Step{Phase: Loading, Done: min(done, image.Size), Total: image.Size})
	})
	if err = errors.Join(err, stream.Close()); err == nil {
		report(Step{Phase: Loaded})
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
