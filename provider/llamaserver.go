package provider

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/runtime"
)

// llamaServer is llama.cpp's HTTP server.
type llamaServer struct{}

var llamaServerFacts = Facts{
	Runtime: "llama.cpp server (ROCm / Vulkan / CPU)",
	Types:   []SlotType{LLM, Embedding, Reranking},
	Model:   ModelFile,
	MTP:     true,
	Help:    []string{"--help"},
	Reserved: []string{
		"--host", "--port", "--model", "--alias",
		// With a key, the box's own probe and router would be turned away, and the
		// key would stand in every listing of the command line.
		"--api-key", "--api-key-file",
	},
}

func (llamaServer) Name() Name        { return LlamaServer }
func (llamaServer) Facts() Facts      { return llamaServerFacts }
func (llamaServer) Grammar() *Grammar { return LlamaServerGrammar() }

func (llamaServer) Flags(in *Inputs, at Stage) []string {
	var words []string
	add := func(w ...string) { words = append(words, w...) }
	switch at {
	case StageBase:
		words = append(make([]string, 0, 10), listen(in.Port)...)
		add("--model", in.Model.Path, "--alias", in.Model.ID, "--ctx-size", strconv.Itoa(in.ContextSize))
	case StageModel:
		if in.Vision && in.Model.MMProj != "" {
			add("--mmproj", in.Model.MMProj)
		}
	case StageDevice:
		if in.Device == device.CPU {
			add("-ngl", "0")
		}
	case StageType:
		switch in.Type {
		case Embedding:
			add("--embedding")
		case Reranking:
			add("--reranking")
		case LLM, Transcription, TTS, Image:
		}
	case StageSlot:
		if in.RopeFreqBase > 0 {
			add("--rope-freq-base", strconv.FormatFloat(in.RopeFreqBase, 'f', -1, 64))
		}
	case StageEnd:
	}
	if in.Template != "" && at.is(in.TemplateFrom) {
		add("--chat-template-file", in.Template)
	}
	if in.GPULayers != nil && at.is(in.GPULayersFrom) {
		add("-ngl", strconv.Itoa(*in.GPULayers))
	}
	return words
}

// is reports whether a setting that comes from source is written at the stage.
func (s Stage) is(source Source) bool {
	return source != FromBase && s.Source() == source
}

func (llamaServer) Spec(in *Inputs, flags []Flag) runtime.Spec {
	spec := container(in, "/health")
	spec.Command = argv.Argv(flags)
	spec.Mounts = append(spec.Mounts, storeMount(in.Paths.Store))
	for _, file := range []string{in.Model.Path, in.Model.MMProj} {
		spec.Mounts = withFile(spec.Mounts, file)
	}
	if in.Device.IsGPU() {
		withDevices(&spec, in.Host.GPUNodes(), in.Host.RenderGID, in.Host.VideoGID)
	}
	return spec
}

// withFile makes a file visible that no mount covers, with its directory: a
// model may be split over several files.
func withFile(mounts []runtime.Mount, file string) []runtime.Mount {
	for _, m := range mounts {
		if strings.HasPrefix(file, m.Source+"/") {
			return mounts
		}
	}
	if file == "" {
		return mounts
	}
	dir := path.Dir(file)
	return append(mounts, runtime.Mount{Source: dir, Target: dir, ReadOnly: true})
}

// Probe asks /health, which answers 503 while the model loads, and whether there
// is a model: a server that was started without one is healthy too.
func (llamaServer) Probe(*Inputs) Probe {
	return Probe{get("/health", isOK), get("/v1/models", unlessEmpty)}
}

// Busy implements [Reporter] with /slots, which the server has unless a flag
// turns it off; it lists what works on requests side by side.
func (llamaServer) Busy(*Inputs) Check { return llamaServerBusy }

var llamaServerBusy = get("/slots", says(func(all []worker) bool {
	return slices.ContainsFunc(all, func(w worker) bool { return w.Processing })
}, errors.New("works on no request")))

// A worker is one of the requests that llama-server can work on at a time.
type worker struct {
	Processing bool `json:"is_processing"`
}
