package gguf_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/gguf"
	"github.com/hal0ai/hal0-go/internal/ggufwrite"
)

// keys are metadata below the architecture's name; those with a dot before them
// stand as they are.
type keys map[string]any

// metadata writes the header of a model.
func metadata(architecture string, kv keys) []byte {
	const u32, i32, text, array, boolean = uint32(4), uint32(5), uint32(8), uint32(9), uint32(7)
	words := []any{"general.architecture", text, architecture}
	for _, key := range slices.Sorted(maps.Keys(kv)) {
		name, plain := strings.CutPrefix(key, ".")
		if !plain {
			name = architecture + "." + key
		}
		words = append(words, name)
		switch v := kv[key].(type) {
		case int:
			words = append(words, u32, uint32(v))
		case uint16, int64:
			words = append(words, map[bool]uint32{true: 2, false: 11}[name == "split.count"], v)
		case string:
			words = append(words, text, v)
		case []int32:
			words = append(words, array, i32, uint64(len(v)), v)
		case []bool:
			words = append(words, array, boolean, uint64(len(v)), v)
		case []string:
			words = append(words, array, text, uint64(len(v)))
			for _, s := range v {
				words = append(words, s)
			}
		}
	}
	return header(3, uint64(1+len(kv)), words...)
}

func shapeOf(t *testing.T, architecture string, kv keys) gguf.Shape {
	t.Helper()
	s, err := gguf.ReadShape(bytes.NewReader(metadata(architecture, kv)))
	require.NoError(t, err)
	return s
}

// repeat returns n layers alike.
func repeat(n int, l gguf.Layer) []gguf.Layer { return slices.Repeat([]gguf.Layer{l}, n) }

func TestReadShape(t *testing.T) {
	t.Parallel()
	s := shapeOf(t, "llama", keys{ // of Llama 3 8B
		"block_count": 32, "context_length": 8192, "embedding_length": 4096, "attention.head_count": 32, "attention.head_count_kv": 8, "vocab_size": 128256,
		".general.name": "Meta Llama 3 8B",
	})
	assert.Equal(t, gguf.Shape{
		Architecture: "llama", ContextLength: 8192, Embedding: 4096, Heads: 32, KeyLength: 128, ValueLength: 128, Vocabulary: 128256, Parts: 1,
		Layers: repeat(32, gguf.Layer{Key: 1024, Value: 1024}), MTP: []gguf.Layer{},
	}, s)

	s, err := gguf.ReadShape(bytes.NewReader(model(t, ggufwrite.Model{ContextLength: 4096})))
	require.NoError(t, err)
	assert.Equal(t, gguf.Shape{
		Architecture: "llama", ContextLength: 4096, Embedding: 64, Heads: 4, KeyLength: 16, ValueLength: 16, Vocabulary: 512, Parts: 1,
		Layers: repeat(2, gguf.Layer{Key: 64, Value: 64}), MTP: []gguf.Layer{},
	}, s)
}

// What a layer keeps, by the ways in which files tell it.
func TestLayers(t *testing.T) {
	t.Parallel()
	full, window, none := gguf.Layer{Key: 64, Value: 64}, gguf.Layer{Key: 64, Value: 64, Windowed: true}, gguf.Layer{}
	base := keys{"block_count": 4, "embedding_length": 64, "attention.head_count": 4}
	ssm := keys{"ssm.conv_kernel": 4, "ssm.inner_size": 100, "ssm.state_size": 16, "ssm.group_count": 2}
	recurrent := gguf.Layer{State: 3*(100+2*2*16) + 16*100}
	for name, tc := range map[string]struct {
		architecture string
		more         keys
		want         []gguf.Layer
		atMost       bool
	}{
		"no head count of its own":      {"llama", nil, repeat(4, full), false},
		"head lengths":                  {"qwen3", keys{"attention.key_length": 128, "attention.value_length": 96, "attention.head_count_kv": 2}, repeat(4, gguf.Layer{Key: 256, Value: 192}), false},
		"heads by layer":                {"deci", keys{"attention.head_count_kv": []int32{4, 0, 2, 1}}, []gguf.Layer{full, none, {Key: 32, Value: 32}, {Key: 16, Value: 16}}, false},
		"a list that is too short":      {"deci", keys{"attention.head_count_kv": []int32{2, 2}}, []gguf.Layer{{Key: 32, Value: 32}, {Key: 32, Value: 32}, full, full}, false},
		"window by layer":               {"gemma4", keys{"attention.sliding_window": 512, "attention.sliding_window_pattern": []bool{true, true, false, true}}, []gguf.Layer{window, window, full, window}, false},
		"window by period":              {"x", keys{"attention.sliding_window": 512, "attention.sliding_window_pattern": 2}, []gguf.Layer{window, full, window, full}, false},
		"window by architecture":        {"gpt-oss", keys{"attention.sliding_window": 128}, []gguf.Layer{window, full, window, full}, false},
		"a pattern that is too short":   {"gemma4", keys{"attention.sliding_window": 512, "attention.sliding_window_pattern": []bool{true, true}}, []gguf.Layer{window, window, full, full}, false},
		"a list that is too long":       {"deci", keys{"attention.head_count_kv": make([]int32, 1025)}, repeat(4, full), false},
		"window of unknown layers":      {"x", keys{"attention.sliding_window": 128}, repeat(4, full), true},
		"no window after all":           {"gpt-oss", keys{"attention.sliding_window": 0}, repeat(4, full), false},
		"window with heads of its own":  {"gemma4", keys{"attention.sliding_window": 512, "attention.sliding_window_pattern": 2, "attention.key_length": 32, "attention.key_length_swa": 8}, []gguf.Layer{{Key: 32, Value: 64, Windowed: true}, {Key: 128, Value: 64}, {Key: 32, Value: 64, Windowed: true}, {Key: 128, Value: 64}}, false},
		"layers that share":             {"gemma4", keys{"attention.shared_kv_layers": 1}, []gguf.Layer{full, full, full, none}, false},
		"compressed":                    {"deepseek2", keys{"attention.head_count_kv": 1, "attention.kv_lora_rank": 512, "attention.key_length": 576, "attention.value_length": 512, "attention.key_length_mla": 192}, repeat(4, gguf.Layer{Key: 576}), false},
		"compressed in llama.cpp alone": {"deepseek2", keys{"attention.kv_lora_rank": 512}, repeat(4, full), true},
		"recurrent by interval":         {"qwen35", merge(ssm, keys{"full_attention_interval": 2}), []gguf.Layer{recurrent, full, recurrent, full}, false},
		"recurrent by architecture":     {"qwen3next", ssm, []gguf.Layer{recurrent, recurrent, recurrent, full}, false},
		"recurrent by heads":            {"jamba", merge(ssm, keys{"attention.head_count_kv": []int32{0, 4, 0, 0}}), []gguf.Layer{recurrent, full, recurrent, recurrent}, false},
		"recurrent and attending":       {"falcon-h1", ssm, repeat(4, gguf.Layer{Key: 64, Value: 64, State: recurrent.State}), false},
		"short convolutions":            {"lfm2", keys{"shortconv.l_cache": 3, "attention.head_count_kv": []int32{0, 4, 0, 4}}, []gguf.Layer{{State: 128}, full, {State: 128}, full}, false},
		"RWKV":                          {"rwkv7", keys{"wkv.head_size": 32, "attention.head_count": 0}, repeat(4, gguf.Layer{State: 64*32 + 2*64}), false},
		"reads its whole input at once": {"nomic-bert-moe", nil, repeat(4, none), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shapeOf(t, tc.architecture, merge(base, tc.more))
			assert.Equal(t, tc.want, s.Layers)
			assert.Equal(t, tc.atMost, s.AtMost)
			assert.Empty(t, s.MTP)
		})
	}
}

func merge(a, b keys) keys {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// The heads of multi-token prediction are the last blocks, and attend.
func TestMTPLayers(t *testing.T) {
	t.Parallel()
	s := shapeOf(t, "qwen35moe", keys{
		"block_count": 5, "nextn_predict_layers": 1, "embedding_length": 64, "attention.head_count": 4, "full_attention_interval": 4,
		"ssm.conv_kernel": 4, "ssm.inner_size": 100, "ssm.state_size": 16,
	})
	full, recurrent := gguf.Layer{Key: 64, Value: 64}, gguf.Layer{State: 1900}
	assert.Equal(t, []gguf.Layer{recurrent, recurrent, recurrent, full}, s.Layers)
	assert.Equal(t, []gguf.Layer{full}, s.MTP)
}

func TestParts(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 3, shapeOf(t, "llama", keys{".split.count": uint16(3)}).Parts)
	assert.Equal(t, 1, shapeOf(t, "llama", keys{".split.count": uint16(0)}).Parts)
	s := shapeOf(t, "llama", keys{".tokenizer.ggml.tokens": make([]string, 2000)})
	assert.Equal(t, 2000, s.Vocabulary, "where no key tells it")
	assert.Empty(t, s.Layers)
}

func TestReadShapeRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"another file":  {[]byte("#!/bin/sh"), "not a GGUF file: it does not begin with a GGUF header"},
		"cut off":       {metadata("llama", keys{"block_count": 1})[:40], "not a GGUF file: its metadata ends or breaks in the middle: unexpected EOF"},
		"many layers":   {metadata("llama", keys{"block_count": 1 << 30}), "not a GGUF file: it claims 1048577 layers, 0 of them for MTP"},
		"more for MTP":  {metadata("llama", keys{"block_count": 1, "nextn_predict_layers": 2}), "not a GGUF file: it claims 1 layers, 2 of them for MTP"},
		"negative":      {metadata("llama", keys{"block_count": 1, "attention.head_count_kv": []int32{-4}, "attention.key_length": 128}), "not a GGUF file: layer 0 claims -128 and 0 elements for each token, and 0 for each sequence"},
		"wide":          {metadata("llama", keys{"block_count": 1, "attention.head_count_kv": 1 << 30, "attention.key_length": 1 << 30}), "not a GGUF file: layer 0 claims 1099513724929 and 0 elements for each token, and 0 for each sequence"},
		"a large state": {metadata("mamba", keys{"block_count": 1, "ssm.inner_size": 1 << 30, "ssm.state_size": 1 << 30, "ssm.group_count": 1 << 30, "ssm.conv_kernel": 1 << 30}), "not a GGUF file: layer 0 claims 0 and 0 elements for each token, and 2305849606288703489 for each sequence"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := gguf.ReadShape(bytes.NewReader(tc.data))
			require.EqualError(t, err, tc.want)
			require.ErrorIs(t, err, gguf.ErrFormat)
			assert.Equal(t, gguf.Shape{}, s)
		})
	}
}

// Numbers of every type are read as what they are.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for name, value := range map[string][]any{
		"uint8": {uint32(0), uint8(200)}, "int8": {uint32(1), int8(100)}, "uint16": {uint32(2), uint16(200)}, "int16": {uint32(3), int16(200)},
		"uint32": {uint32(4), uint32(200)}, "int32": {uint32(5), int32(200)}, "uint64": {uint32(10), uint64(200)}, "int64": {uint32(11), int64(200)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			words := append([]any{"general.architecture", uint32(8), "x", "x.context_length"}, value...)
			s, err := gguf.ReadShape(bytes.NewReader(header(3, 2, words...)))
			require.NoError(t, err)
			want := 200
			if name == "int8" {
				want = 100
			}
			assert.Equal(t, want, s.ContextLength)
		})
	}
	for name, value := range map[string][]any{
		"negative": {uint32(5), int32(-1)}, "huge": {uint32(10), uint64(1 << 63)}, "a float": {uint32(6), float32(1)}, "a text": {uint32(8), "8192"},
	} {
		words := append([]any{"general.architecture", uint32(8), "x", "x.context_length"}, value...)
		s, err := gguf.ReadShape(bytes.NewReader(header(3, 2, words...)))
		require.NoError(t, err, name)
		assert.Zero(t, s.ContextLength, name)
	}
}

func FuzzReadShape(f *testing.F) {
	f.Add(model(f, ggufwrite.Model{})[:20_000])
	f.Add(metadata("gemma4", keys{"block_count": 4, "attention.sliding_window": 1, "attention.sliding_window_pattern": []bool{true}, "attention.head_count": []int32{1, -1}}))
	f.Add(metadata("qwen35", keys{"block_count": 4, "nextn_predict_layers": 1, "ssm.state_size": 1 << 30, "ssm.inner_size": 1 << 30}))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := gguf.ReadShape(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, l := range slices.Concat(s.Layers, s.MTP) {
			if l.Key < 0 || l.Key > 1<<20 || l.Value < 0 || l.Value > 1<<20 || l.State < 0 || l.State > 1<<28 {
				t.Fatalf("accepted %+v", l)
			}
		}
		if len(s.Layers)+len(s.MTP) > 1024 || s.Parts < 1 || s.Vocabulary < 0 || s.Window < 0 || s.Embedding < 0 || s.Heads < 0 || s.ContextLength < 0 {
			t.Fatalf("accepted %+v", s)
		}
	})
}

// All of the metadata of a model of today, its vocabulary among it.
func BenchmarkReadShape(b *testing.B) {
	data := model(b, ggufwrite.Model{Vocabulary: 150_000})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := gguf.ReadShape(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
