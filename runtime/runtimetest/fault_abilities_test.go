package runtimetest

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"sync/atomic"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// told breaks the events of a stream; false leaves one out.
func told(change func(e *runtime.Event, err error) bool) faulty {
	return faulty{events: func(ctx context.Context, f *Fake) iter.Seq2[runtime.Event, error] {
		return func(yield func(runtime.Event, error) bool) {
			for e, err := range f.Events(ctx) {
				if change(&e, err) && !yield(e, err) {
					return
				}
			}
		}
	}}
}

func watchFaults() map[string]fault {
	var streams atomic.Int32
	return map[string]fault{
		"says nothing of sync": {told(func(e *runtime.Event, _ error) bool { return e.Kind != runtime.EventSync }), []string{"watch/begins with sync", "watch/ends with the context's error"}},
		"tells no exit code": {told(func(e *runtime.Event, _ error) bool {
			e.ExitCode = 0
			return true
		}), []string{"watch/tells of a start, an exit and a removal"}},
		"tells no removal": {told(func(e *runtime.Event, _ error) bool { return e.Kind != runtime.EventRemove }), []string{"watch/tells of a start, an exit and a removal"}},
		"has one stream": {faulty{events: func(ctx context.Context, f *Fake) iter.Seq2[runtime.Event, error] {
			if streams.Add(1) > 1 {
				f = NewFake()
			}
			return f.Events(ctx)
		}}, []string{"watch/is a stream for each loop"}},
		"hides why events end": {told(func(_ *runtime.Event, err error) bool { return err == nil }), []string{"watch/ends with the context's error"}},
		"watches on": {faulty{events: func(ctx context.Context, f *Fake) iter.Seq2[runtime.Event, error] {
			go func() { <-ctx.Done() }()
			return f.Events(ctx)
		}}, []string{"watch/can be left"}},
	}
}

// ran breaks how a program is run once, and what comes of it.
func ran(change func(*runtime.Once), result func(*Fake, *runtime.Output, error) error) faulty {
	return faulty{run: func(ctx context.Context, f *Fake, run runtime.Once) (runtime.Output, error) {
		change(&run)
		out, err := f.RunOnce(ctx, run)
		return out, result(f, &out, err)
	}}
}

func onceFaults() map[string]fault {
	asAsked := func(*runtime.Once) {}
	asIs := func(_ *Fake, _ *runtime.Output, err error) error { return err }
	return map[string]fault{
		"tells no exit code of a run": {ran(asAsked, func(_ *Fake, out *runtime.Output, err error) error {
			out.ExitCode = 0
			return err
		}), []string{"once/runs a program to its end"}},
		"tells no cut": {ran(asAsked, func(_ *Fake, out *runtime.Output, err error) error {
			out.Truncated = false
			return err
		}), []string{"once/cuts long lines"}},
		"keeps what it ran": {ran(asAsked, func(f *Fake, _ *runtime.Output, err error) error {
			f.AddContainer(runtime.Container{Name: "kept", Labels: map[string]string{runtime.LabelOnce: "true"}, State: runtime.StateExited})
			return err
		}), []string{"once/runs a program to its end", "once/kills a program that takes too long", "once/is given up when ctx ends", "once/needs the program", "once/holds to the image id"}},
		"finds nothing wrong with a run": {ran(asAsked, func(*Fake, *runtime.Output, error) error { return nil }),
			[]string{"once/kills a program that takes too long", "once/needs the program", "once/needs the image", "once/needs a time"}},
		"kills nothing":        {ran(func(run *runtime.Once) { run.Within = time.Hour }, asIs), []string{"once/kills a program that takes too long", "once/needs a time"}},
		"runs whatever it has": {ran(func(run *runtime.Once) { run.ImageID = "" }, asIs), []string{"once/holds to the image id"}},
		"heeds no context in a run": {faulty{run: func(ctx context.Context, f *Fake, run runtime.Once) (runtime.Output, error) {
			return f.RunOnce(context.WithoutCancel(ctx), run)
		}}, []string{"once/is given up when ctx ends"}},
		"lists what it runs as a slot's": {faulty{list: func(ctx context.Context, f *Fake, labels map[string]string) ([]runtime.Container, error) {
			list, err := f.List(ctx, labels)
			if len(labels) > 0 || err != nil {
				return list, err
			}
			runs, err := f.List(ctx, map[string]string{runtime.LabelOnce: "true"})
			return append(list, runs...), err
		}}, []string{"once/is given up when ctx ends"}},
	}
}

// loaded breaks how an image is loaded.
func loaded(load func(ctx context.Context, f *Fake, ref string, archive io.Reader) (runtime.Image, error)) faulty {
	return faulty{load: load}
}

func loadFaults() map[string]fault {
	return map[string]fault{
		"loads and stores nothing": {loaded(func(ctx context.Context, _ *Fake, ref string, archive io.Reader) (runtime.Image, error) {
			other := NewFake()
			return other.LoadImage(ctx, ref, archive)
		}), []string{"load/stores an image under its digest"}},
		"loads as another each time": {loaded(func(ctx context.Context, f *Fake, ref string, archive io.Reader) (runtime.Image, error) {
			if _, err := f.LoadImage(ctx, ref, archive); err != nil {
				return runtime.Image{}, err
			}
			return f.AddImage(ref, Program{}), nil
		}), []string{"load/stores an image under its digest", "load/adds a name to one that is present"}},
		"loads anything": {loaded(func(_ context.Context, f *Fake, ref string, archive io.Reader) (runtime.Image, error) {
			_, _ = io.Copy(io.Discard, archive) // whatever it is
			return f.AddImage(ref, Program{}), nil
		}), []string{"load/needs a digest", "load/refuses what is no archive", "load/refuses an image of another digest", "load/that fails leaves no part", "load/is given up when ctx ends"}},
		"keeps a part of what it can't load": {loaded(func(ctx context.Context, f *Fake, ref string, archive io.Reader) (runtime.Image, error) {
			image, err := f.LoadImage(ctx, ref, archive)
			if err != nil {
				f.AddImage(ref, Program{})
			}
			return image, err
		}), []string{"load/refuses what is no archive", "load/refuses an image of another digest", "load/that fails leaves no part", "load/is given up when ctx ends"}},
		"loads one at a time": {alone(OpLoad), []string{"load/may be called concurrently"}},
		"hides why an archive can't be read": {loaded(func(ctx context.Context, f *Fake, ref string, archive io.Reader) (runtime.Image, error) {
			image, err := f.LoadImage(ctx, ref, archive)
			if errors.Is(err, runtime.ErrLoad) {
				err = &runtime.Error{Op: string(OpLoad), Name: ref, Class: runtime.ErrLoad}
			}
			return image, err
		}), []string{"load/that fails leaves no part"}},
	}
}

// abilityFaults are of what a Runtime need not have.
func abilityFaults() map[string]fault {
	all := watchFaults()
	maps.Copy(all, onceFaults())
	maps.Copy(all, loadFaults())
	return all
}
