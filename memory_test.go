package hal0_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/slot"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	tree, house := fullHouse(t)
	tree["var/lib/hal0/registry/registry.toml"] = textFile("[models.far]\npath = \"/mnt/far.gguf\"\nsize_bytes = 5000\n")
	tree["etc/hal0/slots/far.toml"] = textFile("port = 8195\nenabled = false\ndevice = \"gpu-vulkan\"\nimage = \"localhost/x:1\"\n[model]\ndefault = \"far\"\ncontext_size = 512\n")
	tree["etc/hal0/slots/broken.toml"] = textFile("port = 1\n")
	box := openWard(t, tree, house)

	use := box.Memory()
	hardware, err := box.Hardware()
	require.NoError(t, err)
	assert.Equal(t, int64(hardware.UnifiedMemoryMB+hardware.GPUs[0].VRAMMB)<<20, use.Pool.Bytes)
	names := map[string]hal0.SlotMemory{}
	for _, s := range use.Slots {
		names[s.Slot] = s
	}
	require.Len(t, names, 5, "embed is on the CPU, and broken has no plan")
	assert.Equal(t, hal0.SlotMemory{Slot: "image", Enabled: true}, names["image"], "nobody knows beforehand")
	assert.Equal(t, hal0.SlotMemory{Slot: "far", Estimate: &slot.Estimate{Weights: 5000, Context: 512}, WeightsOnly: true}, names["far"])
	chat := names["chat"]
	assert.True(t, chat.Enabled)
	assert.False(t, chat.WeightsOnly)
	assert.Equal(t, int64(len(tree["mnt/ai-models/m.gguf"].Data)), chat.Estimate.Weights)
	assert.Positive(t, chat.Estimate.KV)
	assert.Equal(t, chat.Estimate, names["code"].Estimate)
}
