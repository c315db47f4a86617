// Package ggufwrite writes tiny GGUF model files of random weights, which a
// real llama-server loads and serves: for tests.
package ggufwrite

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

// A Kind is what the model is for. The weights are alike; the metadata says
// how the server pools what the model gives.
type Kind int

// The kinds.
const (
	Chat Kind = iota
	Embedding
	Rerank
)

// A Model is what to write. The zero value is a chat model.
type Model struct {
	Kind Kind
	// Seed decides the weights; equal models are written byte for byte alike.
	Seed uint64
	// ContextLength is the native window in tokens; 2048 when 0.
	ContextLength int
	// Vocabulary is how many tokens it knows, at least 300; 512 when 0.
	Vocabulary int
	// Heads are its attention heads, a divisor of 64; 4 when 0. KVHeads are those
	// of keys and values, a divisor of Heads; Heads when 0.
	Heads, KVHeads int
}

// The size of the network: small enough to load at once.
const (
	width   = 64
	hidden  = 128
	blocks  = 2
	align   = 32
	version = 3
)

// The pooling types of llama.cpp.
const (
	poolingNone uint32 = 0
	poolingMean uint32 = 1
	poolingRank uint32 = 4
)

// Write writes a model of the llama architecture, about 600 KB.
func Write(w io.Writer, m Model) error {
	if m.ContextLength == 0 {
		m.ContextLength = 2048
	}
	if m.Vocabulary == 0 {
		m.Vocabulary = 512
	}
	m.Heads = cmp.Or(m.Heads, 4)
	m.KVHeads = cmp.Or(m.KVHeads, m.Heads)
	const least = 300
	if m.Vocabulary < least {
		return fmt.Errorf("vocabulary of %d: want at least %d", m.Vocabulary, least)
	}
	meta := metadata(m)
	tensors := layout(m)
	var head buffer
	head.WriteString("GGUF")
	head.put(uint32(version), uint64(len(tensors)), uint64(meta.count)) //nolint:gosec // small
	head.Write(meta.Bytes())
	offset := uint64(0)
	for _, t := range tensors {
		head.text(t.name)
		head.put(uint32(len(t.dims))) //nolint:gosec // small
		for _, d := range t.dims {
			head.put(uint64(d)) //nolint:gosec // small
		}
		head.put(uint32(0), offset)                          // float32
		offset += uint64(t.size()*4+align-1) / align * align //nolint:gosec // small
	}
	head.pad()
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(m.Seed, 1)) //nolint:gosec // weights, not secrets
	for _, t := range tensors {
		if err := t.write(w, random); err != nil {
			return err
		}
	}
	return nil
}

// A tensor is one array of weights. A norm is all ones.
type tensor struct {
	name string
	dims []int
}

func (t tensor) size() int {
	n := 1
	for _, d := range t.dims {
		n *= d
	}
	return n
}

func (t tensor) write(w io.Writer, random *rand.Rand) error {
	var b buffer
	for range t.size() {
		weight := float32(1)
		if len(t.dims) > 1 {
			weight = float32(random.NormFloat64() * 0.05)
		}
		b.put(weight)
	}
	b.pad()
	_, err := w.Write(b.Bytes())
	return err
}

// layout returns the tensors of the llama architecture.
func layout(m Model) []tensor {
	list := make([]tensor, 0, 3+9*blocks)
	kept := width / m.Heads * m.KVHeads
	list = append(list,
		tensor{"token_embd.weight", []int{width, m.Vocabulary}},
		tensor{"output_norm.weight", []int{width}},
		tensor{"output.weight", []int{width, m.Vocabulary}})
	for i := range blocks {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", i, s) }
		list = append(list,
			tensor{name("attn_norm"), []int{width}}, tensor{name("attn_q"), []int{width, width}},
			tensor{name("attn_k"), []int{width, kept}}, tensor{name("attn_v"), []int{width, kept}},
			tensor{name("attn_output"), []int{width, width}}, tensor{name("ffn_norm"), []int{width}},
			tensor{name("ffn_gate"), []int{width, hidden}}, tensor{name("ffn_up"), []int{width, hidden}},
			tensor{name("ffn_down"), []int{hidden, width}})
	}
	return list
}

// metadata returns the key-values of a model.
func metadata(m Model) *keyValues {
	kv := &keyValues{}
	kv.add("general.architecture", "llama")
	kv.add("general.name", "hal0 test model")
	kv.add("llama.context_length", uint32(m.ContextLength)) //nolint:gosec // small
	kv.add("llama.embedding_length", uint32(width))
	kv.add("llama.block_count", uint32(blocks))
	kv.add("llama.feed_forward_length", uint32(hidden))
	kv.add("llama.attention.head_count", uint32(m.Heads))      //nolint:gosec // small
	kv.add("llama.attention.head_count_kv", uint32(m.KVHeads)) //nolint:gosec // small
	kv.add("llama.attention.layer_norm_rms_epsilon", float32(1e-5))
	kv.add("llama.rope.dimension_count", uint32(width/m.Heads)) //nolint:gosec // small
	kv.add("llama.vocab_size", uint32(m.Vocabulary))            //nolint:gosec // small
	kv.add("llama.pooling_type", [...]uint32{poolingNone, poolingMean, poolingRank}[m.Kind])
	kv.add("tokenizer.ggml.model", "llama")
	words, scores, types := vocabulary(m.Vocabulary)
	kv.add("tokenizer.ggml.tokens", words)
	kv.add("tokenizer.ggml.scores", scores)
	kv.add("tokenizer.ggml.token_type", types)
	kv.add("tokenizer.ggml.unknown_token_id", uint32(0))
	kv.add("tokenizer.ggml.bos_token_id", uint32(1))
	kv.add("tokenizer.ggml.eos_token_id", uint32(2))
	kv.add("tokenizer.ggml.seperator_token_id", uint32(2)) // llama.cpp's own spelling
	return kv
}

// The token types of llama.cpp.
const (
	normal int32 = iota + 1
	unknown
	control
	_ // defined by the user
	_ // unused
	aByte
)

// vocabulary returns tokens of SentencePiece: three special ones, the bytes,
// and words.
func vocabulary(n int) (words []string, scores []float32, types []int32) {
	words, types = []string{"<unk>", "<s>", "</s>"}, []int32{unknown, control, control}
	for b := range 256 {
		words, types = append(words, fmt.Sprintf("<0x%02X>", b)), append(types, aByte)
	}
	for i := len(words); i < n; i++ {
		words, types = append(words, fmt.Sprintf("\u2581w%d", i)), append(types, normal)
	}
	scores = make([]float32, n)
	for i := range scores {
		scores[i] = -float32(i)
	}
	return words, scores, types
}

// keyValues are metadata in the making.
type keyValues struct {
	buffer
	count int
}

// The types of metadata values.
const (
	typeUint32  uint32 = 4
	typeInt32   uint32 = 5
	typeFloat32 uint32 = 6
	typeString  uint32 = 8
	typeArray   uint32 = 9
)

func (kv *keyValues) add(key string, value any) {
	kv.count++
	kv.text(key)
	switch v := value.(type) {
	case string:
		kv.put(typeString)
		kv.text(v)
	case uint32:
		kv.put(typeUint32, v)
	case float32:
		kv.put(typeFloat32, v)
	case []string:
		kv.put(typeArray, typeString, uint64(len(v)))
		for _, s := range v {
			kv.text(s)
		}
	case []float32:
		kv.put(typeArray, typeFloat32, uint64(len(v)), v)
	case []int32:
		kv.put(typeArray, typeInt32, uint64(len(v)), v)
	}
}

// A buffer writes values as GGUF does, little endian.
type buffer struct{ bytes.Buffer }

func (b *buffer) put(values ...any) {
	for _, v := range values {
		_ = binary.Write(b, binary.LittleEndian, v) // a buffer does not fail
	}
}

func (b *buffer) text(s string) {
	b.put(uint64(len(s)))
	b.WriteString(s)
}

func (b *buffer) pad() {
	for b.Len()%align != 0 {
		b.WriteByte(0)
	}
}
