package gguf

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Shape is what of a model decides how much memory its context takes. Names of
// keys are those of llama.cpp (src/llama-arch.cpp), below the architecture's own.
type Shape struct {
	// Architecture is such as "llama" or "qwen35moe".
	Architecture string `json:"architecture"`
	// ContextLength is the native context window in tokens, 0 when not told.
	ContextLength int `json:"context_length"`
	// Embedding is the width of the network, embedding_length.
	Embedding int `json:"embedding"`
	// Heads are the attention heads of a layer, the most that one has.
	Heads int `json:"heads"`
	// KeyLength and ValueLength are the elements of one head.
	KeyLength   int `json:"key_length"`
	ValueLength int `json:"value_length"`
	// Vocabulary is how many tokens the model knows.
	Vocabulary int `json:"vocabulary"`
	// Window is the sliding attention window in tokens, 0 for none.
	Window int `json:"window"`
	// Layers are the layers, without those of MTP.
	Layers []Layer `json:"layers"`
	// MTP are the heads of multi-token prediction: the last nextn_predict_layers
	// of the blocks.
	MTP []Layer `json:"mtp"`
	// AtMost tells that Layers may keep less than they say: which of them attend
	// within the window, or how they compress what they keep, is in llama.cpp's
	// code alone.
	AtMost bool `json:"at_most"`
	// Parts is how many files the model is split into, 1 when it is not.
	Parts int `json:"parts"`
}

// A Layer is what one layer keeps of a context.
type Layer struct {
	// Key and Value are how many elements it keeps of each token.
	Key   int `json:"key"`
	Value int `json:"value"`
	// Windowed tells that it keeps tokens of the window alone.
	Windowed bool `json:"windowed"`
	// State is how many elements a recurrent layer keeps of each sequence,
	// however long.
	State int `json:"state"`
}

// Bounds of what a file may claim, far above real models: they keep sums of bytes
// within 64 bits.
const (
	maxLayers = maxList
	maxWidth  = 1 << 20
	maxState  = 1 << 28
	maxHeads  = 1 << 12
	maxTokens = 1<<27 - 1
)

// ReadShape reads the whole metadata of a file, past its vocabulary; the tensors
// are not read.
func ReadShape(r io.Reader) (Shape, error) {
	n, err := readNumbers(r)
	if err != nil {
		return Shape{}, err
	}
	s := Shape{
		Architecture:  n.architecture,
		ContextLength: n.count("context_length", 0),
		Embedding:     int(max(0, n.one("embedding_length", 0))),
		Heads:         n.heads(),
		KeyLength:     int(max(0, n.headLength("key_length", false))),
		ValueLength:   int(max(0, n.headLength("value_length", false))),
		Window:        n.count("attention.sliding_window", 0),
		Vocabulary:    n.count("vocab_size", int(min(n.lengths["tokenizer.ggml.tokens"], maxTokens))),
		Parts:         1,
	}
	if parts := n.lists["split.count"]; len(parts) > 0 && parts[0] > 1 {
		s.Parts = int(parts[0])
	}
	if err := s.addLayers(n); err != nil {
		return Shape{}, err
	}
	windowed := slices.ContainsFunc(s.Layers, func(l Layer) bool { return l.Windowed })
	s.AtMost = s.Window > 0 && !windowed || n.one("attention.kv_lora_rank", 0) > 0 && !n.compressed() || s.Architecture == "gemma3n"
	return s, nil
}

// addLayers fills in Layers and MTP.
func (s *Shape) addLayers(n *numbers) error {
	blocks, mtp := n.one("block_count", 0), n.one("nextn_predict_layers", 0)
	if blocks < 0 || blocks > maxLayers || mtp < 0 || mtp > blocks {
		return fmt.Errorf("%w: it claims %d layers, %d of them for MTP", ErrFormat, blocks, mtp)
	}
	for i := range int(blocks) {
		l := n.layer(i, i >= int(blocks-mtp))
		if min(l.Key, l.Value, l.State) < 0 || max(l.Key, l.Value) > maxWidth || l.State > maxState {
			return fmt.Errorf("%w: layer %d claims %d and %d elements for each token, and %d for each sequence", ErrFormat, i, l.Key, l.Value, l.State)
		}
		s.Layers = append(s.Layers, l)
	}
	s.Layers, s.MTP = s.Layers[:blocks-mtp], s.Layers[blocks-mtp:]
	return nil
}

func (n *numbers) heads() int {
	most := int64(0)
	for i := range n.of("attention.head_count") {
		most = max(most, n.at("attention.head_count", i, 0))
	}
	return int(min(most, maxHeads))
}

// layer returns what layer i keeps.
func (n *numbers) layer(i int, mtp bool) Layer {
	heads := n.at("attention.head_count_kv", i, n.at("attention.head_count", i, 0))
	recurrent, both := n.recurrent(i, heads)
	recurrent = recurrent && !mtp
	var l Layer
	if recurrent {
		l.State = int(n.state())
	}
	if recurrent && !both || n.keepsNothing() || n.shares(i) {
		return l
	}
	l.Windowed = n.windowed(i)
	key, value := n.headLength("key_length", l.Windowed), n.headLength("value_length", l.Windowed)
	l.Key, l.Value = int(key*heads), int(value*heads)
	if n.compressed() {
		l.Value = 0 // the value is a part of the key
	}
	return l
}

// compressed reports whether the model keeps keys and values compressed to one
// (multi-head latent attention).
func (n *numbers) compressed() bool { return n.one("attention.key_length_mla", 0) > 0 }

// headLength returns how many elements a head has: as told, else its share of
// the network's width.
func (n *numbers) headLength(key string, windowed bool) int64 {
	length := n.one("embedding_length", 0) / max(1, n.one("attention.head_count", 1))
	length = n.one("attention."+key, length)
	if windowed {
		length = n.one("attention."+key+"_swa", length)
	}
	return length
}

// windowPeriods are those of architectures whose files do not tell which layers
// have a window; the last of each period has none.
var windowPeriods = map[string]int64{"gemma2": 2, "gemma3": 6, "gpt-oss": 2}

// windowed reports whether layer i keeps the tokens of the window alone. The
// pattern is told for each layer, or as a period.
func (n *numbers) windowed(i int) bool {
	if n.one("attention.sliding_window", 0) <= 0 {
		return false
	}
	pattern := n.of("attention.sliding_window_pattern")
	if len(pattern) > 1 {
		return i < len(pattern) && pattern[i] != 0
	}
	period := n.one("attention.sliding_window_pattern", windowPeriods[n.architecture])
	return period > 0 && int64(i)%period < period-1
}

// recurrent reports whether layer i keeps a state for a sequence, and whether it
// attends as well.
func (n *numbers) recurrent(i int, heads int64) (yes, both bool) {
	interval := n.one("full_attention_interval", 0)
	if interval == 0 && (strings.HasPrefix(n.architecture, "qwen35") || n.architecture == "qwen3next") {
		interval = 4 // llama.cpp's own for files that do not tell
	}
	if interval > 0 {
		return (int64(i)+1)%interval != 0, false
	}
	return n.state() > 0 && (heads == 0 || n.architecture == "falcon-h1"), heads > 0
}

// state is how many elements a recurrent layer keeps of a sequence, as llama.cpp
// counts them (llama_hparams::n_embd_r and n_embd_s).
func (n *numbers) state() int64 {
	width := n.one("embedding_length", 0)
	if size := n.one("wkv.head_size", 0); size > 0 {
		return width*size + width*n.one("token_shift_count", 2)
	}
	if kernel := n.one("shortconv.l_cache", 0); kernel > 0 {
		return width * (kernel - 1)
	}
	inner, state, groups := n.one("ssm.inner_size", 0), n.one("ssm.state_size", 0), n.one("ssm.group_count", 0)
	return max(0, n.one("ssm.conv_kernel", 0)-1)*(inner+2*groups*state) + state*inner
}

// shares reports whether layer i uses what an earlier one keeps.
func (n *numbers) shares(i int) bool {
	shared := n.one("attention.shared_kv_layers", 0)
	return shared > 0 && int64(i) >= n.one("block_count", 0)-shared
}

// keepsNothing reports whether the model reads its whole input at once.
func (n *numbers) keepsNothing() bool {
	return strings.Contains(n.architecture, "bert") || slices.Contains([]string{"t5encoder", "dream", "llada", "llada-moe", "rnd1"}, n.architecture)
}
