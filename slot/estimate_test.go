package slot_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/gguf"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

const mib, gib = int64(1) << 20, int64(1) << 30

func layers(n int, l gguf.Layer) []gguf.Layer {
	list := make([]gguf.Layer, n)
	for i := range list {
		list[i] = l
	}
	return list
}

// llama3 is Llama 3 8B in Q4_K_M.
func llama3() slot.ModelFacts {
	return slot.ModelFacts{Bytes: 4920734272, Shape: slot.Shape{
		Architecture: "llama", ContextLength: 8192, Embedding: 4096, Heads: 32, KeyLength: 128, ValueLength: 128, Vocabulary: 128256,
		Parts: 1, Layers: layers(32, gguf.Layer{Key: 1024, Value: 1024}),
	}}
}

// serves is a plan of llama-server with those flags.
func serves(t *testing.T, d device.Device, flags string) *slot.Plan {
	t.Helper()
	parsed, err := provider.LlamaServerGrammar().Parse(nil, provider.FromSlot, strings.Fields(flags))
	require.NoError(t, err)
	return &slot.Plan{Slot: "chat", Device: d, Provider: provider.LlamaServer, ModelFile: "/m/model.gguf", ContextSize: 8192, Flags: parsed}
}

// Parts that llama.cpp logs, or that a pencil gives.
func TestEstimateMemory(t *testing.T) {
	t.Parallel()
	hybrid := slot.ModelFacts{Bytes: 16 * gib, Shape: slot.Shape{
		Embedding: 5120, Vocabulary: 248320, Heads: 24, KeyLength: 256, ValueLength: 256,
		MTP: layers(1, gguf.Layer{Key: 1024, Value: 1024}),
	}}
	for i := range 64 {
		l := gguf.Layer{State: 3*(6144+2*16*128) + 128*6144}
		if i%4 == 3 {
			l = gguf.Layer{Key: 1024, Value: 1024}
		}
		hybrid.Shape.Layers = append(hybrid.Shape.Layers, l)
	}
	long := llama3()
	long.Shape.ContextLength = 16384
	const state = 48 * (3*(6144+4096) + 786432) * 4
	windowed := slot.ModelFacts{Bytes: gib, Shape: slot.Shape{Window: 1024, Layers: append(layers(5, gguf.Layer{Key: 512, Value: 512, Windowed: true}), gguf.Layer{Key: 512, Value: 512})}}
	for name, tc := range map[string]struct {
		model slot.ModelFacts
		flags string
		want  slot.Estimate
	}{
		// llama.cpp logs "KV self size = 1024.00 MiB" for it.
		"Llama 3 8B at its own context": {llama3(), "--parallel 1", slot.Estimate{Weights: 4920734272, KV: gib, Compute: 258*mib + mib/2 + 8*mib, Context: 8192}},
		"four sequences share one":      {llama3(), "", slot.Estimate{Weights: 4920734272, KV: gib, Compute: 266*mib + mib/2, Context: 8192}},
		"two halves":                    {llama3(), "--parallel 2", slot.Estimate{Weights: 4920734272, KV: gib, Compute: 262*mib + mib/2, Context: 8192}},
		"three thirds are rounded up":   {llama3(), "--parallel 3 -c 3000", slot.Estimate{Weights: 4920734272, KV: 3 * 1024 * 128 * 1024, Compute: 259*mib + mib/2, Context: 3000}},
		"a flag wins":                   {llama3(), "-np 1 -c 100", slot.Estimate{Weights: 4920734272, KV: 32 * mib, Compute: 258*mib + 3*mib/4, Context: 100}},
		"the model's own context":       {long, "-np 1 -c 0", slot.Estimate{Weights: 4920734272, KV: 2 * gib, Compute: 274*mib + mib/2, Context: 16384}},
		"quantized":                     {llama3(), "-np 1 -ctk q8_0 -ctv q4_0 -fa on", slot.Estimate{Weights: 4920734272, KV: 32 * 8192 * 1024 * (34 + 18) / 32, Compute: 266*mib + mib/2, Context: 8192}},
		"float32":                       {llama3(), "-np 1 -ctk f32 -ctv bf16", slot.Estimate{Weights: 4920734272, KV: 32 * 8192 * 1024 * 6, Compute: 266*mib + mib/2, Context: 8192}},
		"a type of another build":       {llama3(), "-np 1 -ctk turbo3 -ctv turbo3", slot.Estimate{Weights: 4920734272, KV: gib, Compute: 266*mib + mib/2, Context: 8192}},
		"no flash attention":            {llama3(), "-np 1 -fa off", slot.Estimate{Weights: 4920734272, KV: gib, Compute: 16*mib + 512*mib + 8*mib, Context: 8192}},
		"a smaller batch":               {llama3(), "-np 1 -ub 256", slot.Estimate{Weights: 4920734272, KV: gib, Compute: 133*mib + mib/4, Context: 8192}},
		"a batch below its parts":       {llama3(), "-np 1 -b 128", slot.Estimate{Weights: 4920734272, KV: gib, Compute: 66*mib + 5*mib/8, Context: 8192}},
		"senseless numbers":             {long, "-np 0 -c -5 -ub x", slot.Estimate{Weights: 4920734272, KV: gib, Compute: 266*mib + mib/2, Context: 8192}},
		"windows":                       {windowed, "-np 1", slot.Estimate{Weights: gib, KV: 2048 * (5*1536 + 8192), Compute: 8 * mib, Context: 8192}},
		"windows of four sequences":     {windowed, "", slot.Estimate{Weights: gib, KV: 2048 * (5*4608 + 8192), Compute: 8 * mib, Context: 8192}},
		"windows kept in full":          {windowed, "-np 1 --swa-full", slot.Estimate{Weights: gib, KV: 2048 * 6 * 8192, Compute: 8 * mib, Context: 8192}},
		"recurrent layers":              {hybrid, "-np 1", slot.Estimate{Weights: 16 * gib, KV: 16 * 8192 * 4096, State: state, Compute: 503 * mib, Context: 8192}},
		"recurrent, of two sequences":   {hybrid, "-np 2", slot.Estimate{Weights: 16 * gib, KV: 16 * 8192 * 4096, State: 2 * state, Compute: 499 * mib, Context: 8192}},
		"drafting": {hybrid, "-np 1 --spec-type draft-mtp --spec-draft-n-max 4 --spec-draft-type-k q8_0 --spec-draft-type-v q8_0",
			slot.Estimate{Weights: 16 * gib, KV: 16 * 8192 * 4096, State: 5 * state, Draft: 2 * 8192 * 1024 * 34 / 32, Compute: 503 * mib, Context: 8192}},
		"a projector": {slot.ModelFacts{Bytes: 1, ProjectorBytes: 2, Shape: slot.Shape{AtMost: true}}, "-np 1", slot.Estimate{Weights: 1, Projector: 2, Compute: 8 * mib, Context: 8192, AtMost: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, slot.EstimateMemory(serves(t, device.GPUVulkan, tc.flags), &tc.model))
		})
	}
}

// The bytes of a block of 32 elements, as ggml keeps it.
func TestEstimateOfEveryType(t *testing.T) {
	t.Parallel()
	for name, bytes := range map[string]int64{"f32": 128, "f16": 64, "bf16": 64, "q8_0": 34, "q4_0": 18, "q4_1": 20, "iq4_nl": 18, "q5_0": 22, "q5_1": 24} {
		m := slot.ModelFacts{Shape: slot.Shape{Layers: layers(1, gguf.Layer{Key: 32})}}
		assert.Equal(t, 256*bytes, slot.EstimateMemory(serves(t, device.CPU, "-np 1 -c 256 -ctk "+name), &m).KV, name)
	}
}

func TestEstimateText(t *testing.T) {
	t.Parallel()
	m := llama3()
	e := slot.EstimateMemory(serves(t, device.GPUVulkan, "-np 1"), &m)
	assert.Equal(t, "weights 4.6 GiB + context of 8192 tokens 1 GiB + compute 266.5 MiB = 5.8 GiB", e.String())
	assert.Equal(t, m.Bytes+gib, e.Least())
	e = slot.Estimate{Weights: 1, Projector: 2, KV: 4, State: 8, Draft: 16, Compute: 32, Context: 5, AtMost: true}
	assert.Equal(t, "weights 0 MiB + projector 0 MiB + context of 5 tokens at most 0 MiB + recurrent state 0 MiB + draft context 0 MiB + compute 0 MiB = 0 MiB", e.String())
	assert.Equal(t, int64(63), e.Total())
	assert.Equal(t, int64(27), e.Least(), "neither the overhead nor what may be less")
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 MiB", mib / 2: "0.5 MiB", 100 * mib: "100 MiB", gib - 1: "1024 MiB", gib: "1 GiB", gib * 3 / 2: "1.5 GiB"} {
		assert.Equal(t, want, slot.Bytes(n))
	}
}

// Whatever a file claims and flags say, sums stay within their type.
func TestEstimatesDoNotOverflow(t *testing.T) {
	t.Parallel()
	m := slot.ModelFacts{Bytes: 1 << 50, ProjectorBytes: 1 << 50, Shape: slot.Shape{
		Embedding: 1 << 20, Heads: 1 << 12, Vocabulary: 1<<27 - 1, Window: 1<<27 - 1,
		Layers: layers(1024, gguf.Layer{Key: 1 << 20, Value: 1 << 20, State: 1 << 28, Windowed: true}), MTP: layers(1024, gguf.Layer{Key: 1 << 20, Value: 1 << 20}),
	}}
	for _, unified := range []string{"-kvu", "-no-kvu"} {
		flags := fmt.Sprintf("%s -c %d -np 256 -ub 65536 -b 65536 -ctk f32 -ctv f32 -fa off --spec-type draft-mtp --spec-draft-n-max 1024", unified, 1<<27)
		e := slot.EstimateMemory(serves(t, device.GPUVulkan, flags), &m)
		for _, part := range []int64{e.KV, e.State, e.Draft, e.Compute, e.Total(), e.Least()} {
			assert.Positive(t, part)
			assert.Less(t, part, int64(math.MaxInt64))
		}
		assert.Equal(t, int64(1024)*(1<<28)*4*256*1025, e.State)
		assert.Equal(t, int64(1<<27)*(1<<20)*2*2*1024, e.Draft, "f16 unless a flag says otherwise")
	}
}
