package hal0

import (
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"

	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/slot"
)

// ErrNotPinned is an image that no digest is pinned for.
var ErrNotPinned = manifest.ErrNotPinned

// PinsOf returns the images of slots, of all that are enabled when none is named,
// each as "repo@sha256:…", sorted: what package manifest/bundle saves for a box
// that reaches no registry. An image without a digest is [ErrNotPinned], since
// nothing would tell that what is loaded there is that image; the error tells of
// every slot.
func (b *Box) PinsOf(slots ...string) ([]string, error) {
	if len(slots) == 0 {
		slots = b.enabled()
	}
	pins, problems := make([]string, len(slots)), make([]error, len(slots))
	for i, name := range slots {
		pins[i], problems[i] = b.pinOf(name)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if len(pins) == 0 {
		return nil, fmt.Errorf("%w: the box has no slot that is enabled", ErrNoSlot)
	}
	slices.Sort(pins)
	return slices.Compact(pins), nil
}

// Pins returns every image that the box pins, as "repo@sha256:…", sorted: those
// of its manifest and of its slots. Package manifest/bundle loads no others.
func (b *Box) Pins() []string {
	var pins []string
	for _, pin := range b.manifest.Images() {
		if pin.Published() {
			pins = append(pins, pin.Launch)
		}
	}
	for _, r := range b.ResolveAll() {
		if pin := pinned(&r.Plan); r.Err == nil && pin != "" {
			pins = append(pins, pin)
		}
	}
	slices.Sort(pins)
	return slices.Compact(pins)
}

// enabled returns the slots that are enabled or can't be read, so that the
// latter are complained of.
func (b *Box) enabled() (names []string) {
	for _, name := range b.Names() {
		if s, err := b.Slot(name); err != nil || s.IsEnabled() {
			names = append(names, name)
		}
	}
	return names
}

// pinOf returns the image of a slot as "repo@sha256:…".
func (b *Box) pinOf(name string) (string, error) {
	plan, err := b.resolve(name, &call{})
	if err != nil {
		return "", fmt.Errorf("slot %s: %w", name, err)
	}
	pin := pinned(&plan)
	if pin == "" {
		return "", fmt.Errorf("slot %s: %w: %s has no digest in the manifest, so nothing would tell that what is loaded is that image",
			name, ErrNotPinned, plan.Image.Ref)
	}
	return pin, nil
}

// pinned returns the image of a plan as "repo@sha256:…", "" if it is not pinned.
func pinned(plan *slot.Plan) string {
	named, err := manifest.ParseRef(plan.Spec.Image)
	if err != nil {
		return ""
	}
	if d, ok := named.(reference.Digested); ok {
		return named.Name() + "@" + d.Digest().String()
	}
	return ""
}
