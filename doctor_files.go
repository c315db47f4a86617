package hal0

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/file"
	"github.com/hal0ai/hal0-go/internal/gguf"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// lacks returns that this host has no node of a device, or nil.
func (b *Box) lacks(d device.Device) error {
	missing := b.host.Lacks(d)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: device %s needs %s, which this host does not have", ErrDevice, d, strings.Join(missing, " and "))
}

// view is what the container of a plan sees of the host.
func (b *Box) view(plan *slot.Plan) view { return view{root: b.models.root, mounts: plan.Spec.Mounts} }

// modelFile returns where on the host the model's file is that the container of a
// plan sees; "" when there is none, or nobody can look. The error matches
// [ErrModelFile].
func (b *Box) modelFile(plan *slot.Plan) (string, error) {
	if b.models.root == nil || plan.ModelFile == "" {
		return "", nil
	}
	on, err := b.view(plan).find(plan.ModelFile)
	if err == nil {
		err = b.models.look(on).Err
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrModelFile, err)
	}
	return on, nil
}

// modelFacts reads the files of a plan's model, as its container sees them; nil when
// there are none to read. Parts that are missing are told of in the facts.
func (b *Box) modelFacts(plan *slot.Plan) (*slot.ModelFacts, error) {
	on, err := b.modelFile(plan)
	if on == "" || err != nil {
		return nil, err
	}
	f, err := b.models.root.Open(below(on))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModelFile, pathError(on, err))
	}
	defer f.Close() //nolint:errcheck // only read
	var facts slot.ModelFacts
	if facts.Shape, err = gguf.ReadShape(f); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrModelFile, plan.ModelFile, err)
	}
	for _, part := range slot.ModelParts(plan.ModelFile) {
		n, err := b.view(plan).size(part)
		if err != nil {
			facts.Missing = append(facts.Missing, part)
		}
		facts.Bytes += n
	}
	if name := slot.ProjectorFile(plan); name != "" {
		facts.ProjectorBytes, _ = b.view(plan).size(name) // an error is the doctor's to tell
	}
	return &facts, nil
}

// model reads the model's files and holds the plan against them. That there are none
// to read is among the refusals.
func (x *exam) model(context.Context) []slot.Finding {
	if on, err := x.box.modelFile(&x.plan); on == "" || err != nil {
		return nil
	}
	var err error
	if x.facts, err = x.box.modelFacts(&x.plan); err != nil {
		return []slot.Finding{amiss(slot.FindModelFile, err, "fetch the model again: its file is damaged", "model", "default")}
	}
	return slot.CheckModel(&x.plan, x.facts)
}

// projector looks at the vision projector.
func (x *exam) projector(context.Context) []slot.Finding {
	name := slot.ProjectorFile(&x.plan)
	if name == "" || x.facts == nil {
		return nil
	}
	if _, err := x.box.view(&x.plan).size(name); err != nil {
		return []slot.Finding{amiss(slot.FindProjector, fmt.Errorf("the vision projector can't be read: %w", err), "fetch it, or set vision = false", "vision")}
	}
	return nil
}

// memory holds an estimate against the device's memory.
func (x *exam) memory(context.Context) []slot.Finding {
	if x.facts == nil {
		return nil
	}
	e := slot.EstimateMemory(&x.plan, x.facts)
	return []slot.Finding{slot.CheckMemory(&x.plan, e, slot.MemoryOf(x.hardware, x.plan.Device), x.help)}
}

// template looks at the chat template, which must not lead out of the store's
// directory of them. One that the slot's own flags name may be anywhere.
func (x *exam) template(context.Context) []slot.Finding {
	name := slot.TemplateFile(&x.plan)
	if name == "" || x.box.models.root == nil {
		return nil
	}
	refuse := func(code, fix string, err error) []slot.Finding {
		return []slot.Finding{amiss(code, fmt.Errorf("the chat template can't be used: %w", err), fix, "chat_template")}
	}
	if _, err := x.box.view(&x.plan).size(name); err != nil {
		return refuse(slot.FindTemplate, "put the template there, or set chat_template = \"auto\"", err)
	}
	dir := x.box.paths.Store + "/chat-templates"
	if path.Dir(name) != dir {
		return nil
	}
	host := view{root: x.box.models.root}
	inside, err := host.find(dir)
	on, fileErr := x.box.view(&x.plan).find(name)
	if err = errors.Join(err, fileErr); err == nil && !strings.HasPrefix(on, inside+"/") {
		err = fmt.Errorf("%s leads to %s, which is outside of %s", name, on, dir)
	}
	if err != nil {
		return refuse(slot.FindTemplateDir, "put a copy of the template there instead of a link", err)
	}
	return nil
}

// mounts looks whether the host has what the container is to see.
func (x *exam) mounts(context.Context) []slot.Finding {
	var found []slot.Finding
	for _, m := range x.plan.Spec.Mounts {
		if x.box.models.root == nil {
			break
		}
		if _, err := (view{root: x.box.models.root}).find(m.Source); err != nil {
			found = append(found, amiss(slot.FindMount, fmt.Errorf("%w: %w", runtime.ErrMount, err), "create it: the container can't be made without"))
		}
	}
	return found
}

// devices looks whether the container's groups may open the nodes that it is given.
func (x *exam) devices(context.Context) []slot.Finding {
	var found []slot.Finding
	for _, node := range x.plan.Spec.Devices {
		if x.box.models.root == nil {
			break
		}
		info, err := fs.Stat(x.box.models.root, below(node))
		if err != nil {
			found = append(found, amiss(slot.FindDevice, fmt.Errorf("%w: %w", ErrDevice, pathError(node, err)), "load the driver of the device, or choose another device", "device"))
			continue
		}
		gid, known := file.GID(info)
		if !known || opens(info.Mode(), gid, x.plan.Spec.Groups) {
			continue
		}
		found = append(found, slot.Finding{
			Severity: slot.SeverityWarning, Code: slot.FindDeviceAccess,
			Message: fmt.Sprintf("%s belongs to group %d (%s), and the container gets the groups %s: only a server that runs as root may open it",
				node, gid, info.Mode(), strings.Join(x.plan.Spec.Groups, " and ")),
			Fix: "give the node to the group render or video, as udev's rules do",
		})
	}
	return found
}

// opens reports whether a process with those groups may read and write a node.
func opens(mode fs.FileMode, gid int, groups []string) bool {
	const everybody, group = 0o006, 0o060
	return mode.Perm()&everybody == everybody || mode.Perm()&group == group && slices.Contains(groups, strconv.Itoa(gid))
}

// port looks whether somebody else listens on the slot's port.
func (x *exam) port(context.Context) []slot.Finding {
	var found []slot.Finding
	for _, p := range x.plan.Spec.Publish {
		if !slices.Contains(x.listening, p.HostPort) {
			continue
		}
		by := x.holder(p.HostPort)
		if by == x.plan.Slot {
			continue
		}
		who := "another program listens there"
		if by != "" {
			who = "slot " + by + " is up there"
		}
		found = append(found, amiss(slot.FindPort, fmt.Errorf("%w: port %d: %s", runtime.ErrPortInUse, p.HostPort, who), "stop it, or give the slot another port", "port"))
	}
	return found
}

// container looks whether somebody else has a container of the slot's name: lists of
// containers leave such a one out.
func (x *exam) container(ctx context.Context) []slot.Finding {
	name := slot.ContainerName(x.plan.Slot)
	ours := func(c runtime.Container) bool {
		return c.Name == name && c.Managed() && c.Labels[runtime.LabelSlot] == x.plan.Slot
	}
	if x.runtime == nil || slices.ContainsFunc(x.containers, ours) {
		return nil
	}
	c, err := x.runtime.Inspect(ctx, name)
	if err != nil || ours(c) {
		return nil
	}
	return []slot.Finding{amiss(slot.FindForeign, fmt.Errorf("%w: there is a container %s, of image %s", runtime.ErrForeign, name, c.Image), "remove or rename it, or rename the slot")}
}

// holder returns the slot whose container publishes a port, "" for none that is
// known.
func (d *doctor) holder(port int) string {
	for _, c := range d.containers {
		for _, p := range c.Publish {
			if p.HostPort == port && c.State == runtime.StateRunning {
				return c.Labels[runtime.LabelSlot]
			}
		}
	}
	return ""
}
