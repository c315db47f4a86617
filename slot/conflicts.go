package slot

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/provider"
)

// Conflicts returns what keeps the enabled ones of a box's slots from being up
// side by side: two on one port, and more than one LLM on the NPU, whose driver
// admits one. Each problem stands at a key of one file and names the other file
// and line; both files of a conflict have one.
func Conflicts(files []*File) conf.ValidationErrors {
	all := conflicts(files)
	problems := make(conf.ValidationErrors, len(all))
	for i, c := range all {
		problems[i] = c.problem
	}
	problems.Sort()
	return problems
}

// conflicts returns the conflicts that one slot has with others.
func (f *File) conflicts(others []*File) conf.ValidationErrors {
	var problems conf.ValidationErrors
	for _, c := range conflicts(append(others[:len(others):len(others)], f)) {
		if c.file == f {
			problems = append(problems, c.problem)
		}
	}
	return problems
}

// A fileProblem is a problem of one of several files.
type fileProblem struct {
	file    *File
	problem conf.ValidationError
}

func conflicts(files []*File) []fileProblem {
	var all []fileProblem
	byPort := map[int][]*File{}
	var onNPU []*File
	for _, f := range files {
		if !f.Slot.IsEnabled() {
			continue
		}
		byPort[f.Slot.Port] = append(byPort[f.Slot.Port], f)
		if f.Slot.Device == device.NPU && orDefault(f.Slot.Type, provider.LLM) == provider.LLM {
			onNPU = append(onNPU, f)
		}
	}
	for _, port := range slices.Sorted(maps.Keys(byPort)) {
		all = append(all, among(byPort[port], func(f, other *File) conf.ValidationError {
			return f.Locate(conf.At(conf.ErrConflict, fmt.Sprintf("%d is the port of %s too: give one of them another port, or disable one",
				port, other.where("port")), "port"))
		})...)
	}
	return append(all, among(onNPU, func(f, other *File) conf.ValidationError {
		return f.Locate(conf.At(conf.ErrConflict, fmt.Sprintf("%s is an LLM on the NPU too, and the NPU takes one: move one of them to another device, or disable one",
			other.where(other.deviceKey())), f.deviceKey()))
	})...)
}

// among tells each of several files of one of the others.
func among(files []*File, tell func(f, other *File) conf.ValidationError) []fileProblem {
	if len(files) < 2 {
		return nil
	}
	all := make([]fileProblem, len(files))
	for i, f := range files {
		other := files[0]
		if i == 0 {
			other = files[1]
		}
		all[i] = fileProblem{f, tell(f, other)}
	}
	return all
}

// where names a slot with the place of one of its keys.
func (f *File) where(key string) string {
	p := f.Locate(conf.At(nil, "", key))
	if p.Line == 0 {
		return "slot " + f.Slot.Name
	}
	return fmt.Sprintf("slot %s (%s:%d)", f.Slot.Name, p.File, p.Line)
}

// deviceKey is the key that says which device the slot is on.
func (f *File) deviceKey() string {
	if f.doc != nil && !f.doc.Has("device") && f.doc.Has("backend") {
		return "backend"
	}
	return "device"
}
