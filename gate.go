package hal0

import (
	"context"
	"sync"
)

// gates let one operation at a time work on a slot. Taking a slot down ends the
// bringing up that is under way, rather than waiting for it.
type gates struct {
	mu     sync.Mutex
	bySlot map[string]*gate
}

type gate struct {
	turn   chan struct{}           // holds one token while nobody is in
	cancel context.CancelCauseFunc // of the Up that is in, or nil; under gates.mu
}

func (g *gates) init() { g.bySlot = map[string]*gate{} }

func (g *gates) of(slot string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.bySlot[slot]
	if t == nil {
		t = &gate{turn: make(chan struct{}, 1)}
		t.turn <- struct{}{}
		g.bySlot[slot] = t
	}
	return t
}

// enter waits for the slot's turn. The context that it returns ends when leave
// is called, when ctx ends, or, for an operation that may be interrupted, when
// interrupt is.
func (g *gates) enter(ctx context.Context, slot string, interruptible bool) (inside context.Context, leave func(), err error) {
	t := g.of(slot)
	select {
	case <-t.turn:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	inside, cancel := context.WithCancelCause(ctx)
	set := func(c context.CancelCauseFunc) {
		g.mu.Lock()
		defer g.mu.Unlock()
		t.cancel = c
	}
	if interruptible {
		set(cancel)
	}
	return inside, func() {
		set(nil)
		cancel(nil)
		t.turn <- struct{}{}
	}, nil
}

// interrupt ends the interruptible operation that is under way on the slot.
func (g *gates) interrupt(slot string, cause error) {
	t := g.of(slot)
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.cancel != nil {
		t.cancel(cause)
	}
}
