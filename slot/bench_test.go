package slot_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/slot"
)

// A slot of type llm with the MTP bundle and extra arguments.
func BenchmarkResolve(b *testing.B) {
	in := inputs()
	s := chat(extraArgs("-b 1024 -ub 1024 --jinja --temp 0.6 --metrics"), func(s *slot.Slot) {
		s.Profile, s.Model.Default = "rocm-dnse", "qwen3-8b"
	})
	_, err := slot.Resolve(s, in)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := slot.Resolve(s, in); err != nil {
			b.Fatal(err)
		}
	}
}

// Moving a slot to another device, with what follows.
func BenchmarkEdited(b *testing.B) {
	box := slot.Surroundings{Inputs: inputs()}
	edit := []slot.Edit{{Key: "device", Value: "gpu-vulkan"}}
	b.ReportAllocs()
	for b.Loop() {
		if u, err := slot.Edited("slots/chat.toml", []byte(coherent["rocm"]), edit, box); err != nil || len(u.Followed) != 1 {
			b.Fatal(err)
		}
	}
}

// Picking a slot beside 100 others.
func BenchmarkPick(b *testing.B) {
	box := slot.Surroundings{Inputs: inputs(), Ports: map[string]int{}, First: 8081, Last: 8200}
	for i := range 100 {
		s := slot.Slot{Name: fmt.Sprint("s", i), Port: 8081 + i}
		box.Slots, box.Ports[s.Name] = append(box.Slots, &slot.File{Slot: s}), s.Port
	}
	b.ReportAllocs()
	for b.Loop() {
		if s, err := slot.Pick(slot.Wish{Model: "qwen3-4b"}, box); err != nil || s.Port != 8181 {
			b.Fatal(s, err)
		}
	}
}
