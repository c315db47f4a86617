package hal0_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
	"github.com/hal0ai/hal0-go/slot"
)

// actions are what an Apply did, such as "start a, adopt b".
func actions(r hal0.ApplyResult) string {
	words := make([]string, len(r))
	for i, s := range r {
		words[i] = string(s.Action) + " " + s.Slot
	}
	return strings.Join(words, ", ")
}

func ids(t *testing.T, rt runtime.Runtime) map[string]string {
	t.Helper()
	list, err := rt.List(t.Context(), nil)
	require.NoError(t, err)
	byName := map[string]string{}
	for _, c := range list {
		byName[c.Labels[runtime.LabelSlot]] = c.ID
	}
	return byName
}

func TestApply(t *testing.T) {
	b := newDiskBox(t, ready)
	for i, name := range []string{"a", "b", "c"} {
		b.slot(name, 8120+i)
	}
	first, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "start a, start b, start c", actions(first))
	for _, r := range first {
		assert.Equal(t, hal0.StateReady, r.Status.State, r.Slot)
	}
	before := ids(t, b.rt)

	second, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "adopt a, adopt b, adopt c", actions(second))
	assert.False(t, second.Changed())
	assert.Equal(t, before, ids(t, b.rt))

	b.slot("a", 8120, "mtp = false\n") // another text, the same plan
	b.slot("b", 8121, "enabled = false\n")
	b.slot("c", 8122, "chat_template = \"x\"\n")
	b.slot("d", 8123)
	diff, err := b.open().Diff(t.Context())
	require.NoError(t, err)
	assert.True(t, diff.Changes())
	assert.Equal(t, `adopt   a: its container runs the plan
stop    b: its file says enabled = false
replace c: its container runs another plan
        command --chat-template-file: none, planned /mnt/ai-models/chat-templates/x.jinja
start   d: it has no container
`, diff.String())
	assert.Equal(t, before, ids(t, b.rt), "a diff does nothing")

	third, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "adopt a, stop b, replace c, start d", actions(third))
	after := ids(t, b.rt)
	assert.Len(t, after, 3)
	assert.Equal(t, before["a"], after["a"])
	assert.NotEqual(t, before["c"], after["c"])

	for _, name := range []string{"a", "b", "c", "d"} {
		b.remove(name)
	}
	last, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "stop a, stop c, stop d", actions(last))
	assert.Equal(t, hal0.Status{Slot: "a", State: hal0.StateOffline}, last[0].Status)
	assert.Empty(t, ids(t, b.rt))
	again, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	assert.Empty(t, again)
}

// What is about to be done is told before anything is, and not to those who only
// bring a slot up.
func TestApplyTellsItsDiff(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8110)
	var told []string
	tell := hal0.OnDiff(func(d hal0.Diff) {
		assert.Empty(t, ids(t, b.rt))
		told = append(told, d.String())
	})
	got, err := b.open().Apply(t.Context(), tell)
	require.NoError(t, err)
	assert.Equal(t, []string{"start   a: it has no container\n"}, told)
	assert.Equal(t, "start a", actions(got))
	_, err = b.open().Up(t.Context(), "a", tell)
	require.NoError(t, err)
	assert.Len(t, told, 1)
	b.rt.FailNext(runtimetest.OpList, errors.New("gone fishing"))
	_, err = b.open().Apply(t.Context(), tell)
	require.Error(t, err)
	assert.Len(t, told, 1, "nobody knows what there is to do")
}

// What slots that come up side by side tell, they tell one at a time: the race
// detector sees if two functions that share something are called at once.
func TestApplyReportsOneAtATime(t *testing.T) {
	b := newDiskBox(t, ready)
	var report []string
	b.rt.AddRemote("localhost/far:v1", runtimetest.Remote{Program: ready})
	for i, name := range []string{"a", "b", "c", "d"} {
		b.slot(name, 8111+i, "image = \"localhost/far:v1\"\n")
	}
	_, err := b.open().Apply(t.Context(), hal0.Parallel(4),
		hal0.OnProgress(func(e hal0.Event) { report = append(report, e.Message) }),
		hal0.OnPull(func(s runtime.PullStep) { report = append(report, s.Message) }))
	require.NoError(t, err)
	assert.NotEmpty(t, report)
}

// One slot that fails, and one whose file has a problem, keep no other from
// coming up; what runs of a slot without a plan goes on.
func TestApplyGoesOnPastErrors(t *testing.T) {
	b := newDiskBox(t, ready)
	for i, name := range []string{"bad", "crash", "good"} {
		b.slot(name, 8124+i)
	}
	_, err := b.open().Up(t.Context(), "bad")
	require.NoError(t, err)
	before := ids(t, b.rt)
	b.write("etc/hal0/slots/bad.toml", "port = 80\n")
	b.rt.SetProgram("hal0-slot-crash", crashes)

	got, err := b.open().Apply(t.Context())
	assert.Equal(t, "leave bad, start crash, start good", actions(got))
	require.ErrorIs(t, err, hal0.ErrValue)
	require.ErrorIs(t, err, hal0.ErrNotReady)
	require.ErrorContains(t, err, "slot bad: ")
	require.ErrorIs(t, got[0].Err, hal0.ErrValue)
	require.ErrorContains(t, got[1].Err, "slot crash: the server exited with code 3 while starting")
	require.NoError(t, got[2].Err)
	after := ids(t, b.rt)
	assert.Equal(t, before["bad"], after["bad"])
	assert.NotEmpty(t, after["good"])

	text, err := json.Marshal(got)
	require.NoError(t, err)
	var list []map[string]any
	require.NoError(t, json.Unmarshal(text, &list))
	assert.Equal(t, "leave", list[0]["action"])
	assert.Contains(t, list[1]["error"], "exited with code 3")
	assert.NotContains(t, list[2], "error")
	assert.Equal(t, "ready", list[2]["status"].(map[string]any)["state"])
}

// A slot that takes another's port waits until that is free: here two of them
// change places.
func TestApplyMovesPorts(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8127)
	b.slot("b", 8128)
	_, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	b.slot("a", 8128)
	b.slot("b", 8127)
	got, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "replace a, replace b", actions(got))
	assert.Contains(t, got[0].Differences, slot.Difference{Field: "publish", Running: "127.0.0.1:8127:8127", Planned: "127.0.0.1:8128:8128"})
	for _, r := range got {
		assert.Equal(t, hal0.StateReady, r.Status.State)
	}
}

func TestApplyReplacesAMovedImage(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8129)
	_, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	b.rt.AddImage(fakeImage, ready)
	diff, err := b.open().Diff(t.Context())
	require.NoError(t, err)
	require.Len(t, diff, 1)
	assert.Equal(t, slot.Replace, diff[0].Action)
	assert.Equal(t, "image_id", diff[0].Differences[0].Field)
	diff, err = b.open().Diff(t.Context(), hal0.VerifyImage(hal0.VerifyOff))
	require.NoError(t, err)
	assert.False(t, diff.Changes(), "who does not look at images does not replace")
}

func TestApplyRefusesWithoutSlotFiles(t *testing.T) {
	b := newDiskBox(t, ready)
	none, err := b.open().Apply(t.Context())
	require.NoError(t, err, "a box on which nothing runs needs no files")
	assert.Empty(t, none)
	b.slot("a", 8130)
	box := b.open()
	_, err = box.Apply(t.Context())
	require.NoError(t, err)
	elsewhere, err := hal0.Open(hal0.HomeAt(t.TempDir()), hal0.WithRuntime(b.rt))
	require.NoError(t, err)
	_, err = elsewhere.Apply(t.Context())
	require.ErrorContains(t, err, "etc/hal0/slots is not there, and slots run")
	assert.Len(t, ids(t, b.rt), 1)

	b.rt.FailNext(runtimetest.OpList, errors.New("gone fishing"))
	_, err = box.Apply(t.Context())
	require.ErrorContains(t, err, "gone fishing")
	bare, err := hal0.Open(hal0.HomeAt(b.home))
	require.NoError(t, err)
	_, err = bare.Apply(t.Context())
	require.ErrorIs(t, err, hal0.ErrNoRuntime)
	_, err = bare.Diff(t.Context())
	require.ErrorIs(t, err, hal0.ErrNoRuntime)
}

// No more slots come up at a time than are allowed, and as many as are: none is
// started before two others are about to be.
func TestApplyIsBounded(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	full := make(chan struct{})
	b := newDiskBox(t, ready)
	for i := range 6 {
		b.slot(fmt.Sprintf("s%d", i), 8131+i)
	}
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op != runtimetest.OpStart {
			return do()
		}
		mu.Lock()
		now++
		most = max(most, now)
		if most == 3 && now == 3 {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full
		err := do()
		mu.Lock()
		now--
		mu.Unlock()
		return err
	})
	got, err := b.open().Apply(t.Context(), hal0.Parallel(3))
	require.NoError(t, err)
	assert.Len(t, got, 6)
	assert.Equal(t, 3, most)
}

// Several at once, each with its own box as another program would have: who comes
// second adopts.
func TestAppliesAtOnce(t *testing.T) {
	b := newDiskBox(t, ready)
	for i := range 4 {
		b.slot(fmt.Sprintf("s%d", i), 8137+i)
	}
	var all sync.WaitGroup
	for range 5 {
		box := b.open()
		all.Go(func() {
			got, err := box.Apply(t.Context())
			if !assert.NoError(t, err) { //nolint:testifylint // not the test's goroutine
				return
			}
			for _, r := range got {
				assert.Equal(t, hal0.StateReady, r.Status.State)
			}
		})
	}
	all.Wait()
	starts := 0
	for _, c := range b.rt.Calls() {
		if c.Op == runtimetest.OpStart {
			starts++
		}
	}
	assert.Equal(t, 4, starts, "one start for each slot")
}
