package hal0_test

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
)

// slotText is a slot file as operators write them.
const slotText = `# %[1]s
name = "%[1]s"
port = %[2]d
type = "llm"
device = "gpu-rocm"
provider = "llama-server"
profile = "rocm-dnse"
role = "primary"
enabled = true
mtp = true
idle_timeout_s = 300

[model]
default = "/mnt/ai-models/qwen3-4b/model.gguf"
context_size = 65536
n_gpu_layers = -1

[server]
extra_args = "-b 1024 -ub 1024 --jinja --temp 0.6"
env = { HSA_OVERRIDE_GFX_VERSION = "11.5.1" }
`

// writeBox writes a box of n slots and returns its root.
func writeBox(tb testing.TB, n int) string {
	tb.Helper()
	root := tb.TempDir()
	dir := filepath.Join(root, "etc/hal0/slots")
	require.NoError(tb, os.MkdirAll(dir, 0o755))
	for i := range n {
		name := fmt.Sprintf("slot%04d", i)
		text := fmt.Sprintf(slotText, name, 8081+i%100)
		require.NoError(tb, os.WriteFile(filepath.Join(dir, name+".toml"), []byte(text), 0o644))
	}
	return root
}

// bareSlot is what go-toml decodes the same files into.
type bareSlot struct {
	Name, Type, Device, Provider, Profile, Role string
	Port                                        int
	Enabled, MTP                                *bool
	IdleTimeout                                 int `toml:"idle_timeout_s"`
	Model                                       struct {
		Default     string
		ContextSize int `toml:"context_size"`
		NGPULayers  int `toml:"n_gpu_layers"`
	}
	Server struct {
		ExtraArgs string `toml:"extra_args"`
		Env       map[string]string
	}
}

// Opening a box beside a bare go-toml decode of the same files. The cost of a
// slot is ns/slot.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{10, 200, 2000} {
		root := writeBox(b, n)
		perSlot := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/slot")
		}
		b.Run(fmt.Sprintf("hal0/slots=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				box, err := hal0.Open(hal0.HomeAt(root), hal0.WithHost(device.Host{}))
				if err != nil || len(box.Problems()) > 0 || len(box.Names()) != n {
					b.Fatal(err, box.Problems())
				}
			}
			perSlot(b)
		})
		b.Run(fmt.Sprintf("bare/slots=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			dir := filepath.Join(root, "etc/hal0/slots")
			for b.Loop() {
				entries, err := os.ReadDir(dir)
				require.NoError(b, err)
				for _, e := range entries {
					data, err := os.ReadFile(filepath.Join(dir, e.Name()))
					require.NoError(b, err)
					var s bareSlot
					if err := toml.Unmarshal(data, &s); err != nil || s.Port == 0 {
						b.Fatal(err)
					}
				}
			}
			perSlot(b)
		})
	}
}

// Resolving every slot of a box of 200.
func BenchmarkResolveAll(b *testing.B) {
	box, err := hal0.Open(hal0.HomeAt(writeBox(b, 200)), hal0.WithHost(device.Host{}))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range box.ResolveAll() {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
}

// From a write of one slot file of a box to the step that tells of it, beside
// opening the box again.
func BenchmarkWatch(b *testing.B) {
	for _, n := range []int{10, 200, 2000} {
		b.Run(fmt.Sprintf("slots=%d", n), func(b *testing.B) {
			root := writeBox(b, n)
			file := filepath.Join(root, "etc/hal0/slots/slot0005.toml")
			next, stop := iter.Pull2(hal0.Watch(b.Context(), hal0.HomeAt(root), hal0.WithDebounce(0)))
			defer stop()
			changes, err, _ := next()
			require.NoError(b, err)
			require.Len(b, changes, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				require.NoError(b, os.WriteFile(file+".tmp", fmt.Appendf(nil, slotText, "slot0005", 8081+i%100), 0o644))
				require.NoError(b, os.Rename(file+".tmp", file))
				changes, err, _ := next()
				if err != nil || len(changes) != 1 {
					b.Fatal(changes, err)
				}
			}
		})
	}
}

// Checking a box of 200 slots that is open, and one that is to be opened first.
// Its slots share 100 ports, so that every file has a problem.
func BenchmarkCheck(b *testing.B) {
	root := writeBox(b, 200)
	open := func() *hal0.Box {
		box, err := hal0.Open(hal0.HomeAt(root), hal0.WithHost(device.Host{}))
		require.NoError(b, err)
		return box
	}
	check := func(b *testing.B, box *hal0.Box) {
		if r := box.Check(); len(r.Problems) != 200 {
			b.Fatal(len(r.Problems))
		}
	}
	b.Run("open", func(b *testing.B) {
		box := open()
		b.ReportAllocs()
		for b.Loop() {
			check(b, box)
		}
	})
	b.Run("closed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			check(b, open())
		}
	})
}
