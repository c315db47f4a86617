package hal0

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// look takes in what containers there are: it asks those that have something to
// tell, and returns what has changed already.
func (o *observer) look(ctx context.Context, containers []runtime.Container) []Status {
	byName := map[string]*runtime.Container{}
	for i, c := range containers {
		if name := c.Labels[runtime.LabelSlot]; c.Name == slot.ContainerName(name) {
			byName[name] = &containers[i]
		}
	}
	var changes []Status
	for _, name := range o.names(byName) {
		c := byName[name]
		if c != nil {
			o.ask(ctx, name, c)
			continue
		}
		delete(o.asking, name) // what it says is about a container that is gone
		changes = append(changes, o.told(o.keeper.annotate(o.box.absent(name)))...)
		if _, err := o.box.entry(name); errors.Is(err, ErrNoSlot) {
			delete(o.seen, name)
		}
	}
	return changes
}

// names are all slots that there are or were, sorted.
func (o *observer) names(containers map[string]*runtime.Container) []string {
	names := slices.AppendSeq(o.box.Names(), maps.Keys(containers))
	names = slices.AppendSeq(names, maps.Keys(o.seen))
	slices.Sort(names)
	return slices.Compact(names)
}

// ask asks a container for its state, unless that is under way, or nothing can
// have changed.
func (o *observer) ask(ctx context.Context, name string, c *runtime.Container) {
	known := o.seen[name]
	same := known.Container != nil && known.Container.ID == c.ID
	if o.asking[name] == c.ID || same && known.Exit != nil && c.State == runtime.StateExited {
		return
	}
	o.asking[name] = c.ID
	up := same && answers(known.State)
	suspect := o.strikes[c.ID] > 0
	o.tasks.Go(func() {
		s := o.box.status(ctx, name, *c, up || suspect)
		if suspect && s.State == StateWarming {
			s = o.box.second(ctx, s)
		}
		select {
		case o.verdicts <- verdict{s, c.ID}:
		case <-ctx.Done():
		}
	})
}

// second is a second opinion on a server that does not answer: a container that
// was looked at alone may turn out not to run.
func (b *Box) second(ctx context.Context, s Status) Status {
	c, err := b.opts.runtime.Inspect(ctx, s.Container.Name)
	if err != nil || c.ID != s.Container.ID || c.State == runtime.StateRunning {
		return s
	}
	return b.status(ctx, s.Slot, c, true)
}

// answers reports whether a server in that state has passed its probe.
func answers(s State) bool { return s == StateReady || s == StateServing || s == StateIdle }

// gather waits a while for what was asked, and returns all that the consumer has
// to be told at first.
func (o *observer) gather(ctx context.Context, containers []runtime.Container) []Status {
	var changes []Status
	over := time.NewTimer(firstWithin)
	defer over.Stop()
	for len(o.asking) > 0 {
		select {
		case v := <-o.verdicts:
			changes = append(changes, o.judge(ctx, v)...)
			continue
		case <-ctx.Done():
			return nil
		case <-over.C:
		}
		break
	}
	for _, c := range containers {
		name := c.Labels[runtime.LabelSlot]
		if _, late := o.asking[name]; late {
			changes = append(changes, o.told(Status{Slot: name, State: StateWarming, Reason: "its server has not answered yet", Container: &c})...)
		}
	}
	return changes
}

// judge takes a verdict in, and returns what it changes.
func (o *observer) judge(ctx context.Context, v verdict) []Status {
	s := v.status
	if o.asking[s.Slot] != v.id {
		return nil // it is about another container than there is now
	}
	delete(o.asking, s.Slot)
	if answers(s.State) {
		delete(o.strikes, v.id)
	}
	if s.State != StateWarming {
		if s.State == StateError && o.strikes[v.id] > 0 {
			o.strikes[v.id] = strikesOut
		}
		return o.told(o.keeper.judge(ctx, s))
	}
	before := o.seen[s.Slot]
	if before.Container == nil || before.Container.ID != v.id || !answers(before.State) && o.strikes[v.id] < strikesOut {
		return o.told(s)
	}
	if o.strikes[v.id]++; o.strikes[v.id] < strikesOut {
		return nil
	}
	s.State, s.Reason = StateError, fmt.Sprintf("its server no longer answers, and its container is %s: %s", s.Container.State, s.Reason)
	return o.told(o.keeper.judge(ctx, s))
}

// told returns s if the consumer has not been told it.
func (o *observer) told(s Status) []Status {
	before, known := o.seen[s.Slot]
	if known && equal(before, s) {
		return nil
	}
	o.seen[s.Slot] = s
	return []Status{s}
}

// equal reports whether two statuses of a slot say the same to somebody who
// observes: what a server answers while it warms up does not count.
func equal(a, b Status) bool {
	same := a.State == b.State && a.Current == b.Current && (a.Container == nil) == (b.Container == nil)
	if same && a.Container != nil {
		same = a.Container.ID == b.Container.ID && a.Container.State == b.Container.State
	}
	if same && (a.Restart == nil) == (b.Restart == nil) && a.Restart != nil {
		same = *a.Restart == *b.Restart
	}
	return same && (a.Restart == nil) == (b.Restart == nil)
}

func sorted(list []Status) []Status {
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Slot, b.Slot) })
	return list
}
