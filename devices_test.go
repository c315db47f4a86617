package hal0_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
)

func TestDevices(t *testing.T) {
	t.Parallel()
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(fstest.MapFS{}), hal0.WithHost(device.Host{DRI: []string{"/dev/dri/renderD128"}}))
	require.NoError(t, err)
	assert.Equal(t, []hal0.DeviceInfo{
		{device.GPUROCm, "AMD GPU via ROCm", "llama-server", "rocm", false, []string{"/dev/kfd"}},
		{device.GPUVulkan, "Any GPU via Vulkan", "llama-server", "vulkan", true, []string{}},
		{device.CPU, "CPU-only fallback", "llama-server", "tts", true, []string{}},
		{device.NPU, "AMD XDNA NPU via FastFlowLM", "flm", "flm", false, []string{"/dev/accel/accel0"}},
	}, box.Devices())
}
