package slot

import (
	"fmt"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
	"github.com/hal0ai/hal0-go/provider"
)

// Device, type, profile and provider of a slot have to agree. What an edit
// names wins, and the others follow when there is one right answer:
//
//	named      what follows, where it no longer goes with what was named
//	---------  ------------------------------------------------------------
//	device     the profile: the device's default if it serves the type, else
//	           the first that does. Never the type.
//	profile    the device: the only one that the profile is made for. For a
//	           Vulkan profile that is gpu-vulkan, though it runs on cpu too.
//	           The type: where the profile's provider serves one only.
//	provider   the profile, as for a device. The device: the only one that a
//	           profile of that provider is made for. The type: where the
//	           provider serves one only.
//	type       the profile, as for a device. The device: the only one that
//	           serves the type.
//	any        the provider, where the slot names one: the profile's own.
//
// What goes with the named facts already stays: a profile of image generation
// is kept from gpu-rocm to gpu-vulkan, a clone of vulkan from gpu-vulkan to cpu.
// A provider of a program's own runs any image and stays while it can.
//
// There is no right answer, and an error that lists the choices, where several
// devices or types would do, and where the type is the only thing in the way of
// a device. Named facts that contradict each other are an error that names
// them.

// The keys of the facts, in the order in which errors name them.
var factKeys = [...]string{"device", "type", "profile", "provider"}

// values returns the facts as words, in the order of factKeys.
func (f facts) values() [len(factKeys)]string {
	return [...]string{string(f.device), string(f.typ), f.profile, string(f.provider)}
}

// part returns the facts whose bits are set in mask.
func (f facts) part(mask uint) facts {
	v := f.values()
	for i := range v {
		if mask&(1<<i) == 0 {
			v[i] = ""
		}
	}
	return facts{device.Device(v[0]), provider.SlotType(v[1]), v[2], provider.Name(v[3])}
}

// over returns f with the free ones taken from below.
func (f facts) over(below facts) facts {
	return facts{
		orDefault(f.device, below.device), orDefault(f.typ, below.typ),
		orDefault(f.profile, below.profile), orDefault(f.provider, below.provider),
	}
}

// follow returns four facts that agree: the named ones as they are, the others
// as held where that goes with them. A type must be held.
func (c choices) follow(named, held facts) (facts, error) {
	if err := c.known(named); err != nil {
		return facts{}, err
	}
	if isOwn(held.provider) && named.provider == "" {
		kept := named
		kept.provider = held.provider
		if x, err := c.settle(kept, held); err == nil {
			return x, nil
		}
	}
	return c.settle(named, held)
}

// known refuses facts that are not there.
func (c choices) known(named facts) error {
	var problems conf.ValidationErrors
	if named.profile != "" {
		if _, err := c.profiles.Get(named.profile); err != nil {
			problems = append(problems, unknownProfile(err, named.profile))
		}
	}
	if named.provider != "" {
		if _, err := c.providers.Get(named.provider); err != nil {
			problems = append(problems, conf.NotOneOf(err, "provider"))
		}
	}
	return problems.Err()
}

// settle is follow for facts that are there.
func (c choices) settle(named, held facts) (facts, error) {
	if !c.possible(named) {
		return facts{}, c.contradiction(named)
	}
	var err error
	if named.typ, err = c.settleType(named, held.typ); err != nil {
		return facts{}, err
	}
	if named.device, err = c.settleDevice(named, held.device); err != nil {
		return facts{}, err
	}
	return c.settleProfile(named, held.profile), nil
}

// settleType lets the type follow a profile or a provider, never a device: who
// moves a slot does not want it to become something else.
func (c choices) settleType(named facts, held provider.SlotType) (provider.SlotType, error) {
	if named.typ != "" {
		return named.typ, nil
	}
	if c.possible(named.over(facts{typ: held})) {
		return held, nil
	}
	types := c.slotTypes(named)
	switch {
	case named.profile == "" && named.provider == "":
		return "", c.opposes(facts{device: named.device}, facts{typ: held})
	case len(types) > 1:
		return "", ambiguous(named, facts{typ: held}, "type", enum.Words(types))
	}
	return types[0], nil
}

func (c choices) settleDevice(named facts, held device.Device) (device.Device, error) {
	if named.device != "" {
		return named.device, nil
	}
	if held != "" && c.possible(named.over(facts{device: held})) {
		return held, nil
	}
	devices := c.devices(named)
	made := c.madeFor(devices, named)
	if len(made) == 1 {
		return made[0], nil
	}
	if len(devices) == 1 {
		return devices[0], nil
	}
	return "", ambiguous(named, facts{device: held}, "device", enum.Words(devices))
}

// settleProfile completes facts of which device and type are known and that can
// be completed.
func (c choices) settleProfile(named facts, held string) facts {
	if named.profile == "" {
		if p, err := c.profiles.Get(held); err == nil && c.serves(&p, named) {
			named.profile = held
		} else {
			named.profile = c.defaultProfile(named)
		}
	}
	if p, err := c.profiles.Get(named.profile); err == nil {
		named.provider, _ = runner(&p, named.provider)
	}
	return named
}

// contradiction tells of one of the facts with which nothing goes, or of two that
// contradict each other. There is no other way: a profile decides by itself which
// devices it fits, a provider which types it serves.
func (c choices) contradiction(f facts) error {
	for i := range factKeys {
		if one := f.part(1 << i); one != (facts{}) && !c.possible(one) {
			return c.alone(one)
		}
	}
	for i := range factKeys {
		for j := range i {
			one, other := f.part(1<<j), f.part(1<<i)
			if one != (facts{}) && other != (facts{}) && !c.possible(one.over(other)) {
				return c.opposes(one, other)
			}
		}
	}
	return conflict("profile", "no profile of this box goes with what is asked for")
}

// alone tells of a fact with which nothing goes.
func (c choices) alone(f facts) error {
	key, value := f.first()
	switch key {
	case "device":
		return conflict(key, "no profile of this box runs on device %s", value)
	case "type":
		return conflict(key, "no profile of this box serves type %s", value)
	case "provider":
		return conflict(key, "no profile of this box runs %s", value)
	}
	p, err := c.profiles.Get(f.profile)
	if err != nil {
		return unknownProfile(err, f.profile)
	}
	return conflict(key, "profile %s is made for device_class %s and backend %s, which no device is", p.Name, p.Class, p.Backend)
}

// opposes tells of two facts that contradict each other.
func (c choices) opposes(f, other facts) error {
	key, value := f.first()
	otherKey, otherValue := other.first()
	return conflict(key, "%s contradicts %s = %s: %s %s goes with %s; %s %s with %s", value, otherKey, otherValue,
		key, value, c.goesWith(f, otherKey), otherKey, otherValue, c.goesWith(other, key))
}

// goesWith lists the values that a fact can have beside f.
func (c choices) goesWith(f facts, key string) string {
	var all []string
	switch key {
	case "device":
		all = enum.Words(c.devices(f))
	case "type":
		all = enum.Words(c.slotTypes(f))
	case "profile":
		all = c.profileNames(f)
	case "provider":
		all = enum.Words(c.providerNames(f))
	}
	return key + " " + list(all, "or")
}

// ambiguous tells of a fact that several values would do for.
func ambiguous(named, held facts, key string, choices []string) error {
	_, was := held.first()
	name, value := named.first()
	p := conf.At(conf.ErrConflict, fmt.Sprintf("%s does not go with %s = %s but with %s %s: set %s too",
		value, key, was, key, list(choices, "or"), key), name)
	p.Found, p.Allowed = was, choices
	return conf.ValidationErrors{p}
}

// first returns key and value of one of the facts: what a person would name
// first as the reason.
func (f facts) first() (key, value string) {
	v := f.values()
	for _, i := range [...]int{2, 3, 0, 1} {
		if v[i] != "" {
			return factKeys[i], v[i]
		}
	}
	return "", ""
}

func conflict(key, format string, args ...any) error {
	return conf.ValidationErrors{conf.At(conf.ErrConflict, fmt.Sprintf(format, args...), key)}
}

// list writes "a, b or c", and of many the first few.
func list(all []string, last string) string {
	const few = 8
	if n := len(all); n > few {
		all = append(all[:few:few], fmt.Sprintf("one of %d more", n-few))
	}
	n := len(all)
	if n < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:n-1], ", ") + " " + last + " " + all[n-1]
}
