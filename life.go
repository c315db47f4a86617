package hal0

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// An Event is one step of a slot's life, or news within a state: State is then
// From.
type Event struct {
	Slot string `json:"slot"`
	// From is the state that the slot was in. It goes to State by an edge of the
	// table of [State.Next].
	From    State  `json:"from"`
	State   State  `json:"state"`
	Message string `json:"message"`
	// Warning is set where something is amiss that does not keep the slot from
	// going on.
	Warning bool `json:"warning,omitempty"`
}

// A life takes one slot from state to state during one call: by the edges of the
// table and no other, telling the caller of each step and writing it down.
type life struct {
	slot  string
	state State // "" until begin
	tell  func(Event)
	now   func() time.Time

	hold   hold
	record Record
	unwell bool     // the record can't be written
	amiss  []string // to be told once there is a state to tell it in
}

// enter waits for the slot's turn, in this program and among others. What it
// returns besides is as for [gates.enter].
func (b *Box) enter(ctx context.Context, name string, c *call, interruptible bool) (inside context.Context, l *life, leave func(), err error) {
	inside, leaveGate, err := b.gates.enter(ctx, name, interruptible)
	if err != nil {
		return nil, nil, nil, err
	}
	l = &life{slot: name, tell: c.progress, now: b.opts.now, record: Record{Slot: name}}
	l.hold, err = b.hold(inside, name)
	switch {
	case errors.Is(err, ErrLocked):
		leaveGate()
		return nil, nil, nil, fmt.Errorf("slot %s: another program works on it: %w", name, err)
	case err != nil:
		l.amiss = append(l.amiss, fmt.Sprintf("nothing keeps other programs from this slot, and its state is not written down: %v", err))
	}
	if old, ok := b.recorded(name); ok {
		l.record = old
	}
	return inside, l, func() { l.hold.release(); leaveGate() }, nil
}

// begin says in what state the call finds the slot.
func (l *life) begin(s State) {
	l.state = s
	for _, text := range l.amiss {
		l.warn("%s", text)
	}
	l.amiss = nil
}

// to takes the slot to its next state. An illegal step is a mistake in this
// package: it is told, and not taken.
func (l *life) to(next State, format string, args ...any) {
	from := l.state
	var err error
	if l.state, err = from.To(next); err != nil {
		l.warn("%v", err)
		return
	}
	message := fmt.Sprintf(format, args...)
	l.tell(Event{Slot: l.slot, From: from, State: next, Message: message})
	l.write(message)
}

// note tells something that does not change the state.
func (l *life) note(format string, args ...any) {
	l.tell(Event{Slot: l.slot, From: l.state, State: l.state, Message: fmt.Sprintf(format, args...)})
}

// warn is note for what is amiss.
func (l *life) warn(format string, args ...any) {
	l.tell(Event{Slot: l.slot, From: l.state, State: l.state, Message: fmt.Sprintf(format, args...), Warning: true})
}

// fail takes the slot to the error state, by way of what must lie between.
func (l *life) fail(err error) {
	switch l.state {
	case "":
		return // nothing was begun
	case StateError:
		l.note("%v", err)
		return
	case StateOffline:
		l.to(StateStarting, "not started")
	case StateIdle:
		l.to(StateUnloading, "not usable")
	default:
	}
	l.to(StateError, "%v", err)
}

// runs notes the container that the slot has, and the plan that it runs.
func (l *life) runs(c *runtime.Container, plan *slot.Plan) {
	l.record.Model, l.record.Port = plan.Model, plan.Spec.Publish[0].HostPort
	l.record.Launch = launch(c, plan)
}

// adopts is runs for a container that was there already. It is written down unless
// that has been done.
func (l *life) adopts(c *runtime.Container, plan *slot.Plan) {
	old := l.record
	l.runs(c, plan)
	if old.State != l.state || old.Launch.Container != c.ID || old.Launch.Plan != plan.Hash {
		l.write("adopted")
	}
}

// write writes the state down. It is told when that fails, once.
func (l *life) write(message string) {
	if l.state == StateOffline {
		l.record.Launch = Launch{}
	}
	l.record.State, l.record.Message, l.record.Updated = l.state, message, l.now()
	l.written(l.hold.write(l.record))
}

// written tells of a record that could not be written, once: it does not keep
// the slot from anything.
func (l *life) written(err error) {
	if err != nil && !l.unwell {
		l.unwell = true
		l.warn("its state is not written down: %v", err)
	}
}

// rest leaves of a slot that is down no more than it should: an offline record
// while it has a file, and nothing without.
func (l *life) rest(hasFile bool) {
	switch {
	case !hasFile:
		l.written(l.hold.forget())
	case l.record.State != "" && l.record.State != StateOffline:
		l.write("it has no container")
	}
}
