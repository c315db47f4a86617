package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/fstree"
)

// strixHalo is the tree of another box, for --sysroot.
func strixHalo(t *testing.T) string {
	t.Helper()
	tree, err := fstree.ReadFile("../../device/testdata/strix-halo.txt")
	require.NoError(t, err)
	root := t.TempDir()
	require.NoError(t, os.CopyFS(root, tree))
	return root
}

func TestProbe(t *testing.T) {
	t.Parallel()
	home, root := t.TempDir(), strixHalo(t)
	require.NoError(t, os.MkdirAll(filepath.Join(home, "etc/hal0"), 0o755))
	args := []string{"--home", home, "--sysroot", root}
	code, stdout, stderr := mini(t, append(args, "probe")...)
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "platform  strix-halo\n")
	assert.Contains(t, stdout, "unified   114688 MiB of the memory are the GPU's too\n")

	file := filepath.Join(home, "etc/hal0/hardware.json")
	code, stdout, stderr = mini(t, append(args, "probe", "--dry-run")...)
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "+++ "+file+"\n")
	require.NoFileExists(t, file)
	code, stdout, stderr = mini(t, append(args, "probe", "--write")...)
	require.Zero(t, code, stderr)
	assert.Equal(t, file+" is made\n", stdout)
	hw, err := device.ParseHardware(file, []byte(text(t, file)))
	require.NoError(t, err)
	assert.Equal(t, device.Platform("strix-halo"), hw.Platform)
}

func TestRecommend(t *testing.T) {
	t.Parallel()
	args := []string{"recommend", "--home", t.TempDir(), "--sysroot", strixHalo(t)}
	code, stdout, stderr := mini(t, args...)
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "  gpu-vulkan  AMD Radeon 8060S has 112 GiB of unified memory")
	for flag, want := range map[string]device.Device{"--npu=false": device.GPUVulkan, "--npu": device.NPU} {
		assert.Equal(t, want, object[device.Recommendation](t, append(args, "--json", flag)...).Device, flag)
	}
	code, stdout, _ = mini(t, "create", "--demo", "--dry-run", "--model", "qwen3.6-27b-mtp")
	require.Zero(t, code)
	assert.Contains(t, stdout, "+device = \"gpu-vulkan\"\n", "a new slot gets the recommended device")
}
