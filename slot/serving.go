package slot

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/provider"
)

// llama-server's own values where no flag says otherwise, of build 11669.
// Builds before 2025-10 serve one sequence where later ones serve four of one
// shared context, which takes the same memory.
const (
	defaultUBatch  = 512
	defaultBatch   = 2048
	defaultSlots   = 4
	defaultDraft   = 3
	defaultKVType  = "f16"
	cellsAlignment = 256 // llama.cpp rounds a context up to these many tokens
)

// A serving is what the flags of a llama-server launch say about its context.
type serving struct {
	context  int // tokens, over all sequences
	slots    int // sequences at a time
	unified  bool
	ubatch   int
	key      string // type of what is kept of keys
	value    string
	flash    bool // flash attention; false only where a flag says so
	fullSWA  bool
	mapped   bool // the weights stay in their file, mapped into memory
	spills   bool // what does not fit the GPU may be left to the CPU
	scaled   bool // the context is stretched beyond the model's own
	mtp      bool
	hasDraft bool // a draft model of its own
	draftMax int
	draftKey string
	draftVal string
}

// flagReader reads flags by their canonical names.
type flagReader map[string]provider.Flag

// readFlags returns the last flag of each canonical name.
func readFlags(flags []provider.Flag) flagReader {
	g := provider.LlamaServerGrammar()
	last := flagReader{}
	for _, f := range flags {
		last[g.Key(f.Name)] = f
	}
	return last
}

// text returns the value of a flag, or otherwise where it is not given.
func (r flagReader) text(key, otherwise string) string {
	if f, ok := r[key]; ok && len(f.Values) > 0 {
		return f.Values[0]
	}
	return otherwise
}

// The most that flags may say here, far above what servers run with: estimates
// then stay within 64 bits. The sequences are llama.cpp's own LLAMA_MAX_SEQ.
const (
	maxContext = 1 << 27
	maxUBatch  = 1 << 16
	maxSlots   = 256
	maxDraft   = 1 << 10
)

// number returns the value of a flag, or otherwise where it is not given, is no
// number, or is not within 1 and most.
func (r flagReader) number(key string, otherwise, most int) int {
	n, err := strconv.Atoi(r.text(key, ""))
	if err != nil || n <= 0 || n > most {
		return otherwise
	}
	return n
}

// on reports whether a flag without a value is given, and not as its negation.
func (r flagReader) on(key string) bool {
	f, ok := r[key]
	return ok && !strings.HasPrefix(strings.TrimLeft(f.Name, "-"), "no")
}

// off reports whether a flag's value, or its negation, switches it off.
func (r flagReader) off(key string) bool {
	f, ok := r[key]
	return ok && (slices.Contains([]string{"off", "0", "false", "disabled"}, r.text(key, "")) || len(f.Values) == 0 && !r.on(key))
}

// servingOf reads the flags of a plan. native is the model's own context, 0 where it
// is not known: a context of 0 means that.
func servingOf(p *Plan, native int) serving {
	r := readFlags(p.Flags)
	otherwise := p.ContextSize
	if r.text("--ctx-size", "") == "0" && native > 0 {
		otherwise = native
	}
	s := serving{
		context:  r.number("--ctx-size", otherwise, maxContext),
		slots:    r.number("--parallel", 0, maxSlots),
		ubatch:   min(r.number("--ubatch-size", defaultUBatch, maxUBatch), r.number("--batch-size", defaultBatch, maxUBatch)),
		key:      r.text("--cache-type-k", defaultKVType),
		value:    r.text("--cache-type-v", defaultKVType),
		flash:    !r.off("--flash-attn"),
		fullSWA:  r.on("--swa-full"),
		mapped:   r.mapsWeights(),
		spills:   r.spills(),
		scaled:   r.text("--rope-scaling", "none") != "none" || r.text("--rope-scale", "") != "" || r.text("--rope-freq-scale", "") != "",
		mtp:      slices.Contains(strings.Split(r.text("--spec-type", ""), ","), "draft-mtp"),
		hasDraft: r.text("--spec-draft-model", "") != "",
		draftMax: r.number("--spec-draft-n-max", defaultDraft, maxDraft),
		draftKey: r.text("--spec-draft-type-k", defaultKVType),
		draftVal: r.text("--spec-draft-type-v", defaultKVType),
	}
	s.unified = r.on("--kv-unified") || s.slots == 0 && !r.off("--kv-unified")
	if s.slots == 0 {
		s.slots = defaultSlots
	}
	return s
}

// mapsWeights reports whether the server leaves the weights in their file, which
// the kernel may drop from memory and read again.
func (r flagReader) mapsWeights() bool {
	mode := r.text("--load-mode", "auto")
	return !r.off("--mmap") && !r.on("--mlock") && (mode == "auto" || mode == "mmap")
}

// spills reports whether flags leave some of the weights to the CPU.
func (r flagReader) spills() bool {
	for _, key := range []string{"--cpu-moe", "--n-cpu-moe", "--n-cpu-ffn", "--override-tensor", "--kv-offload"} {
		if _, given := r[key]; given {
			return true
		}
	}
	layers := r.text("--gpu-layers", "all")
	return layers != "all" && layers != "auto" && r.number("--gpu-layers", 0, maxContext) < manyLayers
}

// manyLayers is from where a number of layers is how people write all of them: 99,
// or 999.
const manyLayers = 99

// perSequence is how many tokens one sequence can have, rounded up as llama.cpp
// does.
func (s *serving) perSequence() int {
	n := s.context
	if !s.unified {
		n /= s.slots
	}
	return (max(n, 1) + cellsAlignment - 1) / cellsAlignment * cellsAlignment
}

// streams is how many of those there are.
func (s *serving) streams() int {
	if s.unified {
		return 1
	}
	return s.slots
}
