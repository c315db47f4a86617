package hal0

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
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
	// Drift is in what the container differs from that plan, field by field; empty
	// when Current, as long as nobody made the container by hand.
	Drift []slot.Difference `json:"drift,omitempty"`
	// Exit is how the server ended, and Logs are the last lines that it wrote,
	// oldest first; for a container that exited.
	Exit *Exit          `json:"exit,omitempty"`
	Logs []runtime.Line `json:"logs,omitempty"`
	// Restart is what [Box.Observe] does about a slot that crashed; nil unless
	// [RestartCrashed] is set.
	Restart *Restart `json:"restart,omitempty"`
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
		return b.absent(name), nil
	}
	if err != nil {
		return Status{}, err
	}
	return b.status(ctx, name, c, false), nil
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
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, c := range containers {
		name := c.Labels[runtime.LabelSlot]
		if c.Name != slot.ContainerName(name) {
			continue
		}
		all.Go(func() {
			s := b.status(ctx, name, c, false)
			mu.Lock()
			defer mu.Unlock()
			byName[name] = s
		})
	}
	all.Wait()
	for _, name := range b.Names() {
		if _, there := byName[name]; !there {
			byName[name] = b.absent(name)
		}
	}
	list := make([]Status, 0, len(byName))
	for _, s := range byName {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Slot, b.Slot) })
	return list, nil
}

// absent is the status of a slot without a container: offline, unless it could
// not be started, or a program is about to start it.
func (b *Box) absent(name string) Status {
	r, ok := b.recorded(name)
	switch {
	case ok && r.State == StateError:
		return Status{Slot: name, State: StateError, Reason: "it is not up: " + r.Message}
	case ok && (r.State == StatePulling || r.State == StateStarting) && b.held(name):
		return Status{Slot: name, State: r.State, Reason: r.Message}
	}
	return Status{Slot: name, State: StateOffline}
}

// status judges one container. Of a server that is up already only such checks
// are made as cost it nothing: no generating, for one.
func (b *Box) status(ctx context.Context, name string, c runtime.Container, isUp bool) Status {
	s := Status{Slot: name, Container: &c}
	call := b.call(nil)
	plan, err := b.resolve(name, &call)
	if err == nil {
		s.Current, s.Drift = c.Labels[runtime.LabelPlan] == plan.Hash, b.drift(&c, &plan)
	}
	switch {
	case !c.Managed() || c.Labels[runtime.LabelSlot] != name:
		s.State, s.Reason = StateError, fmt.Sprintf("a container %s exists that hal0 did not start", c.Name)
	case c.State == runtime.StateExited && b.toldToEnd(name, &c):
		exit := exitOf(&c)
		s.State, s.Exit, s.Reason = StateUnloading, &exit, "the server was told to end, and "+exit.String()
	case c.State == runtime.StateExited:
		exit := exitOf(&c)
		s.State, s.Exit, s.Reason, s.Logs = StateError, &exit, "the server "+exit.String(), tail(ctx, b.opts.runtime, c.Name)
	case c.State == runtime.StateUnknown:
		s.State, s.Reason = StateError, cmp.Or(c.Error, "the runtime does not know what its container does")
	case c.State == runtime.StateStopping:
		s.State, s.Reason = StateUnloading, "the server is told to end"
	case c.State != runtime.StateRunning:
		s.State, s.Reason = StateStarting, fmt.Sprintf("the container is %s", c.State)
	case err != nil:
		s.State, s.Reason = StateWarming, fmt.Sprintf("the container runs, but its slot has no plan to check it by: %v", err)
	case len(c.Publish) == 0:
		s.State, s.Reason = StateWarming, "the container publishes no port"
	default:
		if isUp {
			plan.Probe = slices.DeleteFunc(slices.Clone(plan.Probe), func(c provider.Check) bool { return c.Method != http.MethodGet })
		}
		s.State, s.Reason = ask(ctx, &plan, c.Publish[0])
		if s.State == StateWarming && b.toldToEnd(name, &c) && b.held(name) {
			s.State, s.Reason = StateUnloading, "the server is told to end"
		}
	}
	return s
}

// busyWithin bounds the answer to whether a server works on a request. One that
// is deep in a batch answers late, and is then told to be ready.
const busyWithin = 250 * time.Millisecond

// ask asks a server for its state, and why it is not ready.
func ask(ctx context.Context, plan *slot.Plan, at runtime.Port) (State, string) {
	p := newProber(at)
	defer p.close()
	if err := p.probe(ctx, plan.Probe); err != nil {
		return stateOf(err), err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, busyWithin)
	defer cancel()
	if len(plan.Busy) > 0 && p.probe(ctx, plan.Busy) == nil {
		return StateServing, ""
	}
	return StateReady, ""
}

// drift returns in what a container differs from the plan of its slot: as far as
// the runtime tells of it, and, where the plan that it was started from is written
// down, in everything else.
func (b *Box) drift(c *runtime.Container, plan *slot.Plan) []slot.Difference {
	running := plan.Spec
	current := c.Labels[runtime.LabelPlan] == plan.Hash
	if current && c.Image == running.Image && slices.Equal(c.Command, running.Command) && slices.Equal(c.Publish, running.Publish) {
		return nil
	}
	if !current {
		if spec := b.launchOf(c); spec != nil {
			running = *spec
		}
	}
	running.Image, running.Command, running.Publish = c.Image, c.Command, c.Publish
	found := slot.Compare(running, plan.Spec, b.grammar(plan.Provider))
	if !current && len(found) == 0 {
		found = []slot.Difference{{Field: "plan", Running: c.Labels[runtime.LabelPlan], Planned: plan.Hash}}
	}
	return found
}

func (b *Box) grammar(name provider.Name) *provider.Grammar {
	p, err := b.opts.providers.Get(name)
	if err != nil {
		return provider.PlainGrammar()
	}
	return p.Grammar()
}

// tail returns the last lines of a container's log, as much as can be read.
func tail(ctx context.Context, rt runtime.Runtime, container string) []runtime.Line {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	var lines []runtime.Line
	for line, err := range rt.Logs(ctx, container, runtime.LogOptions{Tail: logTail}) {
		if err != nil {
			break
		}
		lines = append(lines, line)
	}
	return lines
}

// Logs yields the output of a slot's container, see [runtime.Runtime]. It works
// for a slot whose file is gone or has problems too. Without a container it is
// [runtime.ErrNotFound], and [ErrNoSlot] without file and container.
func (b *Box) Logs(ctx context.Context, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
	if b.opts.runtime == nil {
		return failed(ErrNoRuntime)
	}
	if err := b.known(name); err != nil {
		return failed(err)
	}
	return func(yield func(runtime.Line, error) bool) {
		for line, err := range b.opts.runtime.Logs(ctx, slot.ContainerName(name), opts) {
			if errors.Is(err, runtime.ErrNotFound) {
				err = b.silent(name)
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

// silent is why a slot without a container has no output.
func (b *Box) silent(name string) error {
	if _, err := b.entry(name); errors.Is(err, ErrNoSlot) {
		return err
	}
	return fmt.Errorf("slot %s is not up, and has no output: %w", name, runtime.ErrNotFound)
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
