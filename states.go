package hal0

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/internal/enum"
)

// A State is where a slot is in its life.
type State string

// The states of a slot. What they may become is in [State.Next].
const (
	StateOffline   State = "offline"   // there is no container
	StatePulling   State = "pulling"   // its image is being fetched
	StateStarting  State = "starting"  // its container is being made
	StateWarming   State = "warming"   // its container runs, its server is not ready
	StateReady     State = "ready"     // its server answers
	StateServing   State = "serving"   // its server says that it works on a request
	StateIdle      State = "idle"      // its server answers, and lists no model to serve
	StateUnloading State = "unloading" // its server is told to end
	StateError     State = "error"     // its container ended by itself, does not answer, could not be started, or is not ours
)

// states are all states, in the order of a life.
var states = []State{
	StateOffline, StatePulling, StateStarting, StateWarming, StateReady,
	StateServing, StateIdle, StateUnloading, StateError,
}

// edges are the steps that a slot may take from each state.
var edges = map[State][]State{
	StateOffline:   {StatePulling, StateStarting},
	StatePulling:   {StateStarting, StateError, StateOffline},
	StateStarting:  {StateWarming, StateError, StateOffline},
	StateWarming:   {StateReady, StateIdle, StateError, StateOffline},
	StateReady:     {StateServing, StateIdle, StateUnloading, StateError},
	StateServing:   {StateReady, StateIdle, StateError},
	StateIdle:      {StateServing, StateUnloading, StateReady},
	StateUnloading: {StateOffline, StateError},
	StateError:     {StateOffline, StatePulling, StateStarting},
}

// States returns every state, in the order of a life. The slice is the caller's.
func States() []State { return slices.Clone(states) }

// ParseState returns the state written s. The error lists the states.
func ParseState(s string) (State, error) { return enum.Parse("state", states, s) }

// Next returns what the state may become; nothing for what is no state. The
// slice is the caller's.
func (s State) Next() []State { return slices.Clone(edges[s]) }

// CanBecome reports whether a slot may go from s to next in one step. A state
// does not become itself.
func (s State) CanBecome(next State) bool { return slices.Contains(edges[s], next) }

// To returns next if a slot may go there from s in one step, else s and an
// [EdgeError].
func (s State) To(next State) (State, error) {
	if !s.CanBecome(next) {
		return s, &EdgeError{s, next}
	}
	return next, nil
}

// ErrEdge matches every [EdgeError].
var ErrEdge = errors.New("a slot does not go from one state to the other")

// An EdgeError is a step that a slot can't take. It matches [ErrEdge].
type EdgeError struct{ From, To State }

// Error names both states, and those that may follow.
func (e *EdgeError) Error() string {
	next := make([]string, len(edges[e.From]))
	for i, s := range edges[e.From] {
		next[i] = string(s)
	}
	if len(next) == 0 {
		return fmt.Sprintf("state %q is none of hal0's: it can't become %q", e.From, e.To)
	}
	return fmt.Sprintf("a slot that is %s can't become %q: want one of %s", e.From, e.To, strings.Join(next, ", "))
}

// Is reports whether target is [ErrEdge].
func (e *EdgeError) Is(target error) bool { return target == ErrEdge }
