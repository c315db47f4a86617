package slot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/runtime"
)

// An Action is what is to be done about one slot.
type Action string

// The actions.
const (
	Adopt   Action = "adopt"   // its container runs the plan: it stays
	Start   Action = "start"   // it has no container that runs
	Replace Action = "replace" // its container runs another plan
	Stop    Action = "stop"    // its file is gone, or says enabled = false
	Leave   Action = "leave"   // it has no plan, or no room on the GPU: what runs is left as it is
)

// A Wanted is one slot as its file has it.
type Wanted struct {
	Slot     string
	Disabled bool
	Plan     Plan
	// Err is why there is no plan.
	Err error
}

// A Step is what is to be done about one slot, and why.
type Step struct {
	Slot   string `json:"slot"`
	Action Action `json:"action"`
	// Reason says why in words.
	Reason string `json:"reason"`
	// Container is the container's id, "" when there is none.
	Container string `json:"container,omitempty"`
	// Differences are in what the container that runs differs from the plan. Decide
	// leaves them out: see [Compare].
	Differences []Difference `json:"differences,omitempty"`
}

// Changes reports whether the step does anything.
func (s Step) Changes() bool { return s.Action != Adopt && s.Action != Leave }

// Decide returns what brings the containers of a host to what slot files want,
// sorted by slot: one step for each slot that is wanted or that has a container.
// Slots that are disabled and have none need no step.
//
// Containers that are not hal0's must not be among them. Decide is pure.
func Decide(wanted []Wanted, containers []runtime.Container) []Step {
	running := map[string]*runtime.Container{}
	for i, c := range containers {
		if name := c.Labels[runtime.LabelSlot]; c.Name == ContainerName(name) {
			running[name] = &containers[i]
		}
	}
	steps := make([]Step, 0, len(wanted))
	for i := range wanted {
		w := &wanted[i]
		c := running[w.Slot]
		delete(running, w.Slot)
		if step := decide(w, c); step.Action != "" {
			steps = append(steps, step)
		}
	}
	for name, c := range running {
		steps = append(steps, Step{Slot: name, Action: Stop, Reason: "it has no slot file", Container: c.ID})
	}
	slices.SortFunc(steps, func(a, b Step) int { return strings.Compare(a.Slot, b.Slot) })
	return steps
}

// decide is Decide for one slot; c is its container or nil.
func decide(w *Wanted, c *runtime.Container) Step {
	step := Step{Slot: w.Slot}
	if c != nil {
		step.Container = c.ID
	}
	switch {
	case w.Err != nil:
		step.Action, step.Reason = Leave, "its file can't be made a plan"
	case w.Disabled && c == nil:
	case w.Disabled:
		step.Action, step.Reason = Stop, "its file says enabled = false"
	case c == nil:
		step.Action, step.Reason = Start, "it has no container"
	case c.State == runtime.StateExited:
		step.Action, step.Reason = Start, fmt.Sprintf("its container exited with code %d", c.ExitCode)
	case c.State != runtime.StateRunning:
		step.Action, step.Reason = Start, fmt.Sprintf("its container is %s", c.State)
	case c.Labels[runtime.LabelPlan] != w.Plan.Hash:
		step.Action, step.Reason = Replace, "its container runs another plan"
	default:
		step.Action, step.Reason = Adopt, "its container runs the plan"
	}
	return step
}
