package runtimetest

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

func lookFaults() map[string]fault {
	inspect := func(look func(context.Context, *Fake, string) (runtime.Container, error)) faulty {
		return faulty{inspect: look}
	}
	list := func(look func(context.Context, *Fake, map[string]string) ([]runtime.Container, error)) faulty {
		return faulty{list: look}
	}
	return map[string]fault{
		"forgets exit codes": {inspect(func(ctx context.Context, f *Fake, name string) (runtime.Container, error) {
			c, err := f.Inspect(ctx, name)
			c.ExitCode = 0
			return c, err
		}), []string{"inspect/tells of an exit", "list/tells what inspect tells"}},
		"finds by the beginning of an id": {inspect(func(ctx context.Context, f *Fake, name string) (runtime.Container, error) {
			list, err := f.List(ctx, nil)
			for _, c := range list {
				if strings.HasPrefix(c.ID, name) {
					return c, err
				}
			}
			return f.Inspect(ctx, name)
		}), []string{"inspect/takes exact names"}},
		"lists in reverse": {list(func(ctx context.Context, f *Fake, labels map[string]string) ([]runtime.Container, error) {
			list, err := f.List(ctx, labels)
			slices.Reverse(list)
			return list, err
		}), []string{"list/goes by every label, sorted", "list/without labels is all of ours"}},
		"lists foreign ones": {list(func(ctx context.Context, f *Fake, labels map[string]string) ([]runtime.Container, error) {
			if labels == nil {
				labels = map[string]string{runtime.LabelSlot: "slot"}
			}
			return f.List(ctx, labels)
		}), []string{"list/without labels is all of ours"}},
		"lists by one label": {list(func(ctx context.Context, f *Fake, labels map[string]string) ([]runtime.Container, error) {
			labels = maps.Clone(labels)
			delete(labels, runtime.LabelSlot)
			return f.List(ctx, labels)
		}), []string{"list/goes by every label, sorted"}},
	}
}

func logFaults() map[string]fault {
	return map[string]fault{
		"drops standard error": {logged(func(l *runtime.Line) bool { return !l.Stderr }), []string{"logs/are all lines, oldest first", "logs/cut long lines"}},
		"says nothing is cut":  {logged(func(l *runtime.Line) bool { l.Truncated = false; return true }), []string{"logs/cut long lines"}},
		"passes escapes on":    {logged(func(l *runtime.Line) bool { l.Text = "\x1b" + l.Text; return true }), []string{"logs/are safe to print"}},
		"always follows":       {asked(func(o *runtime.LogOptions) { o.Follow = true }), []string{"logs/are so far"}},
		"never follows":        {asked(func(o *runtime.LogOptions) { o.Follow = false }), []string{"logs/follow until the exit"}},
		"ends without the context's error": {faulty{logs: func(ctx context.Context, f *Fake, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
			return func(yield func(runtime.Line, error) bool) {
				for line, err := range f.Logs(ctx, name, opts) {
					if err != nil || !yield(line, nil) {
						return
					}
				}
			}
		}}, []string{"logs/of a silent program end with the context's error", "logs/end with the context's error"}},
		"has no tail":   {asked(func(o *runtime.LogOptions) { o.Tail = 0 }), []string{"logs/begin with the tail"}},
		"forgets since": {asked(func(o *runtime.LogOptions) { o.Since = time.Time{} }), []string{"logs/leave out what is older"}},
		"leaves a goroutine": {faulty{logs: func(ctx context.Context, f *Fake, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
			go func() { select {} }()
			return f.Logs(ctx, name, opts)
		}}, []string{"logs/can be left"}},
	}
}

func imageFaults() map[string]fault {
	image := func(look func(context.Context, *Fake, string) (runtime.Image, error)) faulty {
		return faulty{image: look}
	}
	pull := func(fetch func(context.Context, *Fake, string, runtime.PullOptions) (runtime.Image, error)) faulty {
		return faulty{pull: fetch}
	}
	var one sync.Mutex
	return map[string]fault{
		"gives ids with an algorithm": {image(func(ctx context.Context, f *Fake, ref string) (runtime.Image, error) {
			i, err := f.Image(ctx, ref)
			i.ID = "sha256:" + i.ID
			return i, err
		}), []string{"image/tells of a local one"}},
		"pulls what it is asked about": {image(func(ctx context.Context, f *Fake, ref string) (runtime.Image, error) {
			return f.Pull(ctx, ref, runtime.PullOptions{})
		}), []string{"image/asks no registry", "image/finds no other"}},
		"reports nothing": {pull(func(ctx context.Context, f *Fake, ref string, opts runtime.PullOptions) (runtime.Image, error) {
			return f.Pull(ctx, ref, runtime.PullOptions{Always: opts.Always})
		}), []string{"pull/fetches an image and says how"}},
		"fetches again": {pull(func(ctx context.Context, f *Fake, ref string, opts runtime.PullOptions) (runtime.Image, error) {
			f.mu.Lock()
			clear(f.images)
			f.mu.Unlock()
			return f.Pull(ctx, ref, opts)
		}), []string{"pull/leaves one that is present"}},
		"asks only for what is missing": {pull(func(ctx context.Context, f *Fake, ref string, opts runtime.PullOptions) (runtime.Image, error) {
			return f.Pull(ctx, ref, runtime.PullOptions{Report: opts.Report})
		}), []string{"pull/asks for one that is present when told to"}},
		"keeps parts": {pull(func(ctx context.Context, f *Fake, ref string, opts runtime.PullOptions) (runtime.Image, error) {
			i, err := f.Pull(ctx, ref, opts)
			if err != nil {
				f.AddImage(ref, Program{})
			}
			return i, err
		}), []string{"pull/fails where no registry has it", "pull/that fails leaves no part", "pull/that is given up leaves no part", "pull/ends when the last one leaves"}},
		"shares nothing": {pull(func(ctx context.Context, f *Fake, ref string, opts runtime.PullOptions) (runtime.Image, error) {
			name, err := canonical(ref)
			if err != nil {
				return runtime.Image{}, err
			}
			return f.fetch(ctx, name, opts.Report)
		}), []string{"pull/is shared", "pull/goes on when one leaves"}},
		"never gives up": {pull(func(ctx context.Context, f *Fake, ref string, opts runtime.PullOptions) (runtime.Image, error) {
			return f.Pull(context.WithoutCancel(ctx), ref, opts)
		}), []string{"pull/that is given up leaves no part", "pull/ends when the last one leaves"}},
		"waits for every report": {pull(func(ctx context.Context, f *Fake, ref string, opts runtime.PullOptions) (runtime.Image, error) {
			report := opts.Report
			opts.Report = func(s runtime.PullStep) {
				one.Lock()
				defer one.Unlock()
				report(s)
			}
			return f.Pull(ctx, ref, opts)
		}), []string{"pull/is not slowed by a slow report"}},
	}
}

// serviceFaults are of all methods.
func serviceFaults() map[string]fault {
	classless := func(_ context.Context, _ Call, do func() error) error {
		if err := do(); err != nil {
			return errors.New(err.Error())
		}
		return nil
	}
	no := context.WithoutCancel
	return map[string]fault{
		"has errors without a class": {faulty{hook: classless}, []string{
			"start/needs the image", "start/refuses an invalid spec", "stop/refuses a foreign container", "inspect/finds no other name",
			"logs/of nothing are not found", "image/finds no other", "pull/fails where no registry has it"}},
		"heeds no context": {faulty{
			start: func(ctx context.Context, f *Fake, spec runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
				return f.Start(no(ctx), spec, opts)
			},
			stop: func(ctx context.Context, f *Fake, name string, grace time.Duration) error {
				return f.Stop(no(ctx), name, grace)
			},
			inspect: func(ctx context.Context, f *Fake, name string) (runtime.Container, error) {
				return f.Inspect(no(ctx), name)
			},
			list: func(ctx context.Context, f *Fake, labels map[string]string) ([]runtime.Container, error) {
				return f.List(no(ctx), labels)
			},
			logs: func(ctx context.Context, f *Fake, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
				return f.Logs(no(ctx), name, opts)
			},
			image: func(ctx context.Context, f *Fake, ref string) (runtime.Image, error) { return f.Image(no(ctx), ref) },
			pull: func(ctx context.Context, f *Fake, ref string, opts runtime.PullOptions) (runtime.Image, error) {
				return f.Pull(no(ctx), ref, opts)
			},
		}, []string{"context/that has ended ends start", "context/that has ended ends stop", "context/that has ended ends inspect",
			"context/that has ended ends list", "context/that has ended ends logs", "context/that has ended ends image", "context/that has ended ends pull"}},
		"has one caller at a time": {alone(OpStart), []string{"service/may be called concurrently"}},
	}
}
