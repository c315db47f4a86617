package provider_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
)

// The seed page's table, and what FACTS say of each.
func TestFacts(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		name    provider.Name
		runtime string
		types   []provider.SlotType
		model   provider.ModelUse
		mtp     bool
	}{
		{"llama-server", "llama.cpp server (ROCm / Vulkan / CPU)", []provider.SlotType{"llm", "embedding", "reranking"}, provider.ModelFile, true},
		{"flm", "FastFlowLM on the NPU", []provider.SlotType{"llm", "transcription", "embedding"}, provider.ModelTag, false},
		{"kokoro", "Kokoro-82M text-to-speech (ONNX)", []provider.SlotType{"tts"}, provider.ModelNone, false},
		{"comfyui", "ComfyUI image generation", []provider.SlotType{"image"}, provider.ModelNone, false},
	} {
		p, err := provider.Builtin().Get(want.name)
		require.NoError(t, err)
		f := p.Facts()
		assert.Equal(t, want.name, p.Name())
		assert.Equal(t, want.runtime, f.Runtime)
		assert.Equal(t, want.types, f.Types)
		assert.Equal(t, want.model, f.Model)
		assert.Equal(t, want.mtp, f.MTP)
		assert.Contains(t, f.Reserved, "--port", "a slot may not move its own port")
		parsed, err := provider.Parse(string(want.name))
		require.NoError(t, err)
		assert.Equal(t, want.name, parsed)
	}
	_, err := provider.Parse("vllm")
	require.EqualError(t, err, `provider "vllm": want one of llama-server, flm, kokoro, comfyui`)
	for d, want := range map[device.Device]provider.Name{
		device.GPUROCm: "llama-server", device.GPUVulkan: "llama-server", device.CPU: "llama-server", device.NPU: "flm",
	} {
		assert.Equal(t, want, provider.DefaultFor(d), d)
	}
}

func TestSlotTypes(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]provider.SlotType{
		"llm": "llm", "embedding": "embedding", "reranking": "reranking", "transcription": "transcription", "tts": "tts", "image": "image",
		"chat": "llm", "embed": "embedding", "rerank": "reranking", "stt": "transcription",
	} {
		got, err := provider.ParseSlotType(word)
		require.NoError(t, err)
		assert.Equal(t, want, got, word)
	}
	_, err := provider.ParseSlotType("video")
	require.EqualError(t, err, `type "video": want one of llm, embedding, reranking, transcription, tts, image`)

	var s provider.SlotType
	require.NoError(t, json.Unmarshal([]byte(`"chat"`), &s))
	data, err := json.Marshal(s)
	require.NoError(t, err)
	assert.JSONEq(t, `"llm"`, string(data), "aliases are of input only")
	_, err = json.Marshal(provider.SlotType(""))
	require.Error(t, err)
	assert.False(t, provider.SlotType("chat").Valid())
	assert.Len(t, provider.SlotTypes(), 6)
}

func TestFLMTag(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"qwen3-4b-FLM":            "qwen3:4b",
		"llama3.2-1b-FLM":         "llama3.2:1b",
		"deepseek-r1-0528-8b-FLM": "deepseek-r1-0528:8b",
		"qwen3:4b":                "qwen3:4b",
		"gemma-FLM":               "gemma-FLM",
		"-FLM":                    "-FLM",
		"":                        "",
	} {
		assert.Equal(t, want, provider.FLMTag(id), id)
	}
}

// check runs one answer through a provider's nth check.
func check(t *testing.T, name provider.Name, n, status int, body string) error {
	t.Helper()
	p, err := provider.Builtin().Get(name)
	require.NoError(t, err)
	probe := p.Probe(&provider.Inputs{Model: provider.Model{ID: "qwen3-4b-FLM"}})
	require.Greater(t, len(probe), n)
	return probe[n].Pass(status, []byte(body))
}

func TestProbes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		provider provider.Name
		check    int
		status   int
		body     string
		want     string // "" is ready
	}{
		"llama-server ready":    {"llama-server", 0, 200, `{"status":"ok"}`, ""},
		"llama-server loading":  {"llama-server", 0, 503, `{"error":{}}`, "answers 503 Service Unavailable"},
		"flm lists a model":     {"flm", 0, 200, `{"data":[{"id":"qwen3:4b"}]}`, ""},
		"flm lists none":        {"flm", 0, 200, `{"data":[]}`, "answers, but lists no model"},
		"flm generates":         {"flm", 1, 200, `{"choices":[{"message":{"content":"."}}]}`, ""},
		"flm generates nothing": {"flm", 1, 200, `{"choices":[]}`, "answers, but a completion has no choice"},
		"flm fails":             {"flm", 1, 500, ``, "answers 500 Internal Server Error"},
		"kokoro ready":          {"kokoro", 0, 200, `{"status":"healthy","model_loaded":true}`, ""},
		"kokoro loading":        {"kokoro", 0, 200, `{"status":"healthy","model_loaded":false}`, "answers, but model_loaded is not true"},
		"kokoro, not JSON":      {"kokoro", 0, 200, `<html>`, "answers something that is not JSON: invalid character '<' looking for beginning of value"},
		"comfyui ready":         {"comfyui", 0, 200, `{"system":{"python_version":"3.12"}}`, ""},
		"comfyui, another":      {"comfyui", 0, 200, `{}`, "answers, but names no python_version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := check(t, tc.provider, tc.check, tc.status, tc.body)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
	p, err := provider.Builtin().Get(provider.FLM)
	require.NoError(t, err)
	probe := p.Probe(&provider.Inputs{Model: provider.Model{ID: "qwen3-4b-FLM"}})
	assert.JSONEq(t, `{"model":"qwen3:4b","messages":[{"role":"user","content":"hi"}],"max_tokens":1}`, probe[1].Body,
		"FastFlowLM knows the tag, not the id")
}

// vllm is a provider of a program's own.
type vllm struct{ provider.Provider }

func (vllm) Name() provider.Name { return "vllm" }

func TestSet(t *testing.T) {
	t.Parallel()
	builtin := provider.Builtin()
	more := builtin.With(vllm{})
	assert.Equal(t, []provider.Name{"llama-server", "flm", "kokoro", "comfyui", "vllm"}, more.Names())
	assert.Len(t, builtin.All(), 4, "a Set does not change")
	got, err := more.Get("vllm")
	require.NoError(t, err)
	assert.Equal(t, vllm{}, got)
	_, err = builtin.Get("vllm")
	require.EqualError(t, err, `provider "vllm": want one of llama-server, flm, kokoro, comfyui`)
	again := more.With(vllm{})
	assert.Len(t, again.All(), 5, "a name stands once")
}
