package hal0

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// A RestartPolicy says when [Box.Observe] brings a slot up again that crashed: the
// first time after First, then after twice as long each time, up to Max, and no
// more after Attempts in a row. A slot that was ready for Settled begins anew.
//
// What is 0 has its default, which [RestartPolicy.WithDefaults] fills in.
type RestartPolicy struct {
	First    time.Duration // 1 second
	Max      time.Duration // 1 minute: as long as a server takes to load a large model
	Attempts int           // 5
	Settled  time.Duration // 10 minutes
}

// WithDefaults returns the policy with its defaults, and none of them below 0.
func (p RestartPolicy) WithDefaults() RestartPolicy {
	or := func(d, otherwise time.Duration) time.Duration {
		if d <= 0 {
			return otherwise
		}
		return d
	}
	p.First, p.Max, p.Settled = or(p.First, time.Second), or(p.Max, time.Minute), or(p.Settled, 10*time.Minute)
	if p.Attempts <= 0 {
		p.Attempts = 5
	}
	return p
}

// Delay returns how long to wait before an attempt, counted from 1.
func (p RestartPolicy) Delay(attempt int) time.Duration {
	p = p.WithDefaults()
	d := min(p.First, p.Max)
	for ; attempt > 1 && d < p.Max; attempt-- {
		d = min(2*d, p.Max)
	}
	return d
}

// RestartCrashed makes [Box.Observe] bring slots up again whose server ended by
// itself or no longer answers, as long as the loop goes on. It is [Box.Up] with
// the options of the Observe. A slot that is taken down, disabled or without a
// plan stays as it is, and so does one that ran another plan than the box has for it:
// its file, or who brought it up, has changed, and a restart changes nothing. Without
// this option nothing is restarted.
func RestartCrashed(p RestartPolicy) CallOption {
	return func(c *call) { c.restart = new(p.WithDefaults()) }
}

// A Restart is what is done about a slot that crashed.
type Restart struct {
	// Attempt counts the attempts since the slot was last up for long, from 1.
	Attempt int `json:"attempt"`
	// In is how long after the crash the attempt is made, as JSON in nanoseconds.
	In time.Duration `json:"in"`
	// GaveUp is set when no further attempt is made; Attempt is then how many there
	// were.
	GaveUp bool `json:"gave_up,omitempty"`
}

// A keeper restarts the crashed slots of one observer. All but its tasks runs in
// the consumer's goroutine.
type keeper struct {
	observer *observer
	policy   *RestartPolicy // nil: nothing is restarted
	call     *call
	opts     []CallOption
	slots    map[string]*kept
	results  chan restarted
}

// kept is what is known of one slot.
type kept struct {
	attempts int
	ready    time.Time // since when it was; zero when it is not
	pending  bool      // an attempt waits or is under way
	restart  Restart
}

// restarted is how an attempt ended.
type restarted struct {
	slot    string
	dropped bool // somebody else decided about the slot
	err     error
}

func newKeeper(o *observer, c *call, opts []CallOption) *keeper {
	return &keeper{
		observer: o, policy: c.restart, call: c, slots: map[string]*kept{}, results: make(chan restarted),
		opts: append(slices.Clip(opts), c.serially()...),
	}
}

// judge looks at what a slot has come to, and says in its status what is done
// about it.
func (k *keeper) judge(ctx context.Context, s Status) Status {
	if k.policy == nil {
		return s
	}
	of := k.slots[s.Slot]
	if of == nil {
		of = &kept{}
		k.slots[s.Slot] = of
	}
	switch {
	case answers(s.State):
		if of.ready.IsZero() {
			of.ready = k.observer.box.opts.now()
		}
	case s.State == StateError && k.ours(&s):
		k.crashed(ctx, of, &s)
	}
	return s
}

// ours reports whether a slot has a container that runs what a restart would.
func (k *keeper) ours(s *Status) bool {
	if s.Container == nil || !s.Container.Managed() {
		return false
	}
	plan, err := k.observer.box.resolve(s.Slot, k.call)
	return err == nil && s.Container.Labels[runtime.LabelPlan] == plan.Hash
}

// crashed plans an attempt, unless one is, or there were enough.
func (k *keeper) crashed(ctx context.Context, of *kept, s *Status) {
	ready := of.ready
	if !ready.IsZero() && k.observer.box.opts.now().Sub(ready) >= k.policy.Settled {
		of.attempts = 0
	}
	if !of.pending && (!of.restart.GaveUp || !ready.IsZero()) {
		k.plan(ctx, of, s.Slot, s.Container)
	}
	s.Restart = new(of.restart)
}

// plan makes the next attempt, or gives up.
func (k *keeper) plan(ctx context.Context, of *kept, name string, c *runtime.Container) {
	of.ready = time.Time{}
	if of.attempts == k.policy.Attempts {
		of.restart = Restart{Attempt: of.attempts, GaveUp: true}
		return
	}
	of.attempts++
	of.pending = true
	of.restart = Restart{Attempt: of.attempts, In: k.policy.Delay(of.attempts)}
	wait := of.restart.In
	k.observer.tasks.Go(func() {
		r := restarted{slot: name}
		if k.observer.box.opts.sleep(ctx, wait) != nil {
			return
		}
		if r.dropped = !k.stands(ctx, name, c); !r.dropped {
			_, r.err = k.observer.box.Up(ctx, name, k.opts...)
		}
		select {
		case k.results <- r:
		case <-ctx.Done():
		}
	})
}

// stands reports whether a slot still is as it crashed: with the container that
// it had, which nobody takes down, or without one because it could not be started
// again.
func (k *keeper) stands(ctx context.Context, name string, c *runtime.Container) bool {
	b := k.observer.box
	now, err := b.opts.runtime.Inspect(ctx, slot.ContainerName(name))
	switch {
	case err == nil:
		return c != nil && now.ID == c.ID && !b.toldToEnd(name, &now)
	case !errors.Is(err, runtime.ErrNotFound) || c != nil:
		return false
	}
	r, ok := b.recorded(name)
	return !b.keepsRecords() || ok && r.State == StateError
}

// ended takes in how an attempt ended, and returns what that changes.
func (k *keeper) ended(ctx context.Context, r restarted) []Status {
	of := k.slots[r.slot]
	of.pending = false
	switch {
	case r.err == nil || r.dropped:
		of.restart = Restart{}
		return nil // the next look shows it
	case errors.Is(r.err, ErrStopped), errors.Is(r.err, ErrDisabled), errors.Is(r.err, ErrInvalid), errors.Is(r.err, ErrNoSlot):
		of.restart = Restart{Attempt: of.attempts, GaveUp: true}
	default:
		k.plan(ctx, of, r.slot, nil)
	}
	s := Status{Slot: r.slot, State: StateError, Reason: fmt.Sprintf("it could not be restarted: %v", r.err)}
	return k.observer.told(k.annotate(s))
}

// annotate says in the status of a slot without a container what is done about
// it.
func (k *keeper) annotate(s Status) Status {
	if of := k.slots[s.Slot]; of != nil && s.State == StateError && of.restart != (Restart{}) {
		s.Restart = new(of.restart)
	}
	return s
}
