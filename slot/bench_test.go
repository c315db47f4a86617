package slot_test

import (
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
