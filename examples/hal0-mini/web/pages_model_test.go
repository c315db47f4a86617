package web

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

func TestPoolOf(t *testing.T) {
	t.Parallel()
	mem := func(name string, enabled bool, e *slot.Estimate) hal0.SlotMemory {
		return hal0.SlotMemory{Slot: name, Enabled: enabled, Estimate: e}
	}
	whole := &slot.Estimate{Weights: 300, Projector: 100, KV: 150, State: 25, Draft: 25, Compute: 200}
	for name, tc := range map[string]struct {
		size                    int64
		slots                   []hal0.SlotMemory
		taken, over, free, edge int64
		parts                   []part
	}{
		"nothing is known": {},
		"nobody is there":  {size: 1000, free: 1000, edge: 1000},
		"one, by its parts": {1000, []hal0.SlotMemory{mem("a", true, whole)}, 800, 0, 200, 1000, []part{
			{"a", "weights", 1, 400, 0, 400}, {"a", "context", 1, 200, 400, 200}, {"a", "compute", 1, 200, 600, 200},
		}},
		"more than there is": {1000, []hal0.SlotMemory{mem("a", true, &slot.Estimate{Weights: 500}), mem("b", true, &slot.Estimate{Weights: 1500})}, 2000, 1000, 0, 500, []part{
			{"a", "weights", 1, 500, 0, 250}, {"b", "weights", 2, 1500, 250, 750},
		}},
		"without a size": {0, []hal0.SlotMemory{mem("a", true, &slot.Estimate{Weights: 500})}, 500, 0, 0, 1000, []part{{"a", "weights", 1, 500, 0, 1000}}},
		"what does not count": {1000, []hal0.SlotMemory{mem("a", false, whole), mem("b", true, nil), mem("c", true, &slot.Estimate{Weights: 100})}, 100, 0, 900, 1000, []part{
			{"c", "weights", 3, 100, 0, 100},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := poolOf(hal0.MemoryUse{Pool: slot.Memory{Bytes: tc.size}, Slots: tc.slots})
			assert.Equal(t, tc.taken, p.Taken)
			assert.Equal(t, tc.over, p.Over())
			assert.Equal(t, tc.free, p.Free())
			assert.Equal(t, tc.parts, p.Parts)
			if tc.edge > 0 {
				assert.InDelta(t, tc.edge, p.Edge(), 0.001)
				assert.InDelta(t, 1000-tc.edge, p.OverWidth(), 0.001)
			}
		})
	}
}

func TestNotesOfAShare(t *testing.T) {
	t.Parallel()
	some := &slot.Estimate{Weights: 1}
	for note, s := range map[string]hal0.SlotMemory{
		"": {Enabled: true, Estimate: some},
		"Disabled: not counted. Weights only: its files can’t be read here.": {Estimate: some, WeightsOnly: true},
		"Takes memory as it is asked: not counted.":                          {Enabled: true},
		"The context may take less.":                                         {Enabled: true, Estimate: &slot.Estimate{AtMost: true}},
	} {
		assert.Equal(t, note, share{SlotMemory: s}.Note())
	}
}

func TestBenchOf(t *testing.T) {
	t.Parallel()
	use := func(tps, rtf float64) hal0.ProfileUse {
		return hal0.ProfileUse{Profile: profile.Profile{TPS: tps, RTF: rtf}}
	}
	assert.Nil(t, benchOf(use(0, 0), 90))
	assert.Equal(t, &bench{TPS: 45, Percent: 50}, benchOf(use(45, 0), 90))
	assert.Equal(t, &bench{RTF: 0.25, Percent: 25}, benchOf(use(0, 0.25), 90), "a quarter of real time")
	assert.Equal(t, &bench{RTF: 3, Percent: 100}, benchOf(use(0, 3), 90))
}

func TestPinOf(t *testing.T) {
	t.Parallel()
	assert.Equal(t, pin{Digest: "sha256:ab"}, pinOf("sha256:ab", "r:t", true))
	assert.Equal(t, pin{Digest: "sha256:cd"}, pinOf("", "r@sha256:cd", false))
	assert.Equal(t, pin{Text: "not published: pulled by tag"}, pinOf("", "r:t", true))
	assert.Equal(t, pin{Text: "not in the manifest: pulled by tag"}, pinOf("", "r:t", false))
	assert.Equal(t, "sha256:0123456789ab…", shortDigest("sha256:0123456789abcdef"))
	assert.Equal(t, "sha256:01", shortDigest("sha256:01"))
}

// The winner of a dropped flag is found by what it sets, not by how it is spelled.
func TestReplacedByAnotherSpelling(t *testing.T) {
	t.Parallel()
	server, err := New(demoConfig(t, map[string]string{
		"etc/hal0/slots/chat.toml": "port = 8081\ndevice = \"gpu-rocm\"\nprofile = \"rocm\"\n[model]\ndefault = \"qwen3.6-27b-mtp\"\n[server]\nextra_args = \"--batch-size 2048\"\n",
	}))
	require.NoError(t, err)
	v := server.view()
	s, ok := v.slot("chat")
	require.True(t, ok)
	card := v.slotCard(s)
	require.Len(t, card.Replaced, 1)
	assert.Equal(t, "-b", card.Replaced[0].Name)
	require.NotNil(t, card.Replaced[0].Winner)
	assert.Equal(t, provider.Flag{Name: "--batch-size", Values: []string{"2048"}, Source: "slot"}, *card.Replaced[0].Winner)
}

// The legend tells every source that there is.
func TestLegend(t *testing.T) {
	t.Parallel()
	assert.Empty(t, legendOf(nil))
	flags := []provider.Flag{{Source: "slot"}, {Source: "base"}, {Source: "slot"}, {Source: "type"}, {Source: "mtp"}, {Source: "model"}, {Source: "profile"}}
	total := 0
	for _, s := range legendOf(flags) {
		assert.NotEmpty(t, s.About)
		assert.Contains(t, stylesheet(t), ".src-"+string(s.Source)+" {")
		total += s.Count
	}
	assert.Equal(t, len(flags), total)
}

// Every state and class has its own look.
func TestStatesHaveALook(t *testing.T) {
	t.Parallel()
	for _, s := range hal0.States() {
		if s != hal0.StateIdle { // as quiet as a chip
			assert.Contains(t, stylesheet(t), ".state-"+string(s))
		}
	}
}
