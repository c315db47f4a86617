package web

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/hal0ai/hal0-go"
)

// waiting is how many times something may have happened that a reader has not taken
// in: one that is further behind is dropped. What happened at once is one of them,
// however many slots it was.
const waiting = 64

// An event is something that happened, as it is sent.
type event struct {
	name string // "state", "file" or "runtime"
	data []byte // JSON
}

// A hub sends events to all who listen. It never waits for any of them.
type hub struct {
	mu     sync.Mutex
	closed bool
	slow   uint64 // readers that were dropped
	ears   map[chan []byte]struct{}
}

// count tells how many listen, and how many were too slow to.
func (h *hub) count() (readers int, slow uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ears), h.slow
}

// listen returns a channel of what happens from now on, as text/event-stream has it.
// It is closed when the reader is too slow, and when the hub is closed. The reader
// calls leave at the end.
func (h *hub) listen() (events <-chan []byte, leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ear := make(chan []byte, waiting)
	if h.closed {
		close(ear)
		return ear, func() {}
	}
	if h.ears == nil {
		h.ears = map[chan []byte]struct{}{}
	}
	h.ears[ear] = struct{}{}
	return ear, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.drop(ear)
	}
}

// drop ends what a reader gets; the lock is held.
func (h *hub) drop(ear chan []byte) {
	if _, there := h.ears[ear]; there {
		delete(h.ears, ear)
		close(ear)
	}
}

// send sends what happened at once.
func (h *hub) send(events ...event) {
	if len(events) == 0 {
		return
	}
	var stream []byte
	for _, e := range events {
		stream = append(stream, e.stream()...)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for ear := range h.ears {
		select {
		case ear <- stream:
		default:
			h.slow++
			h.drop(ear)
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for ear := range h.ears {
		h.drop(ear)
	}
}

func newEvent(name string, of any) event {
	data, err := json.Marshal(of)
	if err != nil { // nothing that is sent has a value without JSON
		data = []byte("null")
	}
	return event{name: name, data: data}
}

// stream is the event as text/event-stream has it.
func (e event) stream() []byte {
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", e.name, e.data)
}

func stateEvents(changed []hal0.Status) []event {
	events := make([]event, len(changed))
	for i, s := range changed {
		events[i] = newEvent("state", s)
	}
	return events
}

func fileEvents(changes []hal0.FileChange) []event {
	events := make([]event, len(changes))
	for i, c := range changes {
		if c.Value != nil {
			value := c.Value.Redacted()
			c.Value = &value
		}
		events[i] = newEvent("file", c)
	}
	return events
}

func runtimeEvent(err error) event {
	return newEvent("runtime", failure{Code: "runtime.unavailable", Message: err.Error()})
}
