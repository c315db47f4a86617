package slot

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
)

// Bounds of a context window, in tokens.
const (
	// MinContext is the smallest that a slot may ask for.
	MinContext = 128
	// MaxDefaultContext bounds the model's own window where no slot asks for
	// more: a native window of 256k would take the box's whole memory.
	MaxDefaultContext = 32768
	// DefaultContext applies where nothing is known of the model. llama-server's
	// own default has been 4096, too little for an agent.
	DefaultContext = 8192
)

// Inputs are what a slot is resolved against. They are read only.
type Inputs struct {
	// Profiles are the profiles to choose from.
	Profiles profile.Catalog
	// Providers are the providers; the zero Set means [provider.Builtin].
	Providers provider.Set
	// Manifest pins images; nil knows none.
	Manifest *manifest.Manifest
	// Registry knows the models.
	Registry Registry
	// ModelFile is what is known of the model's file, nil when nobody looked. See
	// [ModelPath].
	ModelFile *ModelFile
	// Host is the box that the plan is for.
	Host device.Host
	// Paths are the box's directories.
	Paths provider.Paths
	// Listen is the host address to publish on; the zero Addr means 127.0.0.1.
	// Another one opens the slot to whoever reaches that address.
	Listen netip.Addr
}

// A ModelFile is what was found where a model's file should be.
type ModelFile struct {
	// ContextLength is the native context window that the file's header tells,
	// in tokens; 0 when it tells none or was not read.
	ContextLength int
	// Err is why the file could not be read, or nil.
	Err error
}

// resolver carries one Resolve from step to step.
type resolver struct {
	slot     *Slot
	in       *Inputs
	problems conf.ValidationErrors

	profile  profile.Profile
	provider provider.Provider
	facts    provider.Facts
	entry    Entry
	launch   provider.Inputs
	plan     Plan
}

// Resolve turns a slot into its plan. It is pure: the same slot and inputs
// give the same plan, byte for byte, and nothing is read or changed. It may be
// called concurrently. The error holds every problem found, each with its key.
func Resolve(s Slot, in Inputs) (Plan, error) {
	if in.Providers.Len() == 0 {
		in.Providers = builtin
	}
	r := resolver{slot: &s, in: &in, problems: s.problems(in.Providers)}
	for _, step := range []func(*resolver){
		(*resolver).choose, (*resolver).model, (*resolver).launchInputs, (*resolver).flags, (*resolver).image, (*resolver).host, (*resolver).spec,
	} {
		step(&r)
		if len(r.problems) > 0 {
			return Plan{}, r.problems
		}
	}
	return r.plan, nil
}

var builtin = provider.Builtin()

// Resolve is [Resolve] for what the file says. Its problems have the position of
// their key, in the file or in the one that the slot takes it from.
func (f *File) Resolve(in Inputs) (Plan, error) {
	plan, err := Resolve(f.Slot, in)
	if err != nil {
		return Plan{}, f.locate(err, in)
	}
	plan.Warnings = append(append(make([]Warning, 0, len(f.Warnings)+len(plan.Warnings)), f.Warnings...), plan.Warnings...)
	return plan, nil
}

// locate gives problems the position of their key.
func (f *File) locate(err error, in Inputs) error {
	problems := conf.Problems(err)
	for i, p := range problems {
		from := len(p.Keys) > 1 && p.Line == 0
		switch {
		case from && p.Keys[0] == "profile":
			problems[i] = in.Profiles.Locate(p)
		case from && p.Keys[0] == "models":
			problems[i] = in.Registry.Locate(p)
		default:
			problems[i] = f.Locate(p)
		}
	}
	problems.Sort()
	return problems.Err()
}

func (r *resolver) problem(class error, message string, path ...string) {
	r.problems = append(r.problems, conf.At(class, message, path...))
}

func (r *resolver) warn(code, format string, args ...any) {
	r.plan.Warnings = append(r.plan.Warnings, warnf(code, format, args...))
}

func (r *resolver) choices() choices { return choices{r.in.Profiles, r.in.Providers} }

// wanted are the slot's own facts, as far as they do not depend on the profile.
func (r *resolver) wanted() facts {
	return facts{device: r.plan.Device, typ: r.plan.Type, provider: r.slot.Provider}
}

// choose settles device, type, profile and provider, and that they agree.
func (r *resolver) choose() {
	if len(r.problems) > 0 {
		return
	}
	s, p := r.slot, &r.plan
	p.Slot, p.Device, p.Type = s.Name, orDefault(s.Device, device.Default), orDefault(s.Type, provider.LLM)
	p.Warnings = []Warning{}
	name := ProfileOf(*s, *r.in)
	var err error
	if r.profile, err = r.in.Profiles.Get(name); err != nil {
		r.problems = append(r.problems, unknownProfile(err, name))
		return
	}
	p.Profile = name
	if err := r.profile.Fits(p.Device); err != nil {
		r.problem(conf.ErrConflict, err.Error()+r.choices().wouldFit(r.wanted()), r.profileKey()...)
		return
	}
	r.chooseProvider()
}

// ProfileOf returns the name of the profile that the slot takes: its own, else
// the default for its device, type and provider. Whether there is one of that
// name, and whether it can be launched, is for [Resolve] to say.
func ProfileOf(s Slot, in Inputs) string {
	if s.Profile != "" {
		return s.Profile
	}
	if in.Providers.Len() == 0 {
		in.Providers = builtin
	}
	return choices{in.Profiles, in.Providers}.defaultProfile(facts{
		device: orDefault(s.Device, device.Default), typ: orDefault(s.Type, provider.LLM), provider: s.Provider,
	})
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// unknownProfile puts a failed look-up into words: no such profile, or one
// whose own problems have positions already.
func unknownProfile(err error, name string) conf.ValidationError {
	var unknown *enum.Error
	if errors.As(err, &unknown) {
		return conf.NotOneOf(err, "profile")
	}
	return conf.At(conf.ErrConflict, fmt.Sprintf("profile %s can't be used: %v", name, err), "profile")
}

// profileKey is the key to blame for the choice of profile.
func (r *resolver) profileKey() []string {
	if r.slot.Profile == "" {
		return []string{"device"}
	}
	return []string{"profile"}
}

// chooseProvider settles who runs the slot. The profile's family decides,
// unless the slot names a provider of the program's own.
func (r *resolver) chooseProvider() {
	name, ok := runner(&r.profile, r.slot.Provider)
	if !ok {
		r.problem(conf.ErrConflict, fmt.Sprintf("is %s, but profile %s runs %s: drop the key or choose another profile%s",
			r.slot.Provider, r.profile.Name, name, r.choices().wouldFit(r.wanted())), "provider")
		return
	}
	var err error
	if r.provider, err = r.in.Providers.Get(name); err != nil {
		r.problems = append(r.problems, conf.NotOneOf(err, "provider"))
		return
	}
	r.facts = r.provider.Facts()
	r.plan.Provider = name
	if !slices.Contains(r.facts.Types, r.plan.Type) {
		key := []string{"type"}
		if r.slot.Profile != "" {
			key = []string{"profile"}
		}
		r.problem(conf.ErrConflict, fmt.Sprintf("profile %s runs %s, which does not serve type %s%s",
			r.profile.Name, name, r.plan.Type, r.choices().wouldFit(r.wanted())), key...)
	}
}

// ModelPath returns the path of the model file that the slot would load, ""
// when it loads none or the model is not known. It is where to look for
// [Inputs.ModelFile].
func ModelPath(s Slot, r Registry) string {
	if path.IsAbs(s.Model.Default) {
		return s.Model.Default
	}
	e, _, _ := r.Get(s.Model.Default)
	return e.Path
}

// model settles what the slot serves.
func (r *resolver) model() {
	id := r.slot.Model.Default
	switch r.facts.Model {
	case provider.ModelNone:
	case provider.ModelTag:
		if id == "" {
			r.problem(conf.ErrRequired, fmt.Sprintf("is required: the model that %s should load", r.plan.Provider), "model", "default")
		}
		if _, known, _ := r.in.Registry.Get(id); known || path.IsAbs(id) {
			r.warn(WarnModelTag, "model.default %s is for llama-server, and %s has models of its own: want one of its tags", id, r.plan.Provider)
		}
		r.launch.Model.ID, r.plan.Model = id, id
	case provider.ModelFile:
		r.modelFile(id)
	}
}

func (r *resolver) modelFile(id string) {
	m := &r.launch.Model
	switch {
	case id == "":
		r.problem(conf.ErrRequired, "is required: an id of the model registry, or the absolute path of a model file", "model", "default")
	case path.IsAbs(id):
		if !conf.IsPlainPath(id) {
			r.problem(conf.ErrValue, conf.NotPlainPath(id), "model", "default")
		}
		*m = provider.Model{ID: strings.TrimSuffix(path.Base(id), path.Ext(id)), Path: id}
	default:
		e, ok, err := r.in.Registry.Get(id)
		if !ok {
			r.problem(conf.ErrValue, r.unknownModel(id, err), "model", "default")
			return
		}
		r.entry = e
		*m = provider.Model{ID: id, Path: e.Path, MMProj: e.MMProj}
	}
	r.plan.Model, r.plan.ModelFile = m.ID, m.Path
	if f := r.in.ModelFile; f != nil && f.Err != nil {
		r.warn(WarnModelFile, "the model file can't be read here: %v", f.Err)
	}
}

func (r *resolver) unknownModel(id string, err error) string {
	if err != nil {
		return fmt.Sprintf("model %q can't be used: %v", id, err)
	}
	ids := r.in.Registry.IDs()
	if len(ids) == 0 {
		return fmt.Sprintf("unknown model %q: the model registry is empty; want the absolute path of a model file", id)
	}
	if near := conf.Closest(id, ids); near != "" {
		return fmt.Sprintf("unknown model %q: did you mean %q?", id, near)
	}
	const few = 8
	if len(ids) > few {
		return fmt.Sprintf("unknown model %q: the registry has %d others, such as %s", id, len(ids), strings.Join(ids[:few], ", "))
	}
	return fmt.Sprintf("unknown model %q: want one of %s, or the absolute path of a model file", id, strings.Join(ids, ", "))
}

// launchInputs gathers what the provider launches from.
func (r *resolver) launchInputs() {
	s, l := r.slot, &r.launch
	l.Slot, l.Type, l.Device, l.Host, l.Port = s.Name, r.plan.Type, r.plan.Device, r.in.Host, s.Port
	l.ContextSize = r.contextSize()
	l.Vision = s.Vision == nil || *s.Vision
	l.ASR, l.Embed = s.NPU.ASR, s.NPU.Embed
	l.Env, l.Paths = s.Server.Env, r.in.Paths
	if s.Model.RopeFreqBase != nil {
		l.RopeFreqBase = *s.Model.RopeFreqBase
	}
	l.GPULayers, l.GPULayersFrom = r.gpuLayers()
	r.template()
	r.plan.ContextSize = l.ContextSize
}

// contextSize follows the slot, else the model's own window within bounds.
func (r *resolver) contextSize() int {
	if n := r.slot.Model.ContextSize; n != nil {
		return *n
	}
	native := orDefault(r.entry.Metadata.ContextLength, r.entry.Defaults.ContextSize)
	if native == 0 && r.in.ModelFile != nil {
		native = r.in.ModelFile.ContextLength
	}
	if native <= 0 {
		return DefaultContext
	}
	return min(native, MaxDefaultContext)
}

// gpuLayers returns how many layers to offload and who says so; -1 says
// nothing.
func (r *resolver) gpuLayers() (*int, provider.Source) {
	if n := r.slot.Model.NGPULayers; n != nil {
		if *n < 0 {
			return nil, ""
		}
		return n, provider.FromSlot
	}
	if n := r.entry.Defaults.NGPULayers; n != nil && *n >= 0 {
		return n, provider.FromModel
	}
	return nil, ""
}

// template settles the chat template file and who chose it.
func (r *resolver) template() {
	id, from := r.slot.ChatTemplate, provider.FromSlot
	if id == "" {
		id, from = r.entry.Defaults.ChatTemplate, provider.FromModel
		if id != "" && !templateRE.MatchString(id) {
			r.problem(conf.ErrValue, templateMessage(id), r.modelKey("chat_template")...)
			return
		}
	}
	if id == "" || id == "auto" {
		return
	}
	r.launch.Template = r.in.Paths.Store + "/chat-templates/" + id + ".jinja"
	r.launch.TemplateFrom = from
}

func (r *resolver) modelKey(key string) []string {
	return []string{"models", r.launch.Model.ID, "defaults", key}
}

// image settles which image is launched, and how surely.
func (r *resolver) image() {
	ref, key := r.profile.Image, []string{"profile", r.profile.Name, "image"}
	if r.slot.Image != "" {
		ref, key = r.slot.Image, []string{"image"}
	}
	pin, err := r.in.Manifest.Resolve(ref)
	switch {
	case err != nil:
		r.problem(conf.ErrValue, err.Error(), key...)
		return
	case !pin.Managed():
		r.warn(WarnUnmanaged, "the manifest does not know image %s: it is launched as written", ref)
	case !pin.Published():
		r.warn(WarnUnpublished, "the manifest has no digest for image %s (%s): it is launched by its tag, which can move", pin.Name, pin.Ref)
	}
	r.plan.Spec.Image = pin.Launch
	r.plan.Image = Image{Ref: ref, Pinned: pin.Published(), Digest: pin.Digest, Entry: pin.Name}
}

// host warns of what the box lacks: plans can be made anywhere.
func (r *resolver) host() {
	d := r.plan.Device
	if missing := r.in.Host.Lacks(d); len(missing) > 0 {
		it := "it"
		if len(missing) > 1 {
			it = "them"
		}
		r.warn(WarnDevice, "this host has no %s: device %s needs %s", strings.Join(missing, " and no "), d, it)
		return
	}
	if d == device.CPU {
		return
	}
	if r.in.Host.RenderGID == nil || d.IsGPU() && r.in.Host.VideoGID == nil {
		r.warn(WarnGroup, "this host lacks the group render or video, which own its device nodes: the container may not be allowed to open them")
	}
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// spec builds the container and its hash.
func (r *resolver) spec() {
	p := &r.plan
	image := p.Spec.Image
	p.Spec = r.provider.Spec(&r.launch, p.Flags)
	p.Spec.Name, p.Spec.Image, p.Spec.Network = ContainerName(p.Slot), image, "bridge"
	p.Spec.Publish = []runtime.Port{{HostIP: orDefault(r.in.Listen, loopback), HostPort: r.slot.Port, ContainerPort: r.slot.Port}}
	p.Probe = r.provider.Probe(&r.launch)
	if reporter, ok := r.provider.(provider.Reporter); ok {
		p.Busy = provider.Probe{reporter.Busy(&r.launch)}
	}
	p.Spec.Labels = map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: p.Slot}
	p.Hash = hash(&p.Spec)
	p.Spec.Labels[runtime.LabelPlan] = p.Hash
}
