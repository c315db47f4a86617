package hal0_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/ggufwrite"
	"github.com/hal0ai/hal0-go/internal/podmantest"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// llamaBox is a box of one slot on the CPU, with a real llama-server and a tiny model.
// Its profile has no flags.
func llamaBox(t *testing.T, port int, model ggufwrite.Model, extraArgs string) *hal0.Box {
	t.Helper()
	b := newStubBox(t, port, "")
	b.write("etc/hal0/profiles.toml", "[profile.plain]\nimage = \""+b.service.LlamaImage(t)+"\"\ndevice_class = \"cpu\"\n")
	f, err := os.Create(filepath.Join(b.home, "model.gguf"))
	require.NoError(t, err)
	require.NoError(t, ggufwrite.Write(f, model))
	require.NoError(t, f.Close())
	b.write("etc/hal0/slots/one.toml", fmt.Sprintf("port = %d\ndevice = \"cpu\"\nprofile = \"plain\"\n[model]\ndefault = %q\ncontext_size = 2048\n[server]\nextra_args = %q\n",
		port, filepath.Join(b.home, "model.gguf"), extraArgs))
	box, err := hal0.Open(hal0.HomeAt(b.home), hal0.WithRuntime(b.rt))
	require.NoError(t, err)
	require.Empty(t, box.Problems())
	return box
}

// diagnose returns what Doctor says of the slot, by codes.
func diagnose(t *testing.T, box *hal0.Box) map[string]slot.Finding {
	t.Helper()
	found, err := box.Doctor(t.Context(), []string{"one"})
	require.NoError(t, err)
	byCode := map[string]slot.Finding{}
	for _, f := range found {
		byCode[f.Code] = f
	}
	return byCode
}

// The seed profile vulkan says --no-mmap, which Debian's llama-server does not know.
func TestDoctorOnARealImage(t *testing.T) {
	b := newStubBox(t, 8170, "")
	require.NoError(t, os.Remove(filepath.Join(b.home, "etc/hal0/profiles.toml")), "a box with the seeds")
	b.write("etc/hal0/hal0.toml", "[slots]\nport_range_end = 8200\n")
	b.write("etc/hal0/slots/one.toml", fmt.Sprintf("port = 8170\ndevice = \"gpu-vulkan\"\nprofile = \"vulkan\"\nimage = %q\n[model]\ndefault = %q\n",
		b.service.LlamaImage(t), filepath.Join(b.home, "model.gguf")))
	box, err := hal0.Open(hal0.HomeAt(b.home), hal0.WithRuntime(b.rt), hal0.WithHost(device.Host{DRI: []string{"/dev/dri/renderD128"}, RenderGID: new(993), VideoGID: new(44)}))
	require.NoError(t, err)
	found, err := box.Doctor(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []slot.Finding{{
		Slot: "one", Severity: "error", Code: "flags.unknown", Path: "profile.vulkan.flags",
		Message: "the server in image " + podmantest.LlamaRef + " would not start: --no-mmap, which comes from profile vulkan, is not a flag that it has",
		Fix:     "profile vulkan is a seed and can't be changed: clone it under another name, change the flags of the clone and choose it in the slot, or use another image; instead: --load-mode none",
	}}, amiss(t, found))
	assert.Equal(t, slot.SeverityError, slot.Worst(found))
	assert.Empty(t, b.containers())
	left, err := b.service.Podman("ps", "--all", "--quiet", "--filter", "label="+runtime.LabelOnce)
	require.NoError(t, err)
	assert.Empty(t, left, "the container that was asked is gone")
}

// What Doctor says of memory is what llama-server takes.
func TestEstimateIsWhatTheServerTakes(t *testing.T) {
	size := func(logs, what string) string {
		m := regexp.MustCompile(what + ` buffer size = +([0-9.]+) MiB`).FindStringSubmatch(logs)
		require.NotNil(t, m, "%s in %s", what, logs)
		return m[1]
	}
	mib := func(n int64) string { return fmt.Sprintf("%.2f", float64(n)/(1<<20)) }
	for name, tc := range map[string]struct {
		model ggufwrite.Model
		args  string
	}{
		"as it comes":             {ggufwrite.Model{}, ""},
		"one sequence":            {ggufwrite.Model{}, "--parallel 1"},
		"three sequences":         {ggufwrite.Model{}, "--parallel 3 -c 5000"},
		"three of one context":    {ggufwrite.Model{}, "--parallel 3 --kv-unified -c 5000"},
		"shared heads":            {ggufwrite.Model{Heads: 4, KVHeads: 1}, "--parallel 1 -c 3000"},
		"quantized":               {ggufwrite.Model{Heads: 2, KVHeads: 1}, "--parallel 1 -ctk q8_0 -ctv q4_0"},
		"other types":             {ggufwrite.Model{Heads: 2}, "--parallel 1 -ctk q5_1 -ctv iq4_nl -c 9000"},
		"large types":             {ggufwrite.Model{Heads: 2}, "--parallel 1 -ctk f32 -ctv bf16"},
		"without flash attention": {ggufwrite.Model{}, "--parallel 1 -fa off"},
	} {
		t.Run(name, func(t *testing.T) {
			box := llamaBox(t, 8171, tc.model, tc.args+" -lv 4")
			found := diagnose(t, box)
			require.Contains(t, found, slot.FindMemory)
			e := found[slot.FindMemory].Estimate
			_, err := box.Up(t.Context(), "one")
			require.NoError(t, err)
			var logs strings.Builder
			for line, err := range box.Logs(t.Context(), "one", runtime.LogOptions{}) {
				require.NoError(t, err)
				logs.WriteString(line.Text + "\n")
			}
			assert.Equal(t, size(logs.String(), "CPU KV"), mib(e.KV))
			assert.Equal(t, "0.5", size(logs.String(), "CPU_Mapped model")[:3])
			assert.Equal(t, "0.5", mib(e.Weights)[:3], "the file also holds its metadata")
		})
	}
}

// A server that keeps every token's logits, as one for embeddings does, takes the
// buffers for a batch that Doctor says, to a fiftieth.
func TestEstimateOfTheBuffersOfABatch(t *testing.T) {
	for name, args := range map[string]string{"flash attention": "", "without": "-fa off", "another batch": "-ub 256"} {
		t.Run(name, func(t *testing.T) {
			box := llamaBox(t, 8172, ggufwrite.Model{Vocabulary: 32000}, "--parallel 1 --embedding -lv 4 "+args)
			e := diagnose(t, box)[slot.FindMemory].Estimate
			require.NotNil(t, e)
			_, err := box.Up(t.Context(), "one")
			require.NoError(t, err)
			var taken float64
			for line := range box.Logs(t.Context(), "one", runtime.LogOptions{}) {
				if _, rest, ok := strings.Cut(line.Text, "CPU compute buffer size = "); ok {
					_, err := fmt.Sscan(rest, &taken)
					require.NoError(t, err)
				}
			}
			assert.InEpsilon(t, taken, float64(e.Compute)/(1<<20), 0.02)
		})
	}
}

// Where Doctor says that the server would not start, it does not.
func TestDoctorIsRight(t *testing.T) {
	for name, tc := range map[string]struct {
		args string
		code string
		log  string
	}{
		"a flag of other builds":           {"--no-mmap", slot.FindFlagUnknown, "invalid argument: --no-mmap"},
		"nothing amiss":                    {"--metrics", "", ""},
		"another value":                    {"-ctk q9", slot.FindFlagValue, "Unsupported cache type: q9"},
		"multi-token prediction":           {"--spec-type draft-mtp", slot.FindModelMTP, "doesn't contain MTP layers"},
		"a type that is larger than heads": {"-ctk q8_0", slot.FindCacheType, "failed to create"},
		"a type without flash attention":   {"-ctv q4_0 -fa off", slot.FindCacheType, "requires flash_attn"},
	} {
		t.Run(name, func(t *testing.T) {
			box := llamaBox(t, 8173, ggufwrite.Model{}, tc.args)
			found := diagnose(t, box)
			_, err := box.Up(t.Context(), "one")
			if tc.code == "" {
				require.NoError(t, err)
				return
			}
			require.Contains(t, found, tc.code)
			assert.Equal(t, slot.SeverityError, found[tc.code].Severity)
			require.ErrorIs(t, err, hal0.ErrNotReady)
			assert.ErrorContains(t, err, tc.log)
		})
	}
}
