package hal0

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// A State is where a slot is in its life.
type State string

// The states of a slot.
const (
	StateOffline  State = "offline"  // no container
	StatePulling  State = "pulling"  // its image is being fetched
	StateStarting State = "starting" // its container is being made
	StateWarming  State = "warming"  // its container runs, its server is not ready
	StateReady    State = "ready"    // its server answers
	StateError    State = "error"    // its container ended, or is not ours
)

// A Status is what a slot does right now.
type Status struct {
	Slot  string `json:"slot"`
	State State  `json:"state"`
	// Reason says why it is not ready.
	Reason string `json:"reason,omitempty"`
	// Current is set when the container runs the plan that the slot's file
	// resolves to today.
	Current bool `json:"current"`
	// Container is what the runtime says; nil when there is none.
	Container *runtime.Container `json:"container"`
}

// Status returns what a slot does right now. It asks the runtime and, when the
// container runs, the server itself, and blocks for as long as they take to
// answer. The error is the runtime's, or [ErrNoSlot]; what is wrong with the
// slot is in the Status.
func (b *Box) Status(ctx context.Context, name string) (Status, error) {
	if b.opts.runtime == nil {
		return Status{}, ErrNoRuntime
	}
	if err := b.known(name); err != nil {
		return Status{}, err
	}
	c, err := b.opts.runtime.Inspect(ctx, slot.ContainerName(name))
	if errors.Is(err, runtime.ErrNotFound) {
		if _, err := b.entry(name); errors.Is(err, ErrNoSlot) {
			return Status{}, err
		}
		return Status{Slot: name, State: StateOffline}, nil
	}
	if err != nil {
		return Status{}, err
	}
	return b.status(ctx, name, c), nil
}

// StatusAll returns the status of every slot of the box, and of every container
// of hal0 whose slot file is gone, sorted by name. It asks the runtime once and
// the servers side by side.
func (b *Box) StatusAll(ctx context.Context) ([]Status, error) {
	if b.opts.runtime == nil {
		return nil, ErrNoRuntime
	}
	containers, err := b.opts.runtime.List(ctx, nil)
	if err != nil {
		return nil, err
	}
	byName := map[string]Status{}
	for _, name := range b.Names() {
		byName[name] = Status{Slot: name, State: StateOffline}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, c := range containers {
		name := c.Labels[runtime.LabelSlot]
		if c.Name != slot.ContainerName(name) {
			continue
		}
		all.Go(func() {
			s := b.status(ctx, name, c)
			mu.Lock()
			defer mu.Unlock()
			byName[name] = s
		})
	}
	all.Wait()
	list := make([]Status, 0, len(byName))
	for _, s := range byName {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Slot, b.Slot) })
	return list, nil
}

// status judges one container.
func (b *Box) status(ctx context.Context, name string, c runtime.Container) Status {
	s := Status{Slot: name, Container: &c}
	defaults := b.call(nil)
	plan, err := b.resolve(name, &defaults)
	s.Current = err == nil && c.Labels[runtime.LabelPlan] == plan.Hash
	switch {
	case !c.Managed() || c.Labels[runtime.LabelSlot] != name:
		s.State, s.Reason = StateError, fmt.Sprintf("a container %s exists that hal0 did not start", c.Name)
		return s
	case c.State == runtime.StateExited:
		s.State, s.Reason = StateError, fmt.Sprintf("the server exited with code %d", c.ExitCode)
		return s
	case c.State != runtime.StateRunning:
		s.State, s.Reason = StateStarting, fmt.Sprintf("the container is %s", c.State)
		return s
	case err != nil:
		s.State, s.Reason = StateWarming, fmt.Sprintf("the container runs, but its slot has no plan to check it by: %v", err)
		return s
	case len(c.Publish) == 0:
		s.State, s.Reason = StateWarming, "the container publishes no port"
		return s
	}
	s.State = StateReady
	if err := probe(ctx, plan.Probe, c.Publish[0]); err != nil {
		s.State, s.Reason = StateWarming, err.Error()
	}
	return s
}

// Logs yields the output of a slot's container, see [runtime.Runtime]. It works
// for a slot whose file is gone or has problems too.
func (b *Box) Logs(ctx context.Context, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
	if b.opts.runtime == nil {
		return failed(ErrNoRuntime)
	}
	if err := b.known(name); err != nil {
		return failed(err)
	}
	return b.opts.runtime.Logs(ctx, slot.ContainerName(name), opts)
}

func failed(err error) iter.Seq2[runtime.Line, error] {
	return func(yield func(runtime.Line, error) bool) { yield(runtime.Line{}, err) }
}

// known returns nil for a name that a slot can have. A container may outlive
// its slot's file, so there need not be one.
func (b *Box) known(name string) error {
	if err := profile.CheckName(name); err != nil {
		return fmt.Errorf("%w: %w", ErrNoSlot, err)
	}
	return nil
}
