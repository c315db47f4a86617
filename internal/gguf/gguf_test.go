package gguf_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/gguf"
	"github.com/hal0ai/hal0-go/internal/ggufwrite"
)

func model(tb testing.TB, m ggufwrite.Model) []byte {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, ggufwrite.Write(&b, m))
	return b.Bytes()
}

func TestReadHeader(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]ggufwrite.Model{
		"chat":      {ContextLength: 4096},
		"embedding": {Kind: ggufwrite.Embedding, ContextLength: 512},
		"rerank":    {Kind: ggufwrite.Rerank, ContextLength: 8192},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := gguf.ReadHeader(bytes.NewReader(model(t, m)))
			require.NoError(t, err)
			assert.Equal(t, gguf.Header{Version: 3, Architecture: "llama", ContextLength: m.ContextLength}, h)
		})
	}
}

// header writes a header of one key-value by hand.
func header(version uint32, keys uint64, rest ...any) []byte {
	var b bytes.Buffer
	b.WriteString("GGUF")
	for _, v := range append([]any{version, uint64(0), keys}, rest...) {
		if s, ok := v.(string); ok {
			_ = binary.Write(&b, binary.LittleEndian, uint64(len(s)))
			b.WriteString(s)
			continue
		}
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	return b.Bytes()
}

func TestReadHeaderSkipsWhatItDoesNotNeed(t *testing.T) {
	t.Parallel()
	const text, array, u16, u32, u64 = uint32(8), uint32(9), uint32(2), uint32(4), uint32(10)
	h, err := gguf.ReadHeader(bytes.NewReader(header(2, 6,
		"general.name", text, "a name",
		"list", array, u16, uint64(3), uint16(1), uint16(2), uint16(3),
		"lists", array, array, uint64(2), text, uint64(1), "x", u32, uint64(0),
		"qwen3.context_length", u32, uint32(1), // before the architecture is known
		"general.architecture", text, "gemma3",
		"gemma3.context_length", u64, uint64(131072))))
	require.NoError(t, err)
	assert.Equal(t, gguf.Header{Version: 2, Architecture: "gemma3", ContextLength: 131072}, h)

	h, err = gguf.ReadHeader(bytes.NewReader(header(3, 1, "general.name", text, "a name")))
	require.NoError(t, err)
	assert.Equal(t, gguf.Header{Version: 3}, h, "what is not told is not known")
}

func TestReadHeaderRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":      {nil, "not a GGUF file: it does not begin with a GGUF header"},
		"another file": {[]byte("#!/bin/sh\necho hello, this is no model"), "not a GGUF file: it does not begin with a GGUF header"},
		"version 1":    {header(1, 0), "not a GGUF file: version 1, want 2 or 3, little endian"},
		"big endian":   {header(3<<24, 0), "not a GGUF file: version 50331648, want 2 or 3, little endian"},
		"many keys":    {header(3, 1<<40), "not a GGUF file: it claims 1099511627776 metadata keys"},
		"cut off":      {header(3, 1, "general.name"), "not a GGUF file: its metadata ends or breaks in the middle: EOF"},
		"a long name":  {header(3, 1, uint64(1<<60)), "not a GGUF file: its metadata ends or breaks in the middle: a name of 1152921504606846976 bytes"},
		"a new type":   {header(3, 1, "k", uint32(99)), "not a GGUF file: its metadata ends or breaks in the middle: a value of type 99 at depth 0"},
		"a long list":  {header(3, 1, "k", uint32(9), uint32(0), uint64(1<<62)), "not a GGUF file: its metadata ends or breaks in the middle: a value of 4611686018427387904 elements"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := gguf.ReadHeader(bytes.NewReader(tc.data))
			require.EqualError(t, err, tc.want)
			require.ErrorIs(t, err, gguf.ErrFormat)
			assert.Equal(t, gguf.Header{}, h)
		})
	}
}

func TestWriterIsDeterministic(t *testing.T) {
	t.Parallel()
	first, again := model(t, ggufwrite.Model{Seed: 1}), model(t, ggufwrite.Model{Seed: 1})
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, model(t, ggufwrite.Model{Seed: 2}))
	require.EqualError(t, ggufwrite.Write(io.Discard, ggufwrite.Model{Vocabulary: 10}), "vocabulary of 10: want at least 300")
}

func FuzzReadHeader(f *testing.F) {
	f.Add(model(f, ggufwrite.Model{})[:20_000])
	f.Add(header(3, 1, "k", uint32(9), uint32(9), uint64(1<<62)))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := gguf.ReadHeader(bytes.NewReader(data))
		if err == nil && (h.Version < 2 || h.ContextLength < 0) {
			t.Fatalf("accepted %+v", h)
		}
	})
}

// A vocabulary as large as that of today's models, before the window is told.
func BenchmarkReadHeader(b *testing.B) {
	data := model(b, ggufwrite.Model{Vocabulary: 150_000})
	data = bytes.Replace(data, []byte("llama.context_length"), []byte("llama.context_xxxxxx"), 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := gguf.ReadHeader(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
