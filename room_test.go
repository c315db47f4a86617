package hal0_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// A house is a Runtime in which slots are up, and come up and go down.
type house struct {
	*ward

	mu      sync.Mutex
	up      []string // slots
	stopped []string // in order
	fails   error    // of a start; nil lets it run
	stopErr error
}

func (h *house) List(context.Context, map[string]string) ([]runtime.Container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []runtime.Container
	for _, name := range h.up {
		list = append(list, runtime.Container{ID: name, Name: slot.ContainerName(name), State: runtime.StateRunning, Labels: map[string]string{runtime.LabelSlot: name, runtime.LabelManaged: "true"}})
	}
	ended := runtime.Container{Name: slot.ContainerName("paint"), State: runtime.StateExited, Labels: map[string]string{runtime.LabelSlot: "paint"}}
	alien := runtime.Container{Name: "paint", State: runtime.StateRunning, Labels: map[string]string{runtime.LabelSlot: "paint"}}
	gone := runtime.Container{Name: slot.ContainerName("gone"), State: runtime.StateRunning, Labels: map[string]string{runtime.LabelSlot: "gone"}}
	return append(list, ended, alien, gone), h.listErr
}

func (h *house) Inspect(ctx context.Context, name string) (runtime.Container, error) {
	list, err := h.List(ctx, nil)
	for _, c := range list {
		if c.Name == name && c.ID != "" {
			return c, err
		}
	}
	return runtime.Container{}, &runtime.Error{Op: "inspect", Name: name, Class: runtime.ErrNotFound}
}

func (h *house) Start(_ context.Context, spec runtime.Spec, _ runtime.StartOptions) (runtime.Container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := spec.Labels[runtime.LabelSlot]
	if h.fails == nil {
		h.up = append(h.up, name)
	}
	return runtime.Container{ID: name, Name: spec.Name}, h.fails
}

func (h *house) Stop(_ context.Context, name string, _ time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = append(h.stopped, name)
	h.up = slices.DeleteFunc(h.up, func(up string) bool { return slot.ContainerName(up) == name })
	return h.stopErr
}

// fullHouse is a box of slots that share a GPU, of which some are up. A start ends
// with errStarted.
func fullHouse(t *testing.T, up ...string) (fstest.MapFS, *house) {
	t.Helper()
	tree := haloBox(t)
	text := strings.Replace(string(tree["etc/hal0/slots/chat.toml"].Data), "8081", "8196", 1)
	tree["etc/hal0/slots/chat.toml"] = textFile(text)
	tree["etc/hal0/slots/code.toml"] = textFile(strings.Replace(text, "8196", "8197", 1))
	tree["etc/hal0/slots/embed.toml"] = textFile("port = 8198\ntype = \"embedding\"\ndevice = \"cpu\"\nimage = \"localhost/x:1\"\n[model]\ndefault = \"/mnt/ai-models/m.gguf\"\n")
	tree["etc/hal0/slots/image.toml"] = textFile("port = 8199\ntype = \"image\"\ndevice = \"gpu-rocm\"\nprofile = \"comfyui\"\nimage = \"localhost/x:1\"\n")
	tree["etc/hal0/slots/paint.toml"] = textFile("port = 8200\ntype = \"image\"\ndevice = \"gpu-rocm\"\nprofile = \"comfyui\"\nimage = \"localhost/x:1\"\n")
	return tree, &house{ward: healthyWard(t), up: up, fails: errStarted}
}

func TestUpRefusesWithoutRoom(t *testing.T) {
	t.Parallel()
	tree, h := fullHouse(t, "chat", "embed", "code")
	box := openWard(t, tree, h)
	_, err := box.Up(t.Context(), "image")
	require.EqualError(t, err, "slot image: there is no room for it on the GPU: "+
		"slot chat (llm on gpu-vulkan) and slot image (image) share the GPU, and an image slot takes it alone; "+
		"slot code (llm on gpu-vulkan) and slot image (image) share the GPU, and an image slot takes it alone; "+
		"take chat and code down first, or tell it to make room")
	require.ErrorIs(t, err, hal0.ErrNoRoom)
	var room *hal0.RoomError
	require.ErrorAs(t, err, &room)
	d, err := box.Room(t.Context(), "image")
	require.NoError(t, err)
	assert.Equal(t, d, room.Decision)
	assert.True(t, d.Stop[0].Returns)
	assert.Equal(t, []string{"chat", "embed", "code"}, h.up)
}

func TestUpMakesRoom(t *testing.T) {
	t.Parallel()
	tree, h := fullHouse(t, "chat", "embed", "code")
	var events []string
	_, err := openWard(t, tree, h).Up(t.Context(), "image", hal0.MakeRoom(), hal0.OnProgress(func(e hal0.Event) { events = append(events, e.Message) }))
	require.ErrorIs(t, err, errStarted)
	assert.Equal(t, []string{"hal0-slot-chat", "hal0-slot-code"}, h.stopped)
	assert.Equal(t, []string{"embed"}, h.up)
	assert.Contains(t, events, "stopping slot chat: slot chat (llm on gpu-vulkan) and slot image (image) share the GPU, and an image slot takes it alone")

	tree, h = fullHouse(t, "chat")
	h.stopErr = errors.New("busy")
	_, err = openWard(t, tree, h).Up(t.Context(), "image", hal0.MakeRoom())
	require.EqualError(t, err, "make room for slot image: busy")
}

func TestUpHasRoom(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		slot string
		up   []string
		want error
	}{
		"beside others":          {"code", []string{"chat", "embed"}, errStarted},
		"beside what has ended":  {"chat", nil, errStarted},
		"beside the image slot":  {"chat", []string{"image"}, hal0.ErrNoRoom},
		"not on the GPU":         {"embed", []string{"image"}, errStarted},
		"the image slot alone":   {"image", []string{"embed"}, errStarted},
		"the image slot, a twin": {"image", []string{"paint"}, hal0.ErrNoRoom},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree, h := fullHouse(t, tc.up...)
			_, err := openWard(t, tree, h).Up(t.Context(), tc.slot)
			require.ErrorIs(t, err, tc.want)
			assert.Empty(t, h.stopped)
		})
	}
}

// What slots take decides whether they fit side by side.
func TestRoomForMemory(t *testing.T) {
	t.Parallel()
	tree, h := fullHouse(t, "chat")
	const card = "sys/devices/pci0000:00/0000:00:08.1/0000:c6:00.0/"
	tree[card+"mem_info_vram_total"], tree[card+"mem_info_gtt_total"] = textFile("0"), textFile("14680064") // 14 MiB
	box := openWard(t, tree, h)
	d, err := box.Room(t.Context(), "code")
	require.NoError(t, err)
	assert.Equal(t, []slot.Eviction{{Slot: "chat", Reason: slot.ReasonMemory,
		Message: "slot chat takes 7.7 MiB, and slot code needs 7.7 MiB where 6.3 MiB of 14 MiB are left (the unified memory of AMD Radeon 8060S)"}}, d.Stop)
	_, err = box.Up(t.Context(), "code", hal0.MakeRoom())
	require.ErrorIs(t, err, errStarted)
	assert.Equal(t, []string{"hal0-slot-chat"}, h.stopped)
}

func TestRoomFails(t *testing.T) {
	t.Parallel()
	tree, h := fullHouse(t)
	h.listErr = runtime.ErrUnavailable
	_, err := openWard(t, tree, h).Room(t.Context(), "chat")
	require.ErrorIs(t, err, runtime.ErrUnavailable)
	d, err := openWard(t, tree, h).Room(t.Context(), "embed")
	require.NoError(t, err, "nobody is asked for a slot that is not on the GPU")
	assert.Empty(t, d.Stop)
	_, err = openWard(t, tree, h).Room(t.Context(), "none")
	require.ErrorIs(t, err, hal0.ErrNoSlot)
	_, err = openWard(t, tree, nil).Room(t.Context(), "chat")
	require.ErrorIs(t, err, hal0.ErrNoRuntime)
}

// Of two that exclude each other and come up at the same time, one is refused.
func TestRoomIsTakenInTurns(t *testing.T) {
	t.Parallel()
	tree, h := fullHouse(t)
	h.fails = nil
	box := openWard(t, tree, h)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused := make(chan error, 2)
	var both sync.WaitGroup
	for _, name := range []string{"chat", "image"} {
		both.Go(func() {
			if _, err := box.Up(ctx, name, hal0.ReadyWithin(20*time.Second)); errors.Is(err, hal0.ErrNoRoom) {
				refused <- err
				cancel() // the other one waits until it is ready
			}
		})
	}
	both.Wait()
	assert.Len(t, refused, 1)
}

// A box with an image slot and others brings up the others, whatever their order.
func TestApplyLeavesWhatHasNoRoom(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		up   []string
		want map[string]slot.Action
	}{
		"nothing runs":        {nil, map[string]slot.Action{"chat": slot.Start, "code": slot.Start, "embed": slot.Start, "image": slot.Leave, "paint": slot.Leave}},
		"the image slot runs": {[]string{"image"}, map[string]slot.Action{"chat": slot.Leave, "code": slot.Leave, "embed": slot.Start, "image": slot.Replace, "paint": slot.Leave}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree, h := fullHouse(t, tc.up...)
			diff, err := openWard(t, tree, h).Diff(t.Context())
			require.NoError(t, err)
			got := map[string]slot.Action{}
			for _, s := range diff {
				if s.Slot != "gone" {
					got[s.Slot] = s.Action
				}
			}
			assert.Equal(t, tc.want, got)
		})
	}
}
