package runtimetest

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

func faults() map[string]fault {
	all := map[string]fault{}
	for _, some := range []map[string]fault{startFaults(), stopFaults(), lookFaults(), logFaults(), imageFaults(), serviceFaults(), abilityFaults()} {
		maps.Copy(all, some)
	}
	return all
}

// bySpec breaks how Start is asked.
func bySpec(change func(context.Context, *Fake, *runtime.Spec, *runtime.StartOptions) error) faulty {
	return faulty{start: func(ctx context.Context, f *Fake, spec runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
		if err := change(ctx, f, &spec, &opts); err != nil {
			return runtime.Container{}, err
		}
		return f.Start(ctx, spec, opts)
	}}
}

// started breaks what Start returns.
func started(change func(*runtime.Container)) faulty {
	return faulty{start: func(ctx context.Context, f *Fake, spec runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
		c, err := f.Start(ctx, spec, opts)
		if err == nil {
			change(&c)
		}
		return c, err
	}}
}

// logged breaks the lines of logs; false leaves one out.
func logged(change func(*runtime.Line) bool) faulty {
	return faulty{logs: func(ctx context.Context, f *Fake, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
		return func(yield func(runtime.Line, error) bool) {
			for line, err := range f.Logs(ctx, name, opts) {
				if (err != nil || change(&line)) && !yield(line, err) {
					return
				}
			}
		}
	}}
}

// asked breaks the options of logs.
func asked(change func(*runtime.LogOptions)) faulty {
	return faulty{logs: func(ctx context.Context, f *Fake, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
		change(&opts)
		return f.Logs(ctx, name, opts)
	}}
}

// own makes a container that exists one with these labels.
func own(f *Fake, name string, labels map[string]string) {
	if c, err := f.Inspect(context.Background(), name); err == nil {
		c.Labels = labels
		f.AddContainer(c)
	}
}

// alone lets one call of a method in, and refuses those that come meanwhile.
func alone(op Op) faulty {
	busy, met := make(chan struct{}, 1), make(chan struct{})
	second := sync.OnceFunc(func() { close(met) })
	return faulty{hook: func(ctx context.Context, c Call, do func() error) error {
		if c.Op != op {
			return do()
		}
		select {
		case busy <- struct{}{}:
		default:
			second()
			return errors.New("another call is under way")
		}
		select {
		case <-met:
		case <-ctx.Done():
		}
		return do()
	}}
}

func startFaults() map[string]fault {
	return map[string]fault{
		"forgets labels":    {started(func(c *runtime.Container) { c.Labels = nil }), []string{"start/runs what the spec describes"}},
		"makes and no more": {started(func(c *runtime.Container) { c.State = runtime.StateCreated }), []string{"start/returns once the process runs"}},
		"publishes on every address": {bySpec(func(_ context.Context, _ *Fake, spec *runtime.Spec, _ *runtime.StartOptions) error {
			spec.Publish = slices.Clone(spec.Publish)
			spec.Publish[0].HostIP = netip.IPv4Unspecified()
			return nil
		}), []string{"start/publishes where the spec says alone", "start/runs what the spec describes"}},
		"replaces nothing": {bySpec(func(ctx context.Context, f *Fake, spec *runtime.Spec, _ *runtime.StartOptions) error {
			if _, err := f.Inspect(ctx, spec.Name); err == nil {
				return problem(runtime.ErrForeign, "it is there")
			}
			return nil
		}), []string{"start/replaces ours that runs", "start/replaces ours that has exited", "start/replaces ours that never ran"}},
		"takes what is foreign": {bySpec(func(_ context.Context, f *Fake, spec *runtime.Spec, _ *runtime.StartOptions) error {
			own(f, spec.Name, spec.Labels)
			return nil
		}), []string{"start/refuses a foreign container", "start/refuses the container of another slot"}},
		"takes any image": {bySpec(func(_ context.Context, _ *Fake, _ *runtime.Spec, opts *runtime.StartOptions) error {
			opts.ImageID = ""
			return nil
		}), []string{"start/holds to the image id"}},
		"pulls at start": {bySpec(func(ctx context.Context, f *Fake, spec *runtime.Spec, _ *runtime.StartOptions) error {
			_, err := f.Pull(ctx, spec.Image, runtime.PullOptions{})
			return err
		}), []string{"start/never pulls", "start/needs the image"}},
		"leaves what failed": {faulty{start: func(ctx context.Context, f *Fake, spec runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
			c, err := f.Start(ctx, spec, opts)
			if err != nil {
				f.AddContainer(runtime.Container{Name: spec.Name, Labels: spec.Labels, State: runtime.StateCreated})
			}
			return c, err
		}}, []string{"start/leaves nothing without a command", "start/leaves nothing on a port in use", "start/refuses an invalid spec", "start/needs the image", "context/that has ended ends start"}},
		"starts one at a time": {alone(OpStart), []string{"start/concurrently leaves one"}},
	}
}

func stopFaults() map[string]fault {
	as := func(stop func(context.Context, *Fake, string, time.Duration) error) faulty { return faulty{stop: stop} }
	return map[string]fault{
		"kills at once": {as(func(ctx context.Context, f *Fake, name string, _ time.Duration) error { return f.Stop(ctx, name, 0) }), []string{"stop/kills after the grace"}},
		"never kills": {as(func(ctx context.Context, f *Fake, name string, _ time.Duration) error {
			return f.Stop(ctx, name, time.Hour)
		}), []string{"stop/kills after the grace", "stop/kills at once without a grace"}},
		"sends no SIGTERM": {as(func(ctx context.Context, f *Fake, name string, grace time.Duration) error {
			select {
			case <-time.After(grace):
			case <-ctx.Done():
				return failed(Call{OpStop, name}, ctx.Err())
			}
			return f.Stop(ctx, name, 0)
		}), []string{"stop/ends the process with SIGTERM", "stop/kills after the grace"}},
		"removes nothing": {as(func(ctx context.Context, f *Fake, name string, _ time.Duration) error {
			_ = f.Exit(name, 0)
			return ctx.Err()
		}), []string{"stop/removes one that has exited", "stop/ends the process with SIGTERM"}},
		"wants one to stop": {as(func(ctx context.Context, f *Fake, name string, grace time.Duration) error {
			if _, err := f.Inspect(ctx, name); err != nil {
				return err
			}
			return f.Stop(ctx, name, grace)
		}), []string{"stop/takes none for done"}},
		"stops what is foreign": {as(func(ctx context.Context, f *Fake, name string, grace time.Duration) error {
			own(f, name, map[string]string{runtime.LabelManaged: "true"})
			return f.Stop(ctx, name, grace)
		}), []string{"stop/refuses a foreign container"}},
		"stops whatever ctx says": {as(func(ctx context.Context, f *Fake, name string, _ time.Duration) error {
			return f.Stop(context.WithoutCancel(ctx), name, time.Second)
		}), []string{"stop/returns when ctx ends in the grace"}},
		"stops one at a time": {alone(OpStop), []string{"stop/concurrently"}},
	}
}
