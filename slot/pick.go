package slot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

// Ports of new slots.
const (
	// FirstPort and LastPort bound the ports that are handed out, unless a box
	// says otherwise.
	FirstPort = 8081
	LastPort  = 8099
	// ComfyUIPort is handed out to ComfyUI, and to nothing else.
	ComfyUIPort = 8188
)

// A Wish is what somebody wants of a new slot. A field of its zero value is left
// to [Pick].
type Wish struct {
	// Name is the slot's name; the type's word, such as "chat" or "chat-2", when
	// empty.
	Name string
	// Type is what the slot is for; when empty, what the profile or provider
	// serves if that is one type only, else [provider.LLM].
	Type provider.SlotType
	// Device is the hardware; when empty, the recommended device, else the first of
	// gpu-vulkan, gpu-rocm, cpu and npu, that the host has and that serves the type.
	Device device.Device
	// Profile and Provider are the device's own when empty, or the first that
	// serve the type.
	Profile  string
	Provider provider.Name
	// Port is the first free one when 0.
	Port int
	// Model is an id of the registry, the absolute path of a file, or a tag, see
	// [Model]. Llama-server and FastFlowLM need one.
	Model string
}

// Surroundings are what a slot has to get along with on its box. They are read
// only.
type Surroundings struct {
	// Inputs are what the slot is resolved against.
	Inputs Inputs
	// Slots are the other slot files of the box that have no problems.
	Slots []*File
	// Ports are the ports that slot files claim, by the slot's name, files with
	// problems among them; 0 for one whose port is not known.
	Ports map[string]int
	// Listening are the TCP ports on which something listens on the host.
	Listening []int
	// First and Last bound the ports of new slots; [FirstPort] and [LastPort]
	// when 0.
	First, Last int
	// MaxSlots bounds how many slots there may be; 0 is no bound.
	MaxSlots int
	// Recommended is the device for a slot that names none, or "".
	Recommended device.Device
}

// Pick returns the slot that a wish asks for, with everything that is not the
// default of every slot filled in: name, port, type, device, provider and
// profile. It resolves. The error says what can't be had and what can; there is
// no file yet, so its problems have keys and no position.
//
// A device that is named is taken even where the host lacks it, so that slots
// can be made for another box; left to Pick, it is one that the host has.
//
// Pick is pure and may be called concurrently.
func Pick(w Wish, around Surroundings) (Slot, error) {
	in := &around.Inputs
	if in.Providers.Len() == 0 {
		in.Providers = builtin
	}
	p := picker{wish: w, around: &around, choices: choices{in.Profiles, in.Providers}}
	if p.pickFacts(); p.facts != (facts{}) {
		p.pickPort()
	}
	p.pickName()
	if n := len(around.Ports); around.MaxSlots > 0 && n >= around.MaxSlots {
		p.problem(conf.ErrConflict, fmt.Sprintf("the box has %d slots already, of at most %d: delete one, or raise the bound in hal0.toml",
			n, around.MaxSlots), "slots", "max_slots")
	}
	if len(p.problems) > 0 {
		p.problems.Sort()
		return Slot{}, p.problems
	}
	s := Slot{
		Name: p.name, Port: p.port, Type: p.facts.typ, Device: p.facts.device,
		Profile: p.facts.profile, Provider: p.facts.provider, Model: Model{Default: w.Model},
	}
	if _, err := Resolve(s, *in); err != nil {
		return Slot{}, err
	}
	if found := (&File{Slot: s}).conflicts(around.Slots); len(found) > 0 {
		return Slot{}, found
	}
	return s, nil
}

// A picker carries one Pick from step to step.
type picker struct {
	wish     Wish
	around   *Surroundings
	choices  choices
	problems conf.ValidationErrors

	facts facts
	name  string
	port  int
}

func (p *picker) problem(class error, message string, path ...string) {
	p.problems = append(p.problems, conf.At(class, message, path...))
}

// pickFacts settles type, device, profile and provider.
func (p *picker) pickFacts() {
	w := p.wish
	words := Slot{Name: "chat", Port: FirstPort, Type: w.Type, Device: w.Device, Provider: w.Provider}
	if p.problems = words.problems(p.choices.providers); len(p.problems) > 0 {
		return
	}
	named := facts{w.Device, w.Type, w.Profile, w.Provider}
	held := facts{typ: provider.LLM}
	err := p.choices.known(named)
	if err == nil && named.device == "" {
		held.device, err = p.pickDevice(named)
	}
	if err == nil {
		p.facts, err = p.choices.follow(named, held)
	}
	p.problems = append(p.problems, conf.Problems(err)...)
}

// pickDevice returns the device for a wish that names none.
func (p *picker) pickDevice(named facts) (device.Device, error) {
	if !p.choices.possible(named) {
		return "", nil // which follow tells of
	}
	typ, err := p.choices.settleType(named, provider.LLM)
	if err != nil {
		return "", err
	}
	named.typ = typ
	able := p.choices.devices(named)
	order := []device.Device{p.around.Recommended, device.GPUVulkan, device.GPUROCm, device.CPU, device.NPU}
	for _, d := range order {
		if slices.Contains(able, d) && len(p.around.Inputs.Host.Lacks(d)) == 0 {
			return d, nil
		}
	}
	if named.profile != "" && len(p.choices.madeFor(able, named)) == 1 {
		return "", nil // the profile names it
	}
	needs := make([]string, len(able))
	for i, d := range able {
		needs[i] = fmt.Sprintf("%s needs %s", d, strings.Join(p.around.Inputs.Host.Lacks(d), " and "))
	}
	return "", conflict("device", "this host has no device that serves type %s: %s; name a device to make the slot all the same", typ, strings.Join(needs, ", "))
}

// pickName settles the name: the one asked for, or the type's word, with a
// number where it is taken.
func (p *picker) pickName() {
	p.name = p.wish.Name
	if p.name == "" {
		p.name = p.freeName(p.facts.typ.Word())
		return
	}
	if err := profile.CheckName(p.name); err != nil {
		p.problem(conf.ErrValue, err.Error(), "name")
	} else if _, taken := p.around.Ports[p.name]; taken {
		p.problem(conf.ErrConflict, fmt.Sprintf("slot %s is there already: %s is free", p.name, p.freeName(p.name)), "name")
	}
}

// freeName returns base, base-2, base-3 and so on, cut to the length of a name.
func (p *picker) freeName(base string) string {
	name := base
	for n := 2; ; n++ {
		if _, taken := p.around.Ports[name]; !taken {
			return name
		}
		suffix := fmt.Sprintf("-%d", n)
		name = base[:min(len(base), profile.MaxName-len(suffix))] + suffix
	}
}

// pickPort settles the port: the one asked for, or the first that is free.
func (p *picker) pickPort() {
	free := p.freePort()
	p.port = orDefault(p.wish.Port, free)
	instead := fmt.Sprintf("%d is free", free)
	if free == 0 {
		instead = p.noPort()
	}
	if p.port == 0 {
		p.problem(conf.ErrConflict, p.noPort(), "port")
	} else if why := p.around.taken(p.port, p.facts.provider); why != "" {
		p.problem(conf.ErrConflict, why+": "+instead, "port")
	}
}

// taken tells why a slot of a provider can't have a port, "" if it can.
func (a *Surroundings) taken(port int, of provider.Name) string {
	switch owner := a.owner(port); {
	case port == ComfyUIPort && of != provider.ComfyUI:
		return fmt.Sprintf("%d is kept for ComfyUI", port)
	case owner != "":
		return fmt.Sprintf("%d is the port of slot %s", port, owner)
	case slices.Contains(a.Listening, port):
		return fmt.Sprintf("something listens on port %d of this host already", port)
	}
	return ""
}

// freePort returns the port to hand out, 0 when there is none.
func (p *picker) freePort() int {
	free := func(port int) bool { return p.around.taken(port, p.facts.provider) == "" }
	if p.facts.provider == provider.ComfyUI && free(ComfyUIPort) {
		return ComfyUIPort
	}
	first, last := p.portRange()
	for port := first; port <= last; port++ {
		if port != ComfyUIPort && free(port) {
			return port
		}
	}
	return 0
}

// portRange is the part of the box's range that slots may use at all.
func (p *picker) portRange() (first, last int) {
	return max(orDefault(p.around.First, FirstPort), MinPort), min(orDefault(p.around.Last, LastPort), MaxPort)
}

func (p *picker) noPort() string {
	first, last := p.portRange()
	if first > last {
		return fmt.Sprintf("the range of [slots] in hal0.toml has none of the ports that slots may use, %d to %d", MinPort, MaxPort)
	}
	return fmt.Sprintf("no port from %d to %d is free: each is claimed by a slot file or listened on; widen the range of [slots] in hal0.toml, within %d to %d",
		first, last, MinPort, MaxPort)
}

// owner returns the slot whose file claims a port, the first by name, or "".
func (a *Surroundings) owner(port int) string {
	owner := ""
	for name, claimed := range a.Ports {
		if claimed == port && port != 0 && (owner == "" || name < owner) {
			owner = name
		}
	}
	return owner
}
