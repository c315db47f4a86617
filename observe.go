package hal0

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

const (
	// lookEvery is the pause between two rounds of asking servers: what a runtime
	// tells nobody of, such as a server that hangs, is seen in the next one.
	lookEvery = 500 * time.Millisecond
	// lookAgain is the pause after a server that was ready did not answer.
	lookAgain = 100 * time.Millisecond
	// listEvery is how often a runtime that tells what happens is asked for all
	// containers nevertheless: podman takes 1 ms for each.
	listEvery = 10 * time.Second
	// firstWithin bounds how long the first step waits for servers to answer.
	firstWithin = 2 * time.Second
	// strikesOut is how many times in a row a server that was ready has to fail its
	// probe to be taken for dead.
	strikesOut = 2
)

// Observe yields the status of all slots, and then what changes in it. A step of
// the loop holds the slots that changed, sorted by name: the first one all of
// them, and of [Box.StatusAll]; a slot that is gone with its file comes once
// more, as offline. A change is another state or container, or what is done about a
// crash.
//
// What a [runtime.Watcher] tells is seen at once, other things within a second or
// so: a server that was ready and fails its probe twice is in the error state,
// whatever the runtime says of its container, and ready again when it answers.
// Once ready a server is asked only what costs it nothing. States may be skipped,
// as things happen faster than somebody looks.
//
// A runtime that can't be reached is an error that is not the end
// ([runtime.ErrUnavailable]): nothing is known until the next step, which has all
// slots again. Any other error is the last step. The loop ends when ctx does;
// nothing is left running after it. Each loop over the result observes by itself.
//
// The slots are those of the box's files as they were when it was opened. [Watch]
// tells of changes to the files.
func (b *Box) Observe(ctx context.Context, opts ...CallOption) iter.Seq2[[]Status, error] {
	return func(yield func([]Status, error) bool) {
		if b.opts.runtime == nil {
			yield(nil, ErrNoRuntime)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		c := b.call(opts)
		o := &observer{
			box: b, wake: make(chan struct{}, 1), verdicts: make(chan verdict),
			seen: map[string]Status{}, asking: map[string]string{}, strikes: map[string]int{},
		}
		o.keeper = newKeeper(o, &c, opts)
		defer o.tasks.Wait()
		defer cancel()
		if w, ok := b.opts.runtime.(runtime.Watcher); ok {
			o.watched = true
			o.tasks.Go(func() { o.follow(ctx, w) })
		}
		o.run(ctx, yield)
	}
}

// An observer is one observation. All but its tasks runs in the consumer's
// goroutine.
type observer struct {
	box    *Box
	keeper *keeper
	tasks  sync.WaitGroup

	wake     chan struct{} // something happened: look
	verdicts chan verdict

	watched bool // by the runtime, what happens
	list    []runtime.Container
	listed  time.Time
	seen    map[string]Status // what the consumer was told, by slot
	asking  map[string]string // the container that is being asked, by slot
	strikes map[string]int    // by container
}

// A verdict is what asking a slot's container gave.
type verdict struct {
	status Status
	id     string
}

// follow wakes the observer whenever the runtime tells something.
func (o *observer) follow(ctx context.Context, w runtime.Watcher) {
	for _, err := range w.Events(ctx) {
		if err != nil {
			return // ctx has ended
		}
		select {
		case o.wake <- struct{}{}:
		default: // it is about to look anyway
		}
	}
}

// run looks, tells and waits until ctx ends or the consumer has enough.
func (o *observer) run(ctx context.Context, yield func([]Status, error) bool) {
	first, lost := true, false
	for ctx.Err() == nil {
		containers, err := o.containers(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !lost:
			if !yield(nil, err) || !errors.Is(err, runtime.ErrUnavailable) {
				return
			}
			first, lost = true, true
			o.seen = map[string]Status{}
			o.asking = map[string]string{} // what servers still answer is not all there is to know
			o.listed = time.Time{}
		case err == nil:
			lost = false
			changes := o.look(ctx, containers)
			if first {
				changes = append(changes, o.gather(ctx, containers)...)
			}
			if (first || len(changes) > 0) && ctx.Err() == nil && !yield(sorted(changes), nil) {
				return
			}
			first = false
		}
		if !o.wait(ctx, yield) {
			return
		}
	}
}

// containers returns all containers: as they were listed last, where nothing is
// known to have happened since.
func (o *observer) containers(ctx context.Context) (list []runtime.Container, err error) {
	if o.watched && time.Since(o.listed) < listEvery {
		return o.list, nil
	}
	begun := time.Now()
	if o.list, err = o.box.opts.runtime.List(ctx, nil); err == nil {
		o.listed = begun
	}
	return o.list, err
}

// wait waits for the next look, and tells meanwhile what comes in; false is the
// end.
func (o *observer) wait(ctx context.Context, yield func([]Status, error) bool) bool {
	next := time.NewTimer(lookEvery)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-o.wake:
			o.listed = time.Time{}
			return true
		case <-next.C:
			return true
		case v := <-o.verdicts:
			changes := o.judge(ctx, v)
			if len(changes) > 0 && !yield(changes, nil) {
				return false
			}
			if o.strikes[v.id] == 1 {
				next.Reset(lookAgain)
			}
		case r := <-o.keeper.results:
			if changes := o.keeper.ended(ctx, r); len(changes) > 0 && !yield(changes, nil) {
				return false
			}
		}
	}
}
