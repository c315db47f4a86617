package provider

import (
	"maps"
	"slices"

	"github.com/hal0ai/hal0-go/internal/enum"
)

// A SlotType is what a slot is for. The zero value is not a type; in a slot it
// means [LLM].
type SlotType string

// The slot types, as they are written.
const (
	LLM           SlotType = "llm"
	Embedding     SlotType = "embedding"
	Reranking     SlotType = "reranking"
	Transcription SlotType = "transcription"
	TTS           SlotType = "tts"
	Image         SlotType = "image"
)

var slotTypes = []SlotType{LLM, Embedding, Reranking, Transcription, TTS, Image}

// slotTypeAliases are other words that are understood on input.
var slotTypeAliases = map[string]SlotType{
	"chat": LLM, "embed": Embedding, "rerank": Reranking, "stt": Transcription,
}

// SlotTypes returns every slot type. The slice is the caller's.
func SlotTypes() []SlotType { return append([]SlotType(nil), slotTypes...) }

// Word returns the everyday word for the type, which new slots are named
// after: chat, embed, rerank, stt, tts, image.
func (t SlotType) Word() string {
	for word, of := range slotTypeAliases {
		if of == t {
			return word
		}
	}
	return string(t)
}

// SlotTypeWords returns every word that [ParseSlotType] understands: the types,
// then the other words, sorted. The slice is the caller's.
func SlotTypeWords() []string {
	return append(enum.Words(slotTypes), slices.Sorted(maps.Keys(slotTypeAliases))...)
}

// ParseSlotType returns the type written s; the words chat, embed, rerank and
// stt are understood too. The error lists the types.
func ParseSlotType(s string) (SlotType, error) {
	if t, ok := slotTypeAliases[s]; ok {
		return t, nil
	}
	return enum.Parse("type", slotTypes, s)
}

// Valid reports whether t is one of the slot types.
func (t SlotType) Valid() bool { _, err := enum.Parse("type", slotTypes, string(t)); return err == nil }

// MarshalText implements [encoding.TextMarshaler]. A value that is not a slot
// type is an error.
func (t SlotType) MarshalText() ([]byte, error) {
	v, err := enum.Parse("type", slotTypes, string(t))
	return []byte(v), err
}

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseSlotType].
func (t *SlotType) UnmarshalText(text []byte) error { return enum.Set(t, ParseSlotType, text) }
