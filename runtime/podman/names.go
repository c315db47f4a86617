package podman

import (
	"context"
	"sync"
)

// names are locks by name. Its zero value is ready.
type names struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed on unlock
}

// lock waits until it holds name or ctx ends.
func (n *names) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		busy := n.try(name)
		if busy == nil {
			return func() { n.unlock(name) }, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try takes name and returns nil, or returns what is closed once it is free.
func (n *names) try(name string) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if busy, ok := n.held[name]; ok {
		return busy
	}
	if n.held == nil {
		n.held = map[string]chan struct{}{}
	}
	n.held[name] = make(chan struct{})
	return nil
}

func (n *names) unlock(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.held[name])
	delete(n.held, name)
}
