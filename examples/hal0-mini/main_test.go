package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/ggufwrite"
	"github.com/hal0ai/hal0-go/internal/podmantest"
)

var service podmantest.Shared

func TestMain(m *testing.M) {
	os.Exit(podmantest.Main(func() int {
		code := m.Run()
		if err := service.Close(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
		return code
	}))
}

// mini runs one command line and returns what it printed.
func mini(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// object runs a command line that prints JSON.
func object[T any](t *testing.T, args ...string) T {
	t.Helper()
	code, stdout, stderr := mini(t, args...)
	require.Zero(t, code, stderr)
	var v T
	require.NoError(t, json.Unmarshal([]byte(stdout), &v), stdout)
	return v
}

func TestDemoResolves(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := mini(t, "resolve", "--demo")
	require.Zero(t, code, stderr)
	for _, slot := range []string{"chat", "embed", "rerank", "tts", "npu", "image"} {
		assert.Contains(t, "\n"+stdout, "\n"+slot+"  ", "the plan of %s", slot)
	}
	assert.Contains(t, stdout, "mtp      --spec-draft-device ROCm0")
	assert.Contains(t, stdout, "profile  -b 512  (slot wins)")

	before, after := object[[]map[string]any](t, "--demo", "--json", "resolve"), object[[]map[string]any](t, "resolve", "--demo", "--json")
	assert.Equal(t, before, after, "global flags stand before and after the verb")
	assert.Len(t, after, 6)
	one := object[[]map[string]any](t, "resolve", "tts", "--demo", "--json")
	require.Len(t, one, 1)
	assert.Equal(t, "kokoro", one[0]["provider"])
}

// The README's screens are what the program prints.
func TestReadmeShowsRealOutput(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, line := range []string{"resolve --demo chat", "set chat profile=vulkan --demo --dry-run"} {
		_, rest, _ := strings.Cut(string(readme), "$ go run ./examples/hal0-mini "+line+"\n")
		shown, _, _ := strings.Cut(rest, "```")
		code, stdout, stderr := mini(t, strings.Fields(line)...)
		require.Zero(t, code, stderr)
		assert.Equal(t, stdout, shown)
	}
}

// varying is what differs from run to run in screens: times, and digests of images
// that are made by tests.
var varying = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d|sha256:[0-9a-f]{64}`)

// inReadme asserts that a screen stands in the README.
func inReadme(t *testing.T, screen string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	if !strings.Contains(varying.ReplaceAllString(string(readme), "…"), "```console\n"+varying.ReplaceAllString(screen, "…")) {
		t.Errorf("the README does not show\n%s", screen)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string]string{
		"devices":  "gpu-vulkan  Any GPU via Vulkan           llama-server  vulkan   yes",
		"profiles": "rocm-dnse  gpu    rocm     on   30.4 tok/s  chat          Dense + MTP · q4 KV",
		"slots":    "npu     llm        npu         flm        qwen3-4b-FLM",
	} {
		code, stdout, stderr := mini(t, verb, "--demo")
		require.Zero(t, code, stderr)
		assert.Contains(t, stdout, want)
		code, stdout, stderr = mini(t, verb, "--demo", "--json")
		require.Zero(t, code, stderr)
		assert.True(t, json.Valid([]byte(stdout)), verb)
	}
}

func TestPodmanRunLine(t *testing.T) {
	t.Parallel()
	code, stdout, _ := mini(t, "resolve", "--demo", "chat", "--podman-run")
	require.Zero(t, code)
	assert.Contains(t, stdout, "podman run --detach --name hal0-slot-chat --network bridge --publish 127.0.0.1:8081:8081")
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, "etc/hal0/slots/good.toml", "port = 8081\ntype = \"tts\"\ndevice = \"cpu\"\n")
	write(t, home, "etc/hal0/slots/bad.toml", "port = 80\n")
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no such verb":   {[]string{"frobnicate"}, 2, `unknown command "frobnicate"`},
		"no such flag":   {[]string{"slots", "--colour"}, 2, "unknown flag: --colour"},
		"nor below one":  {[]string{"manifest", "lok"}, 2, `unknown command "lok" for "hal0-mini manifest"`},
		"nor there":      {[]string{"images", "sav"}, 2, `unknown command "sav" for "hal0-mini images"`},
		"none below one": {[]string{"images"}, 0, "Available Commands:\n  load "},
		"too few words":  {[]string{"logs"}, 2, "accepts 1 arg(s), received 0\nhal0-mini logs --help tells what there is.\n"},
		"too many words": {[]string{"create", "chat"}, 2, `create takes no arguments, got "chat"`},
		"no such slot":   {[]string{"resolve", "goot", "--home", home}, 1, `did you mean "good"?`},
		"no such home":   {[]string{"slots", "--home", home + "/none"}, 1, "no such file or directory"},
		"bad slot":       {[]string{"slots", "--home", home}, 3, "slots/bad.toml:1:1: port: must be 8081 to 8200, got 80"},
		"bad socket":     {[]string{"status", "--home", home, "--podman", "tcp://1.2.3.4:5"}, 1, "unix:///"},
		"demo's edits":   {[]string{"set", "chat", "mtp=false", "--demo"}, 1, "the box's files are read only"},
		"demo's files":   {[]string{"watch", "--demo"}, 1, "its files do not change"},
		"two boxes":      {[]string{"slots", "--demo", "--home", home}, 2, "[demo home] were all set"},
		"nobody listens": {[]string{"status", "--home", home, "--podman", "unix://" + home + "/none.sock"}, 1, "container runtime is unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := mini(t, tc.args...)
			assert.Equal(t, tc.code, code)
			assert.Contains(t, stdout+stderr, tc.want)
		})
	}
}

// Containers that the sample box could find are those of the machine's own box.
func TestDemoLeavesContainersAlone(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"up", "down", "down chat", "status", "status chat", "observe", "observe --restart", "logs chat", "diff", "apply", "pull chat"} {
		code, stdout, stderr := mini(t, append(strings.Fields(line), "--demo")...)
		assert.Equal(t, 1, code, line)
		assert.Empty(t, stdout, line)
		assert.Equal(t, "hal0-mini: the sample box has no models and no images: it can be resolved, not run\n", stderr, line)
	}
}

func TestABadSlotDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, "etc/hal0/slots/good.toml", "port = 8081\ntype = \"tts\"\ndevice = \"cpu\"\n")
	write(t, home, "etc/hal0/slots/bad.toml", "port = 80\ndevice = \"gpu\"\n")
	code, stdout, _ := mini(t, "resolve", "--home", home, "--json")
	assert.Equal(t, 3, code)
	var got []struct {
		Slot   string
		Hash   string
		Errors []problem
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Len(t, got, 2)
	file := filepath.Join(home, "etc/hal0/slots/bad.toml")
	assert.Equal(t, []problem{
		{file, 1, 1, "port", "must be 8081 to 8200, got 80", []string{}, ""},
		{file, 2, 1, "device", `unknown device "gpu": want one of gpu-rocm, gpu-vulkan, cpu, npu`, []string{"gpu-rocm", "gpu-vulkan", "cpu", "npu"}, ""},
	}, got[0].Errors)
	assert.NotEmpty(t, got[1].Hash)
}

// Another box's device nodes, where a plain file stands for a node; paths in
// the plan stay as that box sees them.
func TestSysroot(t *testing.T) {
	t.Parallel()
	home, sys := t.TempDir(), t.TempDir()
	write(t, home, "etc/hal0/slots/chat.toml", "port = 8081\n[model]\ndefault = \"/mnt/ai-models/a.gguf\"\n")
	for _, node := range []string{"dev/kfd", "dev/dri/card1", "dev/dri/renderD128"} {
		write(t, sys, node, "")
	}
	write(t, sys, "etc/group", "render:x:105:\nvideo:x:44:\n")
	plans := object[[]struct {
		Spec struct{ Devices, Groups []string }
	}](t, "resolve", "--home", home, "--sysroot", sys, "--json")
	require.Len(t, plans, 1)
	assert.Equal(t, []string{"/dev/kfd", "/dev/dri/card1", "/dev/dri/renderD128"}, plans[0].Spec.Devices)
	assert.Equal(t, []string{"105", "44"}, plans[0].Spec.Groups)
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// post sends a request to a slot and returns the answer.
func post(t *testing.T, port int, path, body string) map[string]any {
	t.Helper()
	resp, err := http.Post("http://127.0.0.1:"+strconv.Itoa(port)+path, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(data))
	var v map[string]any
	require.NoError(t, json.Unmarshal(data, &v), string(data))
	return v
}

// llamaBox is a box whose slots run a real llama-server with a tiny model.
func llamaBox(t *testing.T, image string) (home string) {
	t.Helper()
	home = t.TempDir()
	store := filepath.Join(home, "models")
	write(t, home, "etc/hal0/hal0.toml", "[models]\nstore = \""+store+"\"\n")
	write(t, home, "etc/hal0/profiles.toml", "[profile.plain]\nimage = \""+image+"\"\nflags = \"--threads 1 -b 512 -ub 512 --parallel 1\"\ndevice_class = \"cpu\"\n")
	var registry strings.Builder
	for name, kind := range map[string]ggufwrite.Kind{"chat": ggufwrite.Chat, "embed": ggufwrite.Embedding, "rerank": ggufwrite.Rerank} {
		var model bytes.Buffer
		require.NoError(t, ggufwrite.Write(&model, ggufwrite.Model{Kind: kind, Seed: 1}))
		write(t, store, name+".gguf", model.String())
		fmt.Fprintf(&registry, "[models.tiny-%s]\npath = %q\n", name, filepath.Join(store, name+".gguf"))
	}
	write(t, home, "var-lib/hal0/registry/registry.toml", registry.String())
	for i, slot := range []struct{ name, kind string }{{"chat", "llm"}, {"embed", "embedding"}, {"rerank", "reranking"}} {
		write(t, home, "etc/hal0/slots/"+slot.name+".toml", "# "+slot.name+"\nport = "+strconv.Itoa(8101+i)+
			"\ntype = \""+slot.kind+"\"\ndevice = \"cpu\"\nprofile = \"plain\"\n\n[model]\ndefault = \"tiny-"+slot.name+"\"\ncontext_size = 512\n")
	}
	return home
}

// A slot file on disk becomes a running server that answers, on real podman and
// a real llama-server.
func TestMainJob(t *testing.T) {
	s := service.Service(t)
	home := llamaBox(t, s.LlamaImage(t))
	box := func(args ...string) []string { return append(args, "--home", home, "--podman", s.URI) }
	t.Cleanup(func() {
		run(context.Background(), box("down"), io.Discard, io.Discard) //nolint:usetesting // after the test
	})
	type status struct {
		Slot, State string
		Current     bool
		Container   *struct{ ID string }
	}

	up := object[[]status](t, box("up", "--json")...)
	require.Len(t, up, 3)
	for _, st := range object[[]status](t, box("status", "--json")...) {
		assert.Equal(t, "ready", st.State, st.Slot)
		assert.True(t, st.Current, st.Slot)
	}
	answers(t)

	code, logs, stderr := mini(t, box("logs", "chat")...)
	require.Zero(t, code, stderr)
	assert.Contains(t, logs, "llama_server: listening on", "llama-server's own lines")

	again := object[[]status](t, box("up", "chat", "--json")...)
	assert.Equal(t, up[0].Container.ID, again[0].Container.ID, "adopted")

	file := filepath.Join(home, "etc/hal0/slots/chat.toml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, bytes.Replace(text, []byte("512"), []byte("256"), 1), 0o644))
	changed := object[[]status](t, box("status", "chat", "--json")...)
	assert.False(t, changed[0].Current)
	replaced := object[[]status](t, box("up", "chat", "--json")...)
	assert.NotEqual(t, up[0].Container.ID, replaced[0].Container.ID, "replaced")
	answers(t)

	code, _, stderr = mini(t, box("down")...)
	require.Zero(t, code, stderr)
	left, err := s.Podman("ps", "--all", "--quiet")
	require.NoError(t, err)
	assert.Empty(t, left, "no container is left")
	for port := 8101; port <= 8103; port++ {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if assert.NoError(t, err, "no port is left open") {
			assert.NoError(t, l.Close())
		}
	}
	for _, st := range object[[]status](t, box("status", "--json")...) {
		assert.Equal(t, "offline", st.State)
	}
}

// answers asks each slot what it is for.
func answers(t *testing.T) {
	t.Helper()
	chat := post(t, 8101, "/v1/chat/completions", `{"model":"tiny-chat","max_tokens":4,"messages":[{"role":"user","content":"hello"}]}`)
	assert.Len(t, chat["choices"], 1)
	embedding := post(t, 8102, "/v1/embeddings", `{"model":"tiny-embed","input":"hello"}`)
	assert.Len(t, embedding["data"], 1)
	rerank := post(t, 8103, "/v1/rerank", `{"model":"tiny-rerank","query":"hello","documents":["a","b"]}`)
	assert.Len(t, rerank["results"], 2)
}

// A flag that the image's server refuses ends at once, with its own words.
func TestUpTellsWhyAServerEnded(t *testing.T) {
	s := service.Service(t)
	home := llamaBox(t, s.LlamaImage(t))
	write(t, home, "etc/hal0/slots/chat.toml", "port = 8101\ndevice = \"cpu\"\nprofile = \"plain\"\n[model]\ndefault = \"tiny-chat\"\n[server]\nextra_args = \"--no-mmap\"\n")
	code, _, stderr := mini(t, "up", "chat", "--home", home, "--podman", s.URI)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "slot chat: the server exited with code 1 while starting; its last lines were:")
	assert.Contains(t, stderr, "--no-mmap")
	left, err := s.Podman("ps", "--all", "--quiet")
	require.NoError(t, err)
	assert.Empty(t, left)
}
