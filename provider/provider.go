// Package provider knows the inference servers that a slot can run: what each
// is for, how it is launched, and how to tell that it is ready.
//
// A [Provider] is pure: it turns resolved [Inputs] into flags, a container
// [runtime.Spec] and a readiness [Probe], and touches nothing. There is one
// file for each of the four that hal0 ships. A program may add its own with
// [Set.With].
package provider

import (
	"slices"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/internal/enum"
	"github.com/hal0ai/hal0-go/runtime"
)

// A Name is a provider's label, as a slot file and a plan write it. The zero
// value is not a provider; in a slot it means the provider of its profile.
type Name string

// The providers that hal0 ships.
const (
	LlamaServer Name = "llama-server"
	FLM         Name = "flm"
	Kokoro      Name = "kokoro"
	ComfyUI     Name = "comfyui"
)

// A Flag is one flag of a launch: its name as written, its values, and the
// [Source] that it comes from. As JSON it is {"flag","value","source"}.
type Flag = argv.Flag

// A Dropped is a flag that another one replaced. As JSON it is a [Flag] with
// "by", the source of the flag that stands.
type Dropped = argv.Dropped

// A Source tells where a flag comes from. Later sources win.
type Source = argv.Source

// The sources, in order of precedence.
const (
	FromBase    = argv.Base    // the provider's own launch
	FromProfile = argv.Profile // the profile's flags
	FromMTP     = argv.MTP     // the multi-token-prediction bundle
	FromModel   = argv.Model   // the model's registry entry
	FromType    = argv.Type    // the slot's type
	FromSlot    = argv.Slot    // the slot file
)

// A Grammar says how a program reads its flags: which names are one flag, how
// many values each takes, which add up. It is immutable.
type Grammar = argv.Grammar

// A Help is what one build of llama-server accepts, read from what it prints for
// --help: names, values, what was removed. It is immutable.
type Help = argv.Help

// ReadHelp reads what llama-server prints for --help. The error is of a text that
// is something else.
func ReadHelp(text string) (*Help, error) { return argv.ReadHelp(text) }

// LlamaServerGrammar returns the grammar of llama.cpp's llama-server: flags
// that repeat collapse to the last one.
func LlamaServerGrammar() *Grammar { return argv.LlamaServer() }

// PlainGrammar returns the grammar of a program about which nothing is known:
// every flag is passed on as it is.
func PlainGrammar() *Grammar { return argv.Plain() }

// A Provider is an inference server that slots can run. Implementations are
// immutable and pure: the same inputs give the same answer, nothing is read or
// written, and every method may be called concurrently.
type Provider interface {
	// Name returns the label, unique in a [Set].
	Name() Name

	// Facts returns what is always true of the provider.
	Facts() Facts

	// Grammar returns how the server reads its flags.
	Grammar() *Grammar

	// Flags returns the words that the provider itself adds at a stage of the
	// command line; nil for none.
	Flags(in *Inputs, at Stage) []string

	// Spec returns the container: command, environment, mounts, devices,
	// groups, security options, limits, IPC and health check. The caller sets the
	// name, image, network, published port and labels. flags are what survived, in order.
	Spec(in *Inputs, flags []Flag) runtime.Spec

	// Probe returns how to tell that the server is ready.
	Probe(in *Inputs) Probe
}

// Facts are what is always true of a provider.
type Facts struct {
	// Runtime is what runs, for people: "llama.cpp server (ROCm / Vulkan / CPU)".
	Runtime string
	// Types are the slot types that it serves.
	Types []SlotType
	// Model is what a slot's model.default means to it.
	Model ModelUse
	// MTP tells that the multi-token-prediction flag bundle means something to
	// it.
	MTP bool
	// Help are the words that make the server print what it accepts, in the form
	// that [ReadHelp] reads; nil for one that does not.
	Help []string
	// Reserved are the flags that only the provider itself may set, by their
	// canonical names: the slot's publishing and routing hang on them.
	Reserved []string
}

// A ModelUse is what a slot's model.default means to a provider.
type ModelUse int

// The uses of a model.
const (
	// ModelNone: the image brings its model; model.default is not used.
	ModelNone ModelUse = iota
	// ModelFile: an id of the registry or the absolute path of a file. Required.
	ModelFile
	// ModelTag: a name that the server itself resolves. Required.
	ModelTag
)

// A Stage is a place on the command line where a provider adds flags of its
// own, in order of precedence.
type Stage int

// The stages.
const (
	StageBase   Stage = iota // before everything else
	StageModel               // before the model's own extra_args
	StageDevice              // what the device forces, over profile and model
	StageType                // what the slot type needs, unless a flag says so already
	StageSlot                // what slot keys ask for, before extra_args
	StageEnd                 // after everything else
)

// Source returns the source that flags of the stage are reported with.
func (s Stage) Source() Source {
	switch s {
	case StageModel:
		return FromModel
	case StageType:
		return FromType
	case StageSlot:
		return FromSlot
	case StageBase, StageDevice, StageEnd:
	}
	return FromBase
}

// Inputs are the resolved facts that a launch is made from. A provider must not
// change what they point to.
type Inputs struct {
	Slot   string
	Type   SlotType
	Device device.Device
	Host   device.Host
	Port   int
	// Model is the zero Model for a provider of [ModelNone].
	Model Model
	// ContextSize is in tokens, above 0.
	ContextSize int
	// GPULayers is the number of layers to offload; nil when nothing says so.
	// GPULayersFrom tells who says it.
	GPULayers     *int
	GPULayersFrom Source
	// RopeFreqBase is 0 when the model's own value applies.
	RopeFreqBase float64
	// Template is the chat template file, "" for the model's own. TemplateFrom
	// tells who chose it.
	Template     string
	TemplateFrom Source
	// Vision asks for the model's projector, if it has one.
	Vision bool
	// ASR and Embed ask the one FastFlowLM process for speech recognition and
	// embeddings beside chat.
	ASR, Embed bool
	// Env is the slot's own environment.
	Env map[string]string
	// Paths are directories of the host.
	Paths Paths
}

// A Model is what a slot serves.
type Model struct {
	// ID is the name in requests.
	ID string
	// Path is the absolute path of the file, for [ModelFile].
	Path string
	// MMProj is the absolute path of the vision projector, or "".
	MMProj string
}

// Paths are the host directories that containers mount.
type Paths struct {
	// Store is the model store, mounted at the same path: registry entries are
	// symbolic links with absolute targets.
	Store string `json:"store"`
	// FLM is the host's directory of FastFlowLM models.
	FLM string `json:"flm"`
	// ComfyUI is the host's directory of ComfyUI data.
	ComfyUI string `json:"comfyui"`
}

// A Set is an immutable list of providers. The zero value is empty.
type Set struct{ list []Provider }

// Builtin returns the providers that hal0 ships.
func Builtin() Set {
	return Set{list: []Provider{llamaServer{}, flm{}, kokoro{}, comfyUI{}}}
}

// With returns a set that also has the given providers. One of a name that s
// already has replaces it.
func (s Set) With(more ...Provider) Set {
	list := slices.Clone(s.list)
	for _, p := range more {
		i := slices.IndexFunc(list, func(q Provider) bool { return q.Name() == p.Name() })
		if i >= 0 {
			list[i] = p
		} else {
			list = append(list, p)
		}
	}
	return Set{list: list}
}

// Len returns how many providers there are.
func (s Set) Len() int { return len(s.list) }

// All returns the providers in order. The slice is the caller's.
func (s Set) All() []Provider { return slices.Clone(s.list) }

// Names returns the names in order. The slice is the caller's.
func (s Set) Names() []Name {
	names := make([]Name, len(s.list))
	for i, p := range s.list {
		names[i] = p.Name()
	}
	return names
}

// Get returns the provider of that name. The error lists the names there are.
func (s Set) Get(name Name) (Provider, error) {
	for _, p := range s.list {
		if p.Name() == name {
			return p, nil
		}
	}
	return nil, &enum.Error{Kind: "provider", Found: string(name), Allowed: enum.Words(s.Names())}
}

// names are the providers that hal0 ships; [Builtin] has one for each.
var names = []Name{LlamaServer, FLM, Kokoro, ComfyUI}

// Parse returns the provider of hal0's own that is written s. The error lists
// them. Names of a program's own providers are looked up with [Set.Get].
func Parse(s string) (Name, error) { return enum.Parse("provider", names, s) }

// DefaultFor returns the provider of a slot on d whose profile says nothing
// else.
func DefaultFor(d device.Device) Name {
	if d == device.NPU {
		return FLM
	}
	return LlamaServer
}
