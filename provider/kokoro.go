package provider

import (
	"errors"

	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/runtime"
)

// kokoro is the Kokoro-82M text-to-speech server.
type kokoro struct{}

var kokoroFacts = Facts{
	Runtime:  "Kokoro-82M text-to-speech (ONNX)",
	Types:    []SlotType{TTS},
	Reserved: []string{"--host", "--port"},
}

func (kokoro) Name() Name        { return Kokoro }
func (kokoro) Facts() Facts      { return kokoroFacts }
func (kokoro) Grammar() *Grammar { return PlainGrammar() }

// Flags puts the address last, as the image's own launcher does.
func (kokoro) Flags(in *Inputs, at Stage) []string {
	if at != StageEnd {
		return nil
	}
	return listen(in.Port)
}

func (kokoro) Spec(in *Inputs, flags []Flag) runtime.Spec {
	spec := container(in, "/health")
	spec.Command = argv.Argv(flags)
	spec.Mounts = append(spec.Mounts, storeMount(in.Paths.Store))
	return spec
}

// Probe wants the model loaded: the server answers 200 before it is.
func (kokoro) Probe(*Inputs) Probe {
	type health struct {
		ModelLoaded bool `json:"model_loaded"`
	}
	return Probe{get("/health", says(func(h health) bool { return h.ModelLoaded }, errors.New("model_loaded is not true")))}
}
