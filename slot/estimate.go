package slot

import (
	"fmt"
	"math"
	"strings"

	"github.com/hal0ai/hal0-go/internal/gguf"
)

// A Shape is what of a model decides how much memory its context takes.
type Shape = gguf.Shape

// ModelFacts is what is known of the files that a slot's model is in.
type ModelFacts struct {
	Shape Shape
	// Bytes is the size of the model's file, of all parts of one that is split.
	Bytes int64
	// ProjectorBytes is the size of the vision projector, 0 without one.
	ProjectorBytes int64
	// Missing are the parts that are not there.
	Missing []string
}

// An Estimate is how much memory a llama-server takes, in bytes, by what it is
// for. Every part is computed from the model's metadata and the flags as llama.cpp
// does; Weights are the sizes of the files. What is not counted: the program
// itself, and the prompts that it keeps in RAM while it serves (--cache-ram).
type Estimate struct {
	Weights   int64 `json:"weights"`
	Projector int64 `json:"projector"`
	// KV is what is kept of the context, in the types of -ctk and -ctv.
	KV int64 `json:"kv"`
	// State is what recurrent layers keep of each sequence, with the copies that
	// drafting goes back to.
	State int64 `json:"state"`
	// Draft is what the heads of multi-token prediction keep of the context.
	Draft int64 `json:"draft"`
	// Compute is an overhead: the buffers for one batch, of which the logits, or
	// without flash attention the attention scores, are the largest. Builds that
	// keep logits of single tokens only take less.
	Compute int64 `json:"compute"`
	// Context is in tokens, over all sequences.
	Context int `json:"context"`
	// AtMost tells that KV may be less: the model keeps less of a context than its
	// metadata tells.
	AtMost bool `json:"at_most"`
}

// Total is the sum of all parts.
func (e Estimate) Total() int64 {
	return e.Weights + e.Projector + e.KV + e.State + e.Draft + e.Compute
}

// Least is what the server takes for certain: without the overhead, and without
// a context that may be less.
func (e Estimate) Least() int64 {
	least := e.Weights + e.Projector + e.State + e.Draft
	if !e.AtMost {
		least += e.KV
	}
	return least
}

// String returns such as "weights 4.9 GiB + context of 8192 tokens 1 GiB +
// compute 258.5 MiB = 6.2 GiB".
func (e Estimate) String() string {
	kv := fmt.Sprintf("context of %d tokens", e.Context)
	if e.AtMost {
		kv += " at most"
	}
	var parts []string
	for _, p := range []struct {
		name  string
		bytes int64
	}{{"weights", e.Weights}, {"projector", e.Projector}, {kv, e.KV}, {"recurrent state", e.State}, {"draft context", e.Draft}, {"compute", e.Compute}} {
		if p.bytes > 0 {
			parts = append(parts, p.name+" "+Bytes(p.bytes))
		}
	}
	return strings.Join(parts, " + ") + " = " + Bytes(e.Total())
}

// Bytes writes a number of bytes for people, in MiB or GiB, rounded to a tenth.
func Bytes(n int64) string {
	unit, size := "MiB", 1<<20
	if n >= 1<<30 {
		unit, size = "GiB", 1<<30
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", math.Round(float64(n)/float64(size)*10)/10), ".0") + " " + unit
}

// A kvType is a type of numbers that a context can be kept in.
type kvType struct {
	block int // how many elements are kept together
	bytes int // of a block
}

// kvTypes are ggml's (ggml-common.h): quantized ones have a scale for each block
// of 32, in 2 bytes, and some a minimum in 2 more, or fifth bits in 4.
var kvTypes = map[string]kvType{
	"f32": {1, 4}, "f16": {1, 2}, "bf16": {1, 2},
	"q8_0": {32, 2 + 32}, "q4_0": {32, 2 + 16}, "q4_1": {32, 4 + 16}, "iq4_nl": {32, 2 + 16},
	"q5_0": {32, 2 + 4 + 16}, "q5_1": {32, 4 + 4 + 16},
}

// size is how many bytes a number of elements takes.
func (t kvType) size(elements int64) int64 {
	return elements / int64(t.block) * int64(t.bytes)
}

// typeOf returns a type by its name; one that is not known counts as f16, which
// takes more than any quantized one.
func typeOf(name string) kvType {
	if t, ok := kvTypes[name]; ok {
		return t
	}
	return kvTypes[defaultKVType]
}

// EstimateMemory estimates what the server of a plan takes. It is pure. Plans of
// other providers than llama-server have no estimate.
func EstimateMemory(p *Plan, m *ModelFacts) Estimate {
	s := servingOf(p, m.Shape.ContextLength)
	e := Estimate{
		Weights: m.Bytes, Projector: m.ProjectorBytes, Context: s.context, AtMost: m.Shape.AtMost,
		Compute: s.compute(&m.Shape), KV: s.cache(&m.Shape, m.Shape.Layers, s.key, s.value),
	}
	copies := 1
	if s.mtp {
		e.Draft = s.cache(&m.Shape, m.Shape.MTP, s.draftKey, s.draftVal)
		copies += s.draftMax
	}
	for _, l := range m.Shape.Layers {
		e.State += kvTypes["f32"].size(int64(l.State)) * int64(s.slots*copies)
	}
	return e
}

// cache is how many bytes layers keep of the context.
func (s *serving) cache(shape *Shape, layers []gguf.Layer, key, value string) (sum int64) {
	for _, l := range layers {
		cells := int64(s.cells(shape, l.Windowed) * s.streams())
		sum += typeOf(key).size(int64(l.Key)*cells) + typeOf(value).size(int64(l.Value)*cells)
	}
	return sum
}

// cells is how many tokens a layer keeps of one stream. One with a sliding window
// keeps the window of each sequence in the stream, and one batch
// (llama-kv-cache-iswa.cpp).
func (s *serving) cells(shape *Shape, windowed bool) int {
	all := s.perSequence()
	if !windowed || s.fullSWA {
		return all
	}
	window := shape.Window
	if s.unified {
		window *= s.slots
	}
	return (min(all, window+s.ubatch) + cellsAlignment - 1) / cellsAlignment * cellsAlignment
}

// compute is the size of the buffers for one batch: the mask, the embeddings, and
// the larger of the logits and, without flash attention, the attention scores.
func (s *serving) compute(shape *Shape) int64 {
	const float, half = 4, 2
	cells := int64(s.perSequence())
	mask, largest := cells*half, int64(shape.Vocabulary)*float
	if !s.flash {
		mask, largest = cells*float, max(largest, cells*int64(shape.Heads)*float)
	}
	return int64(s.ubatch) * (mask + largest + int64(shape.Embedding)*float)
}
