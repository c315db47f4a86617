package hal0

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// A Diff is what keeps a box from what its files say: a step for each slot that
// is wanted or runs, sorted by slot.
type Diff []slot.Step

// Changes reports whether any step does anything.
func (d Diff) Changes() bool { return slices.ContainsFunc(d, slot.Step.Changes) }

// String returns the diff for people: a line for each slot, such as "replace
// chat: its container runs another plan", and below it one for each field that
// differs. It ends with a line end unless there is no step.
func (d Diff) String() string {
	var b strings.Builder
	for _, s := range d {
		fmt.Fprintf(&b, "%-7s %s: %s\n", s.Action, s.Slot, s.Reason)
		for _, field := range s.Differences {
			fmt.Fprintf(&b, "        %s\n", field)
		}
	}
	return b.String()
}

// Diff returns what [Box.Apply] would do, and does nothing. It asks the runtime
// once for all containers, and once for each image that is launched; the error
// is the runtime's. What is wrong with a slot is in its step.
func (b *Box) Diff(ctx context.Context, opts ...CallOption) (Diff, error) {
	c := b.call(opts)
	plan, err := b.planApply(ctx, &c)
	return plan.diff, err
}

// Parallel bounds how many slots [Box.Apply] works on at a time; at least 1. The
// default is 4: servers that start read their models from one disk, and more
// than a few at a time only share its speed.
func Parallel(n int) CallOption { return func(c *call) { c.parallel = max(1, n) } }

// OnDiff calls report once with what [Box.Apply] is about to do, before anything is
// done, from the calling goroutine.
func OnDiff(report func(Diff)) CallOption { return func(c *call) { c.diff = report } }

// A SlotResult is what [Box.Apply] did about one slot.
type SlotResult struct {
	slot.Step
	// Status is what the slot has come to; zero when it was left, or the step failed.
	Status Status
	// Err is why the step failed, or why the slot has no plan; nil otherwise.
	Err error
}

// MarshalJSON writes the step, with "status" and "error" where there is one.
func (r SlotResult) MarshalJSON() ([]byte, error) {
	v := struct {
		slot.Step
		Status *Status `json:"status,omitempty"`
		Error  string  `json:"error,omitempty"`
	}{Step: r.Step}
	if r.Status.Slot != "" {
		v.Status = &r.Status
	}
	if r.Err != nil {
		v.Error = r.Err.Error()
	}
	return json.Marshal(v)
}

// An ApplyResult is what [Box.Apply] did: one entry for each step of its [Diff],
// sorted by slot.
type ApplyResult []SlotResult

// Changed reports whether anything was done.
func (r ApplyResult) Changed() bool {
	return slices.ContainsFunc(r, func(s SlotResult) bool { return s.Changes() })
}

// Err returns the errors of all slots, or nil.
func (r ApplyResult) Err() error {
	errs := make([]error, len(r))
	for i, s := range r {
		errs[i] = s.Err
	}
	return errors.Join(errs...)
}

// Apply brings the box to what its files said when it was opened: it starts what
// does not run, replaces what runs another plan, and stops containers of hal0
// whose slot file is gone or says enabled = false. What runs its plan is adopted.
// A slot without a plan is left as it runs, and one for which others on the GPU would
// have to stop is not started; see [slot.Seat] and [Box.Diff].
//
// What only stops is stopped first, and so is what holds a port that another
// slot is to have. Then the slots come up side by side; see [Parallel]. One that
// fails does not keep the others from it. Each is brought up as [Box.Up] does,
// with the same options; what several slots report comes one after the other, but
// not from the calling goroutine. [OnDiff] tells what is to be done beforehand.
//
// Apply blocks until all is done or ctx ends. It may be called concurrently,
// also by several programs: they take turns at each slot, and who comes second
// adopts. The error holds those of all slots ([ApplyResult.Err]), or is the
// runtime's, and then nothing was done; nothing is done either where slots run and
// the directory of slot files is not there at all.
func (b *Box) Apply(ctx context.Context, opts ...CallOption) (ApplyResult, error) {
	c := b.call(opts)
	plan, err := b.planApply(ctx, &c)
	if err != nil {
		return nil, err
	}
	results := make(ApplyResult, len(plan.diff))
	for i, step := range plan.diff {
		results[i] = SlotResult{Step: step, Err: plan.errs[step.Slot]}
	}
	c.diff(plan.diff)
	opts = append(slices.Clip(opts), c.serially()...)
	plan.each(&c, func(i int) {
		if plan.stops(i) {
			results[i].Status, results[i].Err = b.stop(ctx, plan.diff[i].Slot, opts)
		}
	})
	plan.each(&c, func(i int) {
		if r := &results[i]; r.Action != slot.Stop && r.Action != slot.Leave && r.Err == nil {
			r.Status, r.Err = b.Up(ctx, r.Slot, opts...)
		}
	})
	return results, results.Err()
}

// stop takes a slot down whose file may be gone; that somebody else was faster is
// fine.
func (b *Box) stop(ctx context.Context, name string, opts []CallOption) (Status, error) {
	if err := b.Down(ctx, name, opts...); err != nil && !errors.Is(err, ErrNoSlot) {
		return Status{}, err
	}
	return Status{Slot: name, State: StateOffline}, nil
}

// An applying is a diff with what it takes to carry it out.
type applying struct {
	diff Diff
	errs map[string]error     // why a slot has no plan
	at   map[string][]int     // host ports of containers, by slot
	to   map[string]slot.Plan // by slot
}

// planApply looks at the containers and decides.
func (b *Box) planApply(ctx context.Context, c *call) (applying, error) {
	p := applying{errs: map[string]error{}, at: map[string][]int{}, to: map[string]slot.Plan{}}
	if b.opts.runtime == nil {
		return p, ErrNoRuntime
	}
	containers, err := b.opts.runtime.List(ctx, nil)
	if err != nil {
		return p, err
	}
	wanted := b.wanted(c)
	for _, w := range wanted {
		if p.to[w.Slot] = w.Plan; w.Err != nil {
			p.errs[w.Slot] = fmt.Errorf("slot %s: %w", w.Slot, w.Err)
		}
	}
	p.diff = b.seat(slot.Decide(wanted, containers), p.to)
	if b.noSlots && p.diff.Changes() {
		return p, fmt.Errorf("%s is not there, and slots run: make the directory, and leave it empty, to have them all stopped", b.home.Slots())
	}
	byID := map[string]*runtime.Container{}
	for i := range containers {
		byID[containers[i].ID] = &containers[i]
	}
	for i := range p.diff {
		s := &p.diff[i]
		running := byID[s.Container]
		if running == nil {
			continue
		}
		for _, port := range running.Publish {
			p.at[s.Slot] = append(p.at[s.Slot], port.HostPort)
		}
		plan := p.to[s.Slot]
		switch s.Action {
		case slot.Replace:
			s.Differences = b.drift(running, &plan)
		case slot.Adopt:
			b.judgeImage(ctx, c, s, running, &plan)
		default:
		}
	}
	return p, nil
}

// wanted are the box's slots as their files have them.
func (b *Box) wanted(c *call) []slot.Wanted {
	all := make([]slot.Wanted, len(b.slots))
	for i, e := range b.slots {
		w := slot.Wanted{Slot: e.name}
		w.Plan, w.Err = b.resolve(e.name, c)
		if s, err := b.Slot(e.name); err == nil && !s.IsEnabled() {
			w.Disabled, w.Err = true, nil // it needs no plan
		}
		all[i] = w
	}
	return all
}

// judgeImage makes a replacement of an adoption that Up would refuse: the name in
// the plan has come to mean another image. An image that is not there is for Up
// to tell.
func (b *Box) judgeImage(ctx context.Context, c *call, s *slot.Step, running *runtime.Container, plan *slot.Plan) {
	if c.verify != VerifyEnforce {
		return
	}
	image, err := b.opts.runtime.Image(ctx, plan.Spec.Image)
	if err != nil || image.ID == running.ImageID {
		return
	}
	s.Action, s.Reason = slot.Replace, "its image is another one today"
	s.Differences = []slot.Difference{{Field: "image_id", Running: short(running.ImageID), Planned: short(image.ID)}}
}

// stops reports whether a step begins with taking the slot down: for good, or
// because its port is to be another slot's.
func (p *applying) stops(i int) bool {
	s := p.diff[i]
	if s.Action == slot.Stop {
		return true
	}
	return s.Action == slot.Replace && slices.ContainsFunc(p.diff, func(o slot.Step) bool {
		return o.Slot != s.Slot && (o.Action == slot.Start || o.Action == slot.Replace) &&
			slices.ContainsFunc(p.to[o.Slot].Spec.Publish, func(port runtime.Port) bool { return slices.Contains(p.at[s.Slot], port.HostPort) })
	})
}

// each calls do for every step, several at a time.
func (p *applying) each(c *call, do func(i int)) {
	var all errgroup.Group
	all.SetLimit(c.parallel)
	for i := range p.diff {
		all.Go(func() error { do(i); return nil })
	}
	_ = all.Wait() // errors are in the results
}

// serially are options under which several goroutines report as one would.
func (c *call) serially() []CallOption {
	var mu sync.Mutex
	return []CallOption{OnProgress(serial(&mu, c.progress)), OnPull(serial(&mu, c.pull))}
}

// serial returns report for several goroutines: one at a time calls it, or another
// one of the same lock.
func serial[T any](mu *sync.Mutex, report func(T)) func(T) {
	return func(v T) {
		mu.Lock()
		defer mu.Unlock()
		report(v)
	}
}
