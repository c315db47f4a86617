package hal0

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// Doctor looks for whatever would keep slots from coming up and serving, before
// anything is started: everything that [Box.Check] finds, and of each slot
//
//   - the image: it is present, and the one to launch
//   - the flags: those that the image's server does not know, has removed, or takes
//     in another form. The image is run once with --help for that, shut off from the
//     host; what it says is remembered for as long as the box is.
//   - the model: its files are there, readable through the container's mounts, and
//     GGUF; its context, its heads of multi-token prediction, its projector and chat
//     template
//   - the memory: an estimate of what the server takes, against what the device has
//   - what else is mounted, the devices and the groups that may open them, the port,
//     the container's name
//
// names are the slots to look at; nil means every slot file of the box, and then one
// that is disabled is told of and not looked at any closer. What is of the whole box
// is always told. Findings are sorted by slot, and then by severity, the worst first;
// [slot.Worst] tells how bad it is.
//
// Without a runtime, or one that is not a [runtime.Runner], some of that can't be
// looked at, and a finding says so. The error is [ErrNoSlot] or the context's.
// Doctor blocks for as long as files and the runtime take. It changes nothing.
func (b *Box) Doctor(ctx context.Context, names []string, opts ...CallOption) ([]slot.Finding, error) {
	c := b.call(opts)
	d := doctor{box: b, runtime: b.opts.runtime, everything: names == nil}
	if names == nil {
		names = b.Names()
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for _, name := range names {
		if _, err := b.entry(name); errors.Is(err, ErrNoSlot) {
			return nil, err
		}
	}
	d.look(ctx)
	found := slices.Concat(d.found, b.checked(names))
	var exams []*exam
	for _, name := range names {
		if x := d.exam(name, &c); x != nil {
			found = append(found, x.run(ctx)...)
			exams = append(exams, x)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	found = append(found, d.together(exams)...)
	slot.SortFindings(found)
	return found, nil
}

// checked are the findings of Check that are of those slots or of the whole box.
// What Doctor looks at more closely is left to it.
func (b *Box) checked(names []string) []slot.Finding {
	owner := map[string]string{}
	for _, name := range b.Names() {
		owner[b.home.Slot(name)] = name
	}
	report := b.Check()
	var found []slot.Finding
	add := func(severity slot.Severity, p ValidationError) {
		name := owner[p.File]
		if name != "" && !slices.Contains(names, name) || p.Code == slot.WarnModelFile || p.Code == slot.WarnDevice {
			return
		}
		found = append(found, slot.Finding{
			Slot: name, Severity: severity, Code: cmp.Or(p.Code, slot.FindFile), Message: p.Message,
			File: p.File, Line: p.Line, Column: p.Column, Path: p.Path, Err: p,
		})
	}
	for _, p := range report.Problems {
		add(slot.SeverityError, p)
	}
	for _, p := range report.Warnings {
		add(slot.SeverityWarning, p)
	}
	return found
}

// A doctor is what all examinations of one call share.
type doctor struct {
	box        *Box
	everything bool            // no slot was asked for by name
	runtime    runtime.Runtime // nil when nobody can be asked
	containers []runtime.Container
	listening  []int
	hardware   device.Hardware
	found      []slot.Finding
}

// look finds out what is the same for every slot.
func (d *doctor) look(ctx context.Context) {
	const lost = "images, the flags that their servers accept, and containers can't be looked at"
	var err error
	if d.runtime == nil {
		d.note(slot.SeverityInfo, slot.FindRuntime, ErrNoRuntime, lost)
	} else if d.containers, err = d.runtime.List(ctx, nil); err != nil {
		d.runtime = nil
		d.note(slot.SeverityError, slot.FindRuntime, err, lost)
	}
	if d.listening, err = d.box.listening(); err != nil {
		d.note(slot.SeverityWarning, slot.FindPort, err, "whether ports are free is not known")
	}
	if d.box.models.root == nil {
		d.note(slot.SeverityInfo, slot.FindModelUnchecked, errNoTree, "model files, chat templates and device nodes can't be looked at")
	}
	if d.hardware, err = d.box.Hardware(); err != nil {
		d.note(slot.SeverityInfo, slot.FindMemoryUnknown, err, "how much memory there is may not be known")
	}
}

// errNoTree: nobody can look at files.
var errNoTree = errors.New("the box was opened for another host's hardware, without its files")

func (d *doctor) note(severity slot.Severity, code string, err error, what string) {
	d.found = append(d.found, slot.Finding{Severity: severity, Code: code, Message: fmt.Sprintf("%v: %s", err, what), Err: err})
}

// exam prepares the examination of a slot; nil for one that has no plan, which
// Check tells of.
func (d *doctor) exam(name string, c *call) *exam {
	plan, err := d.box.resolve(name, c)
	if err != nil {
		return nil
	}
	e, err := d.box.entry(name)
	if err != nil {
		return nil
	}
	return &exam{doctor: d, file: e.file, plan: plan, inputs: d.box.inputs(&e.file.Slot, c)}
}

// together holds the enabled slots on the GPU against the memory that they share.
func (d *doctor) together(exams []*exam) []slot.Finding {
	var shares []slot.Share
	var memory slot.Memory
	for _, x := range exams {
		if x.file.Slot.IsEnabled() && x.plan.Device.IsGPU() && x.facts != nil {
			memory = slot.MemoryOf(d.hardware, x.plan.Device)
			shares = append(shares, slot.Share{Slot: x.plan.Slot, Bytes: slot.EstimateMemory(&x.plan, x.facts).Total()})
		}
	}
	return slot.CheckTogether(shares, memory)
}

// An exam is the examination of one slot.
type exam struct {
	*doctor
	file   *slot.File
	plan   slot.Plan
	inputs slot.Inputs

	help  *provider.Help   // nil when not known
	facts *slot.ModelFacts // nil when the model has no files, or they can't be read
}

// run makes every check. Those that find out what others need come first.
func (x *exam) run(ctx context.Context) []slot.Finding {
	found := x.box.refusals(x.file, &x.plan)
	checks := []func(context.Context) []slot.Finding{x.image, x.model, x.projector, x.memory, x.template, x.mounts, x.devices, x.port, x.container}
	if x.everything && !x.file.Slot.IsEnabled() {
		found, checks = found[:1], nil // that it is disabled
	}
	for _, check := range checks {
		found = append(found, check(ctx)...)
	}
	for i := range found {
		found[i] = x.file.LocateFinding(found[i], x.inputs)
	}
	return found
}

// refusals are what is certain and cheap to see: [Box.Up] refuses a slot that has
// one. A slot that is disabled has nothing wrong with it.
func (b *Box) refusals(f *slot.File, plan *slot.Plan) []slot.Finding {
	var found []slot.Finding
	if !f.Slot.IsEnabled() {
		off := amiss(slot.FindDisabled, fmt.Errorf("%w: %s says enabled = false", ErrDisabled, b.home.Slot(f.Slot.Name)), "set enabled = true to bring it up", "enabled")
		off.Severity = slot.SeverityInfo
		found = append(found, off)
	}
	if err := b.lacks(plan.Device); err != nil {
		found = append(found, amiss(slot.FindDevice, err, "load the driver of the device, or choose another device", "device"))
	}
	if _, err := b.modelFile(plan); err != nil {
		code, fix := slot.FindModelFile, "fetch the model, or change its path"
		if errors.Is(err, errHidden) {
			code, fix = slot.FindModelHidden, "move the file below "+b.paths.Store+", or name the file that the link leads to"
		}
		found = append(found, amiss(code, err, fix, "model", "default"))
	}
	if err := plan.Spec.Validate(); err != nil {
		found = append(found, amiss(slot.FindSpec, err, ""))
	}
	return found
}

// amiss is an error to find, with what to do about it and the key to do it at.
func amiss(code string, err error, fix string, keys ...string) slot.Finding {
	return slot.Finding{Severity: slot.SeverityError, Code: code, Message: err.Error(), Fix: fix, Err: err}.At(keys...)
}
