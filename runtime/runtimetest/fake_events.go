package runtimetest

import (
	"context"
	"iter"

	"github.com/hal0ai/hal0-go/runtime"
)

var _ runtime.Watcher = (*Fake)(nil)

// watcherRoom is how many events a watcher may be behind before it loses them,
// and is told so.
const watcherRoom = 1024

// Events implements [runtime.Watcher]. Calls of it are not in [Fake.Calls].
func (f *Fake) Events(ctx context.Context) iter.Seq2[runtime.Event, error] {
	return func(yield func(runtime.Event, error) bool) {
		events := make(chan runtime.Event, watcherRoom)
		f.setWatcher(events, true)
		defer f.setWatcher(events, false)
		if !yield(runtime.Event{Kind: runtime.EventSync}, nil) {
			return
		}
		for {
			select {
			case e := <-events:
				if !yield(e, nil) {
					return
				}
			case <-ctx.Done():
				yield(runtime.Event{}, ctx.Err())
				return
			}
		}
	}
}

// LoseEvents is what a runtime's service does that restarts: those who watch are
// told that they may have missed something.
func (f *Fake) LoseEvents() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tellWatchers(runtime.Event{Kind: runtime.EventLost, Message: "the service went away"})
	f.tellWatchers(runtime.Event{Kind: runtime.EventSync})
}

func (f *Fake) setWatcher(events chan runtime.Event, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = map[chan runtime.Event]bool{}
	}
	if on {
		f.watchers[events] = true
	} else {
		delete(f.watchers, events)
	}
}

// tellWatchers tells everyone; f.mu is held. Who is too far behind finds out with
// the next list.
func (f *Fake) tellWatchers(e runtime.Event) {
	for events := range f.watchers {
		select {
		case events <- e:
		default:
		}
	}
}
