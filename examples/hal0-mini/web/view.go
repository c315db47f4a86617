package web

import (
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// A view is a box as it was at one time: what its files say, and the states of its
// slots. It is never changed; JSON and pages are made of the same values.
type view struct {
	*files
	states  map[string]hal0.Status // by slot
	unknown error                  // why there are no states
	number  int64                  // counts views, from the server's start in Unix milliseconds
	bodies  bodies
}

// files is what the files of a box say. It stays from one view to the next while
// only states change.
type files struct {
	box      *hal0.Box
	profiles []hal0.ProfileUse
	slots    []Slot // without their states
	report   hal0.Report
	devices  []hal0.DeviceInfo
	// What the box is, and what slots take of its memory, is found out when it is
	// first asked for.
	probed   func() probed
	hardware func() Hardware
	bodies   bodies
}

// probed is what a box is, and what could not be found out of it.
type probed struct {
	device.Hardware
	problem string
}

// A Slot is a slot with everything that is known of it, without secrets.
type Slot struct {
	Name string `json:"slot"`
	// Config is what its file says, nil if that has problems, or is gone while
	// the slot's container is there.
	Config *slot.Slot `json:"config"`
	// Plan is how it would be launched: the command with the source of each flag,
	// and the image with its pin. It is nil if it can't be.
	Plan *slot.Plan `json:"plan"`
	// Errors are why it can't.
	Errors hal0.ValidationErrors `json:"errors"`
	// State is the slot's state, "" if that is not known, and Status all of it.
	State  hal0.State   `json:"state"`
	Status *hal0.Status `json:"status"`
}

// A Provider is an inference server that slots can run.
type Provider struct {
	Name    provider.Name       `json:"provider"`
	Runtime string              `json:"runtime"`
	Types   []provider.SlotType `json:"slot_types"`
	MTP     bool                `json:"mtp"`
}

// Hardware is the box itself.
type Hardware struct {
	Hardware device.Hardware `json:"hardware"`
	// Problem is what could not be found out of it, "" for nothing.
	Problem string `json:"problem,omitempty"`
	// Memory is what slots take of the GPU's memory, by estimate.
	Memory hal0.MemoryUse `json:"memory"`
	// Report is what is amiss with the box's files.
	Report hal0.Report `json:"files"`
}

func newView(box *hal0.Box) *view {
	return &view{files: readFiles(box), states: map[string]hal0.Status{}, unknown: hal0.ErrNoRuntime}
}

func readFiles(box *hal0.Box) *files {
	f := &files{box: box, profiles: profilesOf(box), report: box.Check(), devices: box.Devices()}
	f.report.Problems = append(hal0.ValidationErrors{}, f.report.Problems...)
	f.report.Warnings = append(hal0.ValidationErrors{}, f.report.Warnings...)
	for _, r := range box.ResolveAll() {
		f.slots = append(f.slots, slotOf(box, r))
	}
	f.probed = sync.OnceValue(func() probed {
		h, err := box.Hardware()
		return probed{h, textOf(err)}
	})
	f.hardware = sync.OnceValue(func() Hardware {
		p := f.probed()
		return Hardware{Hardware: p.Hardware, Problem: p.problem, Memory: box.Memory(), Report: f.report}
	})
	return f
}

// profilesOf are the box's profiles without secrets.
func profilesOf(box *hal0.Box) []hal0.ProfileUse {
	list := box.ProfileUses()
	for i := range list {
		list[i].Flags, list[i].ResolvedFlags = slot.RedactFlags(list[i].Flags), slot.RedactFlags(list[i].ResolvedFlags)
	}
	return list
}

func slotOf(box *hal0.Box, r hal0.Resolution) Slot {
	s := Slot{Name: r.Slot, Errors: problemsOf(r.Err)}
	if config, err := box.Slot(r.Slot); err == nil {
		config = config.Redacted()
		s.Config = &config
	}
	if r.Err == nil {
		plan := r.Plan.Redacted()
		s.Plan = &plan
	}
	return s
}

func providersOf(box *hal0.Box) []Provider {
	all := box.Providers().All()
	list := make([]Provider, 0, len(all))
	for _, p := range all {
		facts := p.Facts()
		list = append(list, Provider{p.Name(), facts.Runtime, facts.Types, facts.MTP})
	}
	return list
}

// withBox is the view with other files. Slots that are gone with their files and
// have no container are forgotten.
func (v *view) withBox(box *hal0.Box) *view {
	next := &view{files: readFiles(box), states: maps.Clone(v.states), unknown: v.unknown}
	names := box.Names()
	maps.DeleteFunc(next.states, func(name string, s hal0.Status) bool {
		return s.Container == nil && !slices.Contains(names, name)
	})
	return next
}

// again is the view with what the files say now that they stand for: models that
// have come, or devices that are gone.
func (v *view) again() *view {
	return &view{files: readFiles(v.box), states: v.states, unknown: v.unknown}
}

// withoutStates is the view when states are not known.
func (v *view) withoutStates(err error) *view {
	return &view{files: v.files, states: map[string]hal0.Status{}, unknown: err}
}

// gone are the slots that are known and not among statuses, which are all there are:
// they went while nobody looked.
func (v *view) gone(statuses []hal0.Status) (gone []hal0.Status) {
	for name := range v.states {
		if !slices.ContainsFunc(statuses, func(s hal0.Status) bool { return s.Slot == name }) {
			gone = append(gone, hal0.Status{Slot: name, State: hal0.StateOffline})
		}
	}
	return gone
}

// withStates is the view with the states of some slots, and those that differ from
// what they were.
func (v *view) withStates(statuses []hal0.Status) (next *view, changed []hal0.Status) {
	next = &view{files: v.files, states: maps.Clone(v.states)}
	names := v.box.Names()
	for _, s := range statuses {
		s = redacted(s)
		if known, ok := v.states[s.Slot]; !ok || !reflect.DeepEqual(known, s) {
			changed = append(changed, s)
		}
		next.states[s.Slot] = s
		if s.Container == nil && !slices.Contains(names, s.Slot) {
			delete(next.states, s.Slot)
		}
	}
	return next, changed
}

func redacted(s hal0.Status) hal0.Status {
	if s.Container != nil {
		c := *s.Container
		c.Command = slot.RedactCommand(c.Command)
		s.Container = &c
	}
	return s
}

// slot is a slot with its state: one of the files, or one that has only a container.
func (v *view) slot(name string) (Slot, bool) {
	one := Slot{Name: name, Errors: hal0.ValidationErrors{}}
	i := slices.IndexFunc(v.slots, func(s Slot) bool { return s.Name == name })
	if i >= 0 {
		one = v.slots[i]
	}
	status, known := v.states[name]
	if known {
		one.State, one.Status = status.State, &status
	}
	return one, i >= 0 || known
}

// allSlots are all of them, sorted by name.
func (v *view) allSlots() []Slot {
	names := slices.Collect(maps.Keys(v.states))
	for _, s := range v.slots {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	list := make([]Slot, len(names))
	for i, name := range names {
		list[i], _ = v.slot(name)
	}
	return list
}

// profilesErr holds the problems of profiles.toml: while it has any, what profiles
// there are is not known for certain.
func (v *view) profilesErr() hal0.ValidationErrors {
	return slices.DeleteFunc(v.box.Problems(), func(p hal0.ValidationError) bool { return p.File != v.box.Home().Profiles() })
}

// problemsOf are the problems that an error holds, never nil.
func problemsOf(err error) hal0.ValidationErrors {
	list := hal0.ValidationErrors{}
	if err == nil {
		return list
	}
	if all, ok := err.(hal0.ValidationErrors); ok { //nolint:errorlint // Resolution.Err is one
		return append(list, all...)
	}
	return append(list, hal0.ValidationError{Message: err.Error(), Err: err})
}
