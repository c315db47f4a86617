package slot

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

// facts are the four things about a slot that have to agree. A zero field is
// free.
type facts struct {
	device   device.Device
	typ      provider.SlotType
	profile  string
	provider provider.Name
}

// choices are what the facts of a slot are chosen from. Its methods are the
// rules by which facts agree: resolving, picking and following all ask them.
type choices struct {
	profiles  profile.Catalog
	providers provider.Set
}

// isOwn reports whether a provider is one of a program's own, which runs any
// image: hal0's providers run only images of their family.
func isOwn(name provider.Name) bool {
	if name == "" {
		return false
	}
	_, err := provider.Parse(string(name))
	return err != nil
}

// runner returns who runs a profile in a slot that names a provider, which may
// be "". ok is false when the two contradict each other.
func runner(p *profile.Profile, named provider.Name) (name provider.Name, ok bool) {
	family := p.Family()
	if isOwn(named) {
		return named, true
	}
	return family, named == "" || named == family
}

// types returns the slot types that a provider serves; none for one that is not
// there.
func (c choices) types(name provider.Name) []provider.SlotType {
	p, err := c.providers.Get(name)
	if err != nil {
		return nil
	}
	return p.Facts().Types
}

// serves reports whether a profile goes with the other facts, of which device
// and type are known.
func (c choices) serves(p *profile.Profile, f facts) bool {
	name, ok := runner(p, f.provider)
	return ok && slices.Contains(c.types(name), f.typ) && p.Fits(f.device) == nil
}

// fitting returns the names of the profiles that go with the other facts.
func (c choices) fitting(f facts) []string {
	var names []string
	for _, p := range c.profiles.List() {
		if c.serves(&p, f) {
			names = append(names, p.Name)
		}
	}
	return names
}

// defaultProfile is the device's own, if it goes with the other facts, else the
// first that does, else the device's own all the same.
func (c choices) defaultProfile(f facts) string {
	name := profile.DefaultFor(f.device)
	if p, err := c.profiles.Get(name); err == nil && c.serves(&p, f) {
		return name
	}
	if fit := c.fitting(f); len(fit) > 0 {
		return fit[0]
	}
	return name
}

// wouldFit names, for an error's end, the profiles that would do.
func (c choices) wouldFit(f facts) string {
	f.provider = ""
	fit := c.fitting(f)
	if len(fit) == 0 {
		return fmt.Sprintf("; no profile serves type %s on device %s", f.typ, f.device)
	}
	return fmt.Sprintf("; for type %s on device %s use %s", f.typ, f.device, strings.Join(fit, ", "))
}

// combinations yields every four facts that agree with each other and with f.
func (c choices) combinations(f facts) iter.Seq[facts] {
	return func(yield func(facts) bool) {
		for _, p := range c.profiles.List() {
			name, ok := runner(&p, f.provider)
			if !ok || f.profile != "" && f.profile != p.Name {
				continue
			}
			for x := range pairs(f, &p, c.types(name)) {
				x.profile, x.provider = p.Name, name
				if !yield(x) {
					return
				}
			}
		}
	}
}

// pairs yields the devices and types with which a profile can go, and f.
func pairs(f facts, p *profile.Profile, types []provider.SlotType) iter.Seq[facts] {
	return func(yield func(facts) bool) {
		for _, d := range device.All() {
			if f.device != "" && f.device != d || p.Fits(d) != nil {
				continue
			}
			for _, t := range types {
				if (f.typ == "" || f.typ == t) && !yield(facts{device: d, typ: t}) {
					return
				}
			}
		}
	}
}

// possible reports whether any four facts agree with f.
func (c choices) possible(f facts) bool {
	for range c.combinations(f) {
		return true
	}
	return false
}

// each returns what one of the facts can be beside f, each value once, in the
// order in which values are documented.
func each[T comparable](c choices, f facts, fact func(facts) T, order []T) []T {
	found := map[T]bool{}
	for x := range c.combinations(f) {
		found[fact(x)] = true
	}
	return slices.DeleteFunc(slices.Clone(order), func(v T) bool { return !found[v] })
}

func (c choices) devices(f facts) []device.Device {
	return each(c, f, func(x facts) device.Device { return x.device }, device.All())
}

func (c choices) slotTypes(f facts) []provider.SlotType {
	return each(c, f, func(x facts) provider.SlotType { return x.typ }, provider.SlotTypes())
}

func (c choices) profileNames(f facts) []string {
	return each(c, f, func(x facts) string { return x.profile }, c.profiles.Names())
}

func (c choices) providerNames(f facts) []provider.Name {
	return each(c, f, func(x facts) provider.Name { return x.provider }, c.providers.Names())
}

// madeFor leaves out the CPU where profiles run on it only because llama.cpp
// falls back to it.
func (c choices) madeFor(devices []device.Device, f facts) []device.Device {
	return slices.DeleteFunc(slices.Clone(devices), func(d device.Device) bool {
		if d != device.CPU {
			return false
		}
		f.device = d
		for x := range c.combinations(f) {
			if p, err := c.profiles.Get(x.profile); err == nil && p.Class == device.ClassCPU {
				return false
			}
		}
		return true
	})
}
