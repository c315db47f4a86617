package hal0

import (
	"context"
	"fmt"
	"strings"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// A RoomError is a slot that [Box.Up] does not bring up, because others on the GPU
// would have to stop first. It matches [ErrNoRoom].
type RoomError struct {
	// Decision says which slots would have to stop, and why.
	Decision slot.Decision
}

// Error names the slots that would have to stop, why, and what to do.
func (e *RoomError) Error() string {
	names, reasons := make([]string, len(e.Decision.Stop)), make([]string, len(e.Decision.Stop))
	for i, s := range e.Decision.Stop {
		names[i], reasons[i] = s.Slot, s.Message
	}
	return fmt.Sprintf("slot %s: %v: %s; take %s down first, or tell it to make room",
		e.Decision.Wanted, ErrNoRoom, strings.Join(reasons, "; "), strings.Join(names, " and "))
}

// Is reports whether target is [ErrNoRoom].
func (e *RoomError) Is(target error) bool { return target == ErrNoRoom }

// MakeRoom lets [Box.Up] take down those slots on the GPU that have to stop first,
// instead of refusing with a [RoomError]. [Box.Room] tells beforehand which those
// are, and which of them are to come up again afterwards: that is the caller's to do.
func MakeRoom() CallOption { return func(c *call) { c.makeRoom = true } }

// Room returns which slots on the GPU have to stop before the slot may come up, and
// why; see [slot.Arbitrate]. It asks the runtime once what runs, and reads the
// metadata of models for what they take. Slots that run count as their files say
// now; one that has no plan any more is not counted. The error is the slot's own, as of [Box.Resolve], or the
// runtime's.
func (b *Box) Room(ctx context.Context, name string, opts ...CallOption) (slot.Decision, error) {
	c := b.call(opts)
	if b.opts.runtime == nil {
		return slot.Decision{}, ErrNoRuntime
	}
	plan, err := b.resolve(name, &c)
	if err != nil {
		return slot.Decision{}, err
	}
	return b.room(ctx, &plan, &c)
}

func (b *Box) room(ctx context.Context, plan *slot.Plan, c *call) (slot.Decision, error) {
	if !plan.Device.IsGPU() {
		return slot.Arbitrate(b.tenant(plan), nil, slot.Memory{}), nil
	}
	containers, err := b.opts.runtime.List(ctx, nil)
	if err != nil {
		return slot.Decision{}, err
	}
	var running []slot.Tenant
	for _, ran := range containers {
		name := ran.Labels[runtime.LabelSlot]
		if ran.State == runtime.StateExited || ran.Name != slot.ContainerName(name) {
			continue
		}
		if other, err := b.resolve(name, c); err == nil {
			running = append(running, b.tenant(&other))
		}
	}
	return slot.Arbitrate(b.tenant(plan), running, b.pool()), nil
}

// tenant is a slot with what it takes of the GPU's memory, as far as that is known.
func (b *Box) tenant(plan *slot.Plan) slot.Tenant {
	t := slot.Tenant{Slot: plan.Slot, Device: plan.Device, Type: plan.Type}
	if !plan.Device.IsGPU() {
		return t
	}
	if e, _ := b.estimate(plan); e != nil {
		t.Bytes = e.Total()
	}
	return t
}

// seat leaves out those starts for which there is no room on the GPU.
func (b *Box) seat(steps []slot.Step, plans map[string]slot.Plan) []slot.Step {
	tenants := map[string]slot.Tenant{}
	for _, s := range steps {
		if plan, ok := plans[s.Slot]; ok && plan.Device.IsGPU() {
			tenants[s.Slot] = b.tenant(&plan)
		}
	}
	if len(tenants) < 2 {
		return steps
	}
	return slot.Seat(steps, tenants, b.pool())
}

// onGPU is the gate that those pass one by one who start a container on the GPU: each
// sees what the one before has started. No slot has that name. Other programs are not
// kept out: they would have to hold the slots that they take down.
const onGPU = "the GPU"

// room waits until no other slot is being started on the GPU, and sees to it that
// there is room for this one. Once its container runs, taken lets the next one look.
func (u *up) room(ctx context.Context) (taken func(), err error) {
	if !u.plan.Device.IsGPU() {
		return func() {}, nil
	}
	inside, leave, err := u.box.gates.enter(ctx, onGPU, false)
	if err != nil {
		return nil, err
	}
	if err := u.clear(inside); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// clear takes down what has to stop first, if it may.
func (u *up) clear(ctx context.Context) error {
	d, err := u.box.room(ctx, &u.plan, u.call)
	if err != nil {
		return err
	}
	if len(d.Stop) > 0 && !u.call.makeRoom {
		return &RoomError{d}
	}
	for _, s := range d.Stop {
		u.life.note("stopping slot %s: %s", s.Slot, s.Message)
		if err := u.box.Down(ctx, s.Slot, StopWithin(u.call.grace), OnProgress(u.call.progress)); err != nil {
			return fmt.Errorf("make room for slot %s: %w", u.plan.Slot, err)
		}
	}
	return nil
}
