package hal0

import (
	"context"
	"errors"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// Down stops a slot's server and removes its container. A slot that is not up is
// not an error, and a container whose slot file is gone or has problems can be
// taken down too; without file and container it is [ErrNoSlot]. A
// container of that name that is not ours is left alone: [runtime.ErrForeign].
// An Up of that slot that is under way ends with [ErrStopped]. Down blocks until
// the container is gone.
func (b *Box) Down(ctx context.Context, name string, opts ...CallOption) error {
	c := b.call(opts)
	if b.opts.runtime == nil {
		return ErrNoRuntime
	}
	if err := b.known(name); err != nil {
		return err
	}
	if _, err := b.entry(name); errors.Is(err, ErrNoSlot) {
		if _, gone := b.opts.runtime.Inspect(ctx, slot.ContainerName(name)); errors.Is(gone, runtime.ErrNotFound) {
			return err
		}
	}
	b.gates.interrupt(name, ErrStopped)
	inside, life, leave, err := b.enter(ctx, name, &c, false)
	if err != nil {
		return err
	}
	defer leave()
	return b.down(inside, life, c.grace)
}

// down stops and removes the slot's container, whatever state it is in.
func (b *Box) down(ctx context.Context, l *life, grace time.Duration) error {
	container := slot.ContainerName(l.slot)
	_, err := b.entry(l.slot)
	hasFile := !errors.Is(err, ErrNoSlot)
	c, err := b.opts.runtime.Inspect(ctx, container)
	switch {
	case errors.Is(err, runtime.ErrNotFound):
		l.begin(StateOffline)
		l.rest(hasFile)
		return nil
	case err != nil:
		return err
	case !c.Managed(): // which Stop refuses
	case c.State == runtime.StateRunning, c.State == runtime.StateStopping:
		l.begin(StateReady)
		l.to(StateUnloading, "telling the server to end")
	case c.State == runtime.StateCreated:
		l.begin(StateStarting)
	default:
		l.begin(StateError)
	}
	if err := b.opts.runtime.Stop(ctx, container, grace); err != nil {
		l.fail(err)
		return err
	}
	l.to(StateOffline, "its container is gone")
	l.rest(hasFile)
	return nil
}
