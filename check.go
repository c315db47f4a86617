package hal0

import (
	"fmt"
	"slices"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// A Report is what [Box.Check] found, each list sorted by file and position.
type Report struct {
	// Problems keep a file from being read or a slot from being launched.
	Problems ValidationErrors `json:"problems"`
	// Warnings do not. Each has a Code: [WarnPortRange], or one of package slot.
	Warnings ValidationErrors `json:"warnings"`
}

// WarnPortRange is the code of a port outside of the range of hal0.toml, from
// which new slots get theirs.
const WarnPortRange = "port.range"

// Check looks at the whole box: the problems of every file, what keeps each slot
// from being launched, and one that would take all from a profile, whether there is
// such a slot or not; and what keeps the enabled ones from being up side by side:
// two on one port, more than one LLM on the NPU. What stands at a key has file,
// line and column; a problem of two files stands in both and names the other.
//
// Check looks at model files, as Resolve does. It starts nothing and needs no
// runtime.
func (b *Box) Check() Report {
	r := Report{Problems: append(ValidationErrors{}, b.problems...), Warnings: ValidationErrors{}}
	for _, f := range b.files() {
		r.Warnings = append(r.Warnings, f.Notes()...)
		if len(b.broken) > 0 {
			continue // which is among the problems
		}
		plan, err := f.Resolve(b.inputs(&f.Slot, &call{}))
		r.Problems = append(r.Problems, conf.Problems(b.blameRegistry(err))...)
		r.Warnings = append(r.Warnings, b.warnings(f, plan, err)...)
	}
	for _, p := range b.profiles.List() {
		r.Problems = append(r.Problems, b.profileUse(p).Problems...)
	}
	r.Problems = append(r.Problems, slot.Conflicts(b.files())...)
	r.Problems.Sort()
	// Two slots may have one problem of a model's entry.
	r.Problems = slices.CompactFunc(r.Problems, func(p, q ValidationError) bool { return p.Error() == q.Error() })
	r.Warnings.Sort()
	return r
}

// files are the slot files that could be read.
func (b *Box) files() []*slot.File {
	files := make([]*slot.File, 0, len(b.slots))
	for _, e := range b.slots {
		if e.err == nil {
			files = append(files, e.file)
		}
	}
	return files
}

// warnings returns those of a slot's plan, if it has one, and of its port.
func (b *Box) warnings(f *slot.File, plan slot.Plan, err error) ValidationErrors {
	var found ValidationErrors
	if err == nil {
		for _, w := range plan.Warnings[len(f.Warnings):] {
			found = append(found, ValidationError{File: b.home.Slot(f.Slot.Name), Message: w.Message, Code: w.Code})
		}
	}
	port, s := f.Slot.Port, b.settings.Slots
	comfyUI := port == slot.ComfyUIPort && (err != nil || plan.Provider == provider.ComfyUI)
	if (port < s.PortRangeStart || port > s.PortRangeEnd) && !comfyUI {
		p := f.Locate(conf.At(nil, fmt.Sprintf("%d is outside of %d to %d, from which new slots get their ports", port, s.PortRangeStart, s.PortRangeEnd), "port"))
		p.Code = WarnPortRange
		found = append(found, p)
	}
	return found
}
