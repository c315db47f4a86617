package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
	"github.com/hal0ai/hal0-go/slot"
)

// demoFiles are those of the sample box, with a test's own on top.
func demoFiles(t testing.TB, more map[string]string) map[string]string {
	t.Helper()
	files := map[string]string{}
	tree := os.DirFS("../demo")
	require.NoError(t, fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		files[name] = string(data)
		return err
	}))
	maps.Copy(files, more)
	return files
}

// demoConfig serves the sample box, with a test's own files on top.
func demoConfig(t testing.TB, more map[string]string) Config {
	t.Helper()
	files := fstest.MapFS{}
	for name, text := range demoFiles(t, more) {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Config{Home: hal0.DefaultHome(), Hosts: []string{testHost}, Options: append(onDemoHost(t), hal0.WithFiles(files))}
}

// onDemoHost opens a box as if on the host of the sample box.
func onDemoHost(t testing.TB) []hal0.Option {
	t.Helper()
	data, err := os.ReadFile("../demo/host.json")
	require.NoError(t, err)
	var host device.Host
	require.NoError(t, json.Unmarshal(data, &host))
	return []hal0.Option{hal0.WithHost(host), hal0.WithGetenv(func(string) string { return "" })}
}

// brokenFiles are problems of every kind: a slot that is no TOML, one whose values
// are wrong, one whose model nobody knows, and profiles that can't be read.
var brokenFiles = map[string]string{
	"etc/hal0/slots/chat.toml":   "name = \"chat\"\nport = 9\ndevice = \"cuda\"\nprofile = \"rocm\"\n[model]\ndefault = \"qwen3.6-27b-mtp\"\ncontext_size = \"64k\"\n",
	"etc/hal0/slots/embed.toml":  "port = 8082\ntype = \"embedding\"\ndevice = \"gpu-vulkan\"\nprofile = \"vulkan\"\n[model]\ndefault = \"qwen3-embeding-0.6b\"\n",
	"etc/hal0/slots/rerank.toml": "port = 8083\n[model\n",
	"etc/hal0/profiles.toml":     "[profile.mine]\nimage = \"ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server\"\nbackend = \"cuda\"\nflagz = \"-fa on\"\n\n[profile.other]\nintent = \"without an image\"\n",
}

// oddProfiles load, and no slot that uses one of them can be launched.
var oddProfiles = map[string]string{
	"etc/hal0/profiles.toml": "[profile.rocm]\nimage = \"localhost/server:v1\"\nbackend = \"rocm\"\n\n" +
		"[profile.odd]\nimage = \"localhost/server:v1\"\nmtp = true\ndevice_class = \"cpu\"\ncloned_from = \"rocm\"\n\n" +
		"[profile.served]\nimage = \"localhost/server:v1\"\nflags = \"--port 1 -b 512 --api-key hf_not_to_be_seen\"\n",
}

// brokenSlots are the broken files but for the profiles.
func brokenSlots() map[string]string {
	files := maps.Clone(brokenFiles)
	delete(files, "etc/hal0/profiles.toml")
	return files
}

// A liveBox is the sample box in a directory, on a runtime that serves its images.
type liveBox struct {
	*hal0.Box
	t      *testing.T
	rt     *runtimetest.Fake
	dir    string
	config Config
}

var port = regexp.MustCompile(`(?m)^port = \d+`)

func newLiveBox(t *testing.T, more map[string]string) *liveBox {
	t.Helper()
	b := &liveBox{t: t, rt: runtimetest.NewFake(), dir: t.TempDir()}
	t.Cleanup(func() { assert.NoError(t, b.rt.Close()) })
	ports := freePorts(t, 8)
	b.write("etc/hal0/hal0.toml", "[slots]\nport_range_start = 8101\nport_range_end = 8200\n")
	for name, text := range demoFiles(t, more) {
		if strings.Contains(name, "/slots/") {
			text, ports = port.ReplaceAllString(text, fmt.Sprintf("port = %d", ports[0])), ports[1:]
		}
		b.write(strings.Replace(name, "var/lib/", "var-lib/", 1), text)
	}
	b.config = Config{Home: hal0.HomeAt(b.dir), Options: append(onDemoHost(t), hal0.WithRuntime(b.rt), hal0.WithDebounce(0))}
	var err error
	b.Box, err = hal0.Open(b.config.Home, b.config.Options...)
	require.NoError(t, err)
	for _, p := range b.ProfileUses() {
		b.rt.AddImage(p.Pin.Launch, runtimetest.Program{Stdout: "loading the model\nllama_model_load: 65 layers\n", Handler: runtimetest.ModelServer()})
	}
	return b
}

// write puts a file into the box.
func (b *liveBox) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(b.t, os.WriteFile(path+".new", []byte(text), 0o644))
	require.NoError(b.t, os.Rename(path+".new", path))
}

// edit replaces a part of a file of the box.
func (b *liveBox) edit(name, part, by string) {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	require.NoError(b.t, err)
	require.Contains(b.t, string(data), part)
	b.write(name, strings.ReplaceAll(string(data), part, by))
}

func (b *liveBox) up(name string) {
	b.t.Helper()
	_, err := b.Up(b.t.Context(), name)
	require.NoError(b.t, err)
}

// freePorts returns ports that slots may have and nobody listens on.
func freePorts(t *testing.T, n int) (free []int) {
	t.Helper()
	for port := 8200; port > 8100 && len(free) < n; port-- {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			require.NoError(t, l.Close())
			free = append(free, port)
		}
	}
	require.Len(t, free, n, "every port of slots is taken")
	return free
}

// withMemory makes a server say that the box's slots take memory so.
func withMemory(use hal0.MemoryUse) func(*Server) {
	return func(s *Server) {
		v := s.view() // of which nothing has been made yet
		known := v.hardware()
		known.Memory = use
		v.hardware = func() Hardware { return known }
	}
}

// someMemory is of slots whose models can be read.
var someMemory = hal0.MemoryUse{
	Pool: slot.Memory{Pool: "the unified memory of AMD Radeon 8060S", Bytes: 114 << 30},
	Slots: []hal0.SlotMemory{
		{Slot: "chat", Enabled: true, Estimate: &slot.Estimate{Weights: 17 << 30, Projector: 1 << 30, KV: 9 << 30, Draft: 1 << 30, Compute: 2 << 30, Context: 65536}},
		{Slot: "code", Enabled: true, Estimate: &slot.Estimate{Weights: 44 << 30, KV: 12 << 30, Compute: 3 << 30, Context: 131072, AtMost: true}},
		{Slot: "embed", Enabled: true, Estimate: &slot.Estimate{Weights: 639 << 20, KV: 900 << 20, Compute: 600 << 20, Context: 8192}},
		{Slot: "image", Enabled: true},
		{Slot: "vision", Enabled: true, Estimate: &slot.Estimate{Weights: 5 << 30}, WeightsOnly: true},
	},
}
