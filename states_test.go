package hal0_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
)

// Every pair of states, against the edges as people draw them.
func TestEdges(t *testing.T) {
	t.Parallel()
	legal := map[string][]string{
		"offline":   {"pulling", "starting"},
		"pulling":   {"starting", "error", "offline"},
		"starting":  {"warming", "error", "offline"},
		"warming":   {"ready", "idle", "error", "offline"},
		"ready":     {"serving", "idle", "unloading", "error"},
		"serving":   {"ready", "idle", "error"},
		"idle":      {"serving", "unloading", "ready"},
		"unloading": {"offline", "error"},
		"error":     {"offline", "pulling", "starting"},
	}
	require.Len(t, hal0.States(), len(legal))
	for _, from := range hal0.States() {
		for _, to := range hal0.States() {
			want := slices.Contains(legal[string(from)], string(to))
			assert.Equal(t, want, from.CanBecome(to), "%s to %s", from, to)
			got, err := from.To(to)
			if want {
				require.NoError(t, err)
				assert.Equal(t, to, got)
				continue
			}
			assert.Equal(t, from, got)
			require.ErrorIs(t, err, hal0.ErrEdge)
			assert.Equal(t, &hal0.EdgeError{From: from, To: to}, err)
		}
		assert.Len(t, from.Next(), len(legal[string(from)]))
	}
}

func TestEdgeErrors(t *testing.T) {
	t.Parallel()
	_, err := hal0.StateServing.To(hal0.StateUnloading)
	require.EqualError(t, err, `a slot that is serving can't become "unloading": want one of ready, idle, error`)
	_, err = hal0.State("asleep").To(hal0.StateReady)
	require.EqualError(t, err, `state "asleep" is none of hal0's: it can't become "ready"`)
	_, err = hal0.ParseState("asleep")
	require.ErrorContains(t, err, "offline, pulling, starting, warming, ready, serving, idle, unloading, error")
}

func FuzzParseState(f *testing.F) {
	for _, s := range hal0.States() {
		f.Add(string(s))
	}
	f.Add("Ready")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := hal0.ParseState(text)
		if err != nil {
			assert.Empty(t, s)
			return
		}
		assert.Equal(t, text, string(s))
		assert.True(t, slices.Contains(hal0.States(), s), strings.ToUpper(text))
	})
}
