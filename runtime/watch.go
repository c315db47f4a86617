package runtime

import (
	"context"
	"iter"
	"time"
)

// A Watcher is a Runtime that tells what happens to containers as it happens.
type Watcher interface {
	// Events yields what happens to the containers that hal0 manages.
	//
	// The first event is EventSync, once the service is reached: from here on nothing
	// is missed, so that who lists the containers after it, and follows the events,
	// knows their state.
	// When the service can't be reached, or the stream breaks, it is EventLost, and
	// once it goes on EventSync again: list again. In between Events tries to connect,
	// with growing pauses, for as long as it takes; whether the service is there at
	// all is for List to tell.
	//
	// An event may come twice, and late. The loop ends when it is left or when ctx
	// ends, which yields ctx's error last. Nothing is left running after it. Each
	// loop over the result is a stream of its own.
	Events(ctx context.Context) iter.Seq2[Event, error]
}

// An EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	EventSync   EventKind = "sync"   // events are complete from here on: list now
	EventLost   EventKind = "lost"   // events may be missing from here on
	EventStart  EventKind = "start"  // a container's process runs
	EventExit   EventKind = "exit"   // a container's process ended
	EventRemove EventKind = "remove" // a container is gone
)

// An Event is one thing that happened to one container, or to the stream.
type Event struct {
	Kind EventKind `json:"kind"`
	// Container and Name are the container's id and name; "" for EventSync and
	// EventLost.
	Container string `json:"container,omitempty"`
	Name      string `json:"name,omitempty"`
	// ExitCode is that of the process, for EventExit.
	ExitCode int `json:"exit_code"`
	// Time is when it happened, as the runtime says; zero where it does not.
	Time time.Time `json:"time"`
	// Message says why, for EventLost.
	Message string `json:"message,omitempty"`
}
