package hal0_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/slot"
)

const chatText = `# mine
port = 8081 # fixed
device = "gpu-rocm"
profile = "rocm"

[model]
default = "/m.gguf"
`

func TestCreate(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"slots/chat.toml": chatText, "slots/bad.toml": "port = 8082\nmtp = 1\n"})
	change, err := box.Create(t.Context(), slot.Wish{Device: "gpu-vulkan", Model: "/m.gguf"})
	require.NoError(t, err)
	name := filepath.Join(dir, "slots/chat-2.toml")
	assert.Equal(t, name, change.File)
	assert.True(t, change.Changed())
	want := `name = "chat-2"
port = 8083
type = "llm"
device = "gpu-vulkan"
provider = "llama-server"
profile = "vulkan"

[model]
default = "/m.gguf"
`
	assert.Equal(t, want, contents(t, name))
	assert.Equal(t, []string{"picked: name chat-2, port 8083, type llm, profile vulkan, provider llama-server"}, change.Notes)
	assert.Contains(t, change.Diff(), "--- /dev/null\n+++ "+name+"\n")
	_, err = box.Slot("chat-2")
	require.ErrorIs(t, err, hal0.ErrNoSlot, "a Box does not change")
	again, err := hal0.Open(box.Home(), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	_, err = again.Resolve("chat-2")
	require.NoError(t, err)

	// Without being opened again, the box sees what was made.
	change, err = box.Create(t.Context(), slot.Wish{Type: "tts"}, hal0.DryRun())
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "slots/tts.toml"), change.File)
	assert.Contains(t, string(change.After), "port = 8084\n")
	assert.NoFileExists(t, change.File)

	_, err = box.Create(t.Context(), slot.Wish{Name: "chat-2", Model: "/m.gguf"})
	require.EqualError(t, err, "name: slot chat-2 is there already: chat-2-2 is free")
	require.ErrorIs(t, err, hal0.ErrConflict)
	_, err = box.Create(t.Context(), slot.Wish{Name: "../../x", Model: "/m.gguf"})
	require.ErrorContains(t, err, `name: "../../x" is not a name`)
	assert.Equal(t, want, contents(t, name))
}

// The rules of hal0.toml, and the first slot of a box without any.
func TestCreateByTheBoxesRules(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"hal0.toml": "[slots]\nport_range_start = 8120\nmax_slots = 1\n[models]\n"})
	require.NoError(t, os.Remove(filepath.Join(dir, "slots")))
	_, err := box.Create(t.Context(), slot.Wish{Type: "tts"})
	require.EqualError(t, err, dir+"/hal0.toml:1:2: slots.port_range_end: is 8099, below port_range_start, which is 8120")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hal0.toml"), []byte("[slots]\nport_range_start = 8120\nport_range_end = 8130\nmax_slots = 1\n"), 0o644))
	change, err := box.Create(t.Context(), slot.Wish{Type: "tts"})
	require.NoError(t, err)
	assert.Contains(t, contents(t, change.File), "port = 8120\n")
	_, err = box.Create(t.Context(), slot.Wish{Type: "tts"})
	require.EqualError(t, err, "slots.max_slots: the box has 1 slots already, of at most 1: delete one, or raise the bound in hal0.toml")
}

// A port on which something listens is not handed out.
func TestCreateLooksWhatListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	box, _ := aBox(t, nil)
	_, err = box.Create(t.Context(), slot.Wish{Type: "tts", Port: port})
	require.ErrorContains(t, err, fmt.Sprintf("port: something listens on port %d of this host already: ", port))

	sysroot := fstest.MapFS{"proc/net/tcp": {Data: []byte("  sl  local_address rem_address   st\n   0: 0100007F:1F91 00000000:0000 0A\n")}}
	other, err := hal0.Open(box.Home(), hal0.WithHost(device.Host{}), hal0.WithSysroot(sysroot))
	require.NoError(t, err)
	change, err := other.Create(t.Context(), slot.Wish{Type: "tts"}, hal0.DryRun())
	require.NoError(t, err)
	assert.Contains(t, string(change.After), "port = 8082\n", "another box's tree says what listens there")
}

// Slots that are made at once get different names and ports.
func TestCreateSideBySide(t *testing.T) {
	t.Parallel()
	box, _ := aBox(t, nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := box.Create(t.Context(), slot.Wish{Type: "tts"})
			assert.NoError(t, err)
		})
	}
	all.Wait()
	again, err := hal0.Open(box.Home(), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	assert.Equal(t, []string{"tts", "tts-2", "tts-3", "tts-4", "tts-5", "tts-6", "tts-7", "tts-8"}, again.Names())
	assert.Empty(t, again.Check().Problems)
}

func TestUpdateSlot(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"slots/chat.toml": chatText, "slots/other.toml": strings.Replace(chatText, "8081", "8085", 1)})
	name := filepath.Join(dir, "slots/chat.toml")
	change, err := box.UpdateSlot(t.Context(), "chat", []hal0.Edit{hal0.Set("device", device.GPUVulkan), hal0.Set("model.context_size", 65536)})
	require.NoError(t, err)
	want := strings.NewReplacer("gpu-rocm", "gpu-vulkan", `"rocm"`, `"vulkan"`).Replace(chatText) + "context_size = 65536\n"
	assert.Equal(t, want, contents(t, name))
	assert.Equal(t, hal0.Change{File: name, Before: []byte(chatText), After: []byte(want), Notes: []string{"profile follows: vulkan"}}, change)

	change, err = box.UpdateSlot(t.Context(), "chat", []hal0.Edit{hal0.Set("port", 8082)}, hal0.DryRun())
	require.NoError(t, err)
	assert.True(t, change.Changed())
	for wish, edit := range map[string]hal0.Edit{
		name + `:1:1: mtp: must be true or false, got the string "yes"`:                                                                         hal0.Set("mtp", "yes"),
		name + ":2:1: port: 8085 is the port of slot other (" + dir + "/slots/other.toml:2) too: give one of them another port, or disable one": hal0.Set("port", 8085),
		name + `:7:1: model.default: unknown model "gone": the model registry is empty; want the absolute path of a model file`:                 hal0.Set("model.default", "gone"),
		name + ":3:1: device: npu contradicts type = tts: device npu goes with type llm, embedding or transcription; type tts with device cpu":  hal0.Set("device", "npu"),
	} {
		edits := []hal0.Edit{edit}
		if edit.Key == "device" {
			edits = append(edits, hal0.Set("type", "tts"))
		}
		change, err := box.UpdateSlot(t.Context(), "chat", edits)
		require.EqualError(t, err, wish)
		assert.Equal(t, hal0.Change{}, change)
	}
	assert.Equal(t, want, contents(t, name), "nothing is half done")

	for slotName, wish := range map[string]string{
		"caht": `no such slot: "caht": ` + dir + `/slots/caht.toml is not there; did you mean "chat"?`,
		"../x": `no such slot: "../x" is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit`,
	} {
		_, err = box.UpdateSlot(t.Context(), slotName, []hal0.Edit{hal0.Set("port", 8082)})
		require.EqualError(t, err, wish)
		require.ErrorIs(t, err, hal0.ErrNoSlot)
	}
}

// The reference system's own save drops profile, type, mtp, vision,
// chat_template, role and every comment. A file's mode stays too.
func TestUpdateSlotKeepsEverything(t *testing.T) {
	t.Parallel()
	text := `# The chat that everybody uses.
name = "chat"
port = 8081 # the router knows it
type = 'llm'         # aligned by hand
profile   = "rocm-dnse"
role = "primary"
mtp = false
vision = false
chat_template = "qwen3"
color = "red" # somebody else's

[model]
# The larger one does not fit.
default = "/m.gguf"
`
	box, dir := aBox(t, map[string]string{"slots/chat.toml": text})
	name := filepath.Join(dir, "slots/chat.toml")
	require.NoError(t, os.Chmod(name, 0o640))
	_, err := box.UpdateSlot(t.Context(), "chat", []hal0.Edit{hal0.Set("model.context_size", 65536)})
	require.NoError(t, err)
	assert.Equal(t, text+"context_size = 65536\n", contents(t, name))
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode())
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	legacy := "# mine\nport = 8081\nbackend = \"vulkan\" # iGPU\n\n[model]\ndefault = \"/gone.gguf\"\n"
	today := "# mine\nport = 8081\ndevice = \"gpu-vulkan\" # iGPU\nprofile = \"vulkan\"\n\n[model]\ndefault = \"/gone.gguf\"\n"
	box, dir := aBox(t, map[string]string{
		"slots/old.toml": legacy, "slots/today.toml": chatText,
		"slots/bad.toml": "port = 8083\nbackend = \"moonshine\"\n", "slots/worse.toml": "port = \n",
	})
	name := func(slot string) string { return filepath.Join(dir, "slots", slot+".toml") }
	check := func(done []hal0.Migration) {
		require.Len(t, done, 3)
		assert.Equal(t, "bad", done[0].Slot)
		require.ErrorContains(t, done[0].Err, name("bad")+":2:1: backend: moonshine recognized speech on the CPU")
		assert.Equal(t, hal0.Migration{Slot: "old", Change: hal0.Change{
			File: name("old"), Before: []byte(legacy), After: []byte(today),
			Notes: []string{`backend = "vulkan" becomes device = "gpu-vulkan"`, `profile = "vulkan" is added`},
		}}, done[1])
		assert.Equal(t, "worse", done[2].Slot)
		require.ErrorContains(t, done[2].Err, name("worse")+":1:8: ")
	}
	done, err := box.Migrate(t.Context())
	require.NoError(t, err)
	check(done)
	assert.Equal(t, legacy, contents(t, name("old")), "dry unless told to")

	done, err = box.Migrate(t.Context(), hal0.Apply())
	require.NoError(t, err)
	check(done)
	assert.Equal(t, today, contents(t, name("old")))
	assert.Equal(t, "port = 8083\nbackend = \"moonshine\"\n", contents(t, name("bad")), "left alone")
	assert.Equal(t, chatText, contents(t, name("today")))

	done, err = box.Migrate(t.Context(), hal0.Apply())
	require.NoError(t, err)
	require.Len(t, done, 2, "once is enough")
	assert.Equal(t, []string{"bad", "worse"}, []string{done[0].Slot, done[1].Slot})
}

// What concerns every file ends it.
func TestMigrateCannot(t *testing.T) {
	t.Parallel()
	box := openFiles(t, map[string]string{"slots/a.toml": "port = 8081\n"})
	done, err := box.Migrate(t.Context())
	require.NoError(t, err)
	require.Len(t, done, 1)
	_, err = box.Migrate(t.Context(), hal0.Apply())
	require.ErrorIs(t, err, hal0.ErrReadOnly)
	box, _ = aBox(t, map[string]string{"slots/a.toml": "port = 8081\n", "profiles.toml": "x"})
	_, err = box.Migrate(t.Context())
	require.ErrorIs(t, err, hal0.ErrSyntax)
	_, err = box.UpdateSlot(t.Context(), "a", []hal0.Edit{hal0.Set("port", 8082)})
	require.ErrorIs(t, err, hal0.ErrSyntax)
}
