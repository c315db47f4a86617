package provider

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/runtime"
)

// flm is FastFlowLM: one process on the NPU that serves chat, speech
// recognition and embeddings.
type flm struct{}

var flmFacts = Facts{
	Runtime:  "FastFlowLM on the NPU",
	Types:    []SlotType{LLM, Transcription, Embedding},
	Model:    ModelTag,
	Reserved: []string{"--host", "--port"},
}

// flmModels is where the image looks for models.
const flmModels = "/var/lib/hal0/.config/flm/models"

func (flm) Name() Name        { return FLM }
func (flm) Facts() Facts      { return flmFacts }
func (flm) Grammar() *Grammar { return PlainGrammar() }

func (flm) Flags(in *Inputs, at Stage) []string {
	if at != StageBase {
		return nil
	}
	words := append([]string{"serve", FLMTag(in.Model.ID)}, listen(in.Port)...)
	words = append(words, "--ctx-len", strconv.Itoa(in.ContextSize))
	if in.Embed || in.Type == Embedding {
		words = append(words, "--embed", "1")
	}
	if in.ASR || in.Type == Transcription {
		words = append(words, "--asr", "1")
	}
	return words
}

func (flm) Spec(in *Inputs, flags []Flag) runtime.Spec {
	spec := container(in, "/v1/models")
	spec.Command = argv.Argv(flags)
	spec.Env = map[string]string{
		"FLM_CONFIG_PATH": "/opt/fastflowlm/share/flm/model_list.json",
		"LD_LIBRARY_PATH": "/opt/fastflowlm/lib:/opt/xilinx/xrt/lib:/usr/lib/x86_64-linux-gnu",
	}
	for k, v := range in.Env {
		spec.Env[k] = v
	}
	spec.Mounts = append(spec.Mounts, runtime.Mount{Source: in.Paths.FLM, Target: flmModels})
	var nodes []string
	for _, n := range []string{in.Host.NPU, in.Host.RenderNode()} {
		if n != "" {
			nodes = append(nodes, n)
		}
	}
	withDevices(&spec, nodes, in.Host.RenderGID)
	spec.Ulimits = append(spec.Ulimits, runtime.Ulimit{Name: "memlock", Soft: -1, Hard: -1})
	return spec
}

// Probe wants a listed model and one generated token: FastFlowLM lists models
// before the NPU has loaded any.
func (flm) Probe(in *Inputs) Probe {
	type completion struct {
		Choices []json.RawMessage `json:"choices"`
	}
	tag, _ := json.Marshal(FLMTag(in.Model.ID))
	return Probe{
		get("/v1/models", listsModel),
		{
			Method: http.MethodPost, Path: "/v1/chat/completions",
			Body: `{"model":` + string(tag) + `,"messages":[{"role":"user","content":"hi"}],"max_tokens":1}`,
			Pass: says(func(c completion) bool { return len(c.Choices) > 0 }, errors.New("a completion has no choice")),
		},
	}
}

// FLMTag returns the tag by which FastFlowLM knows a model id: an id
// "family-size-FLM" stands for "family:size", split at the last hyphen.
// Anything else is taken as a tag already.
func FLMTag(id string) string {
	base, ok := strings.CutSuffix(id, "-FLM")
	i := strings.LastIndexByte(base, '-')
	if !ok || i < 0 {
		return id
	}
	return base[:i] + ":" + base[i+1:]
}
