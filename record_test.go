package hal0_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/file"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

func TestRecord(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("one", freeSlotPorts(t)[0])
	at := time.Date(2026, 5, 1, 12, 0, 0, 250_000_000, time.UTC)
	box := b.open(hal0.WithClock(func() time.Time { return at }))
	_, err := box.Record("one")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = box.Record("../one")
	require.ErrorIs(t, err, hal0.ErrNoSlot)

	up, err := box.Up(t.Context(), "one")
	require.NoError(t, err)
	got, err := box.Record("one")
	require.NoError(t, err)
	plan, err := box.Resolve("one")
	require.NoError(t, err)
	assert.Equal(t, hal0.Record{
		Slot: "one", State: hal0.StateReady, Model: plan.Model, Port: plan.Spec.Publish[0].HostPort, Updated: at,
		Message: "ready on " + plan.Spec.Publish[0].String(),
		Launch:  hal0.Launch{Container: up.Container.ID, Plan: plan.Hash, Spec: &plan.Spec},
	}, got)
	text, err := os.ReadFile(box.Home().Record("one"))
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(b.home, "var-lib/hal0/slots/one/state.json"), box.Home().Record("one"))
	assert.Contains(t, string(text), `"updated_at": 1777636800.25,`)

	_, err = b.rt.Start(t.Context(), plan.Spec, runtime.StartOptions{})
	require.NoError(t, err)
	again, err := box.Up(t.Context(), "one")
	require.NoError(t, err)
	got, err = box.Record("one")
	require.NoError(t, err)
	assert.Equal(t, again.Container.ID, got.Launch.Container, "what is adopted is written down")
	assert.Equal(t, "adopted", got.Message)

	require.NoError(t, box.Down(t.Context(), "one"))
	got, err = box.Record("one")
	require.NoError(t, err)
	assert.Equal(t, hal0.Record{Slot: "one", State: hal0.StateOffline, Model: plan.Model, Port: got.Port, Updated: at, Message: "its container is gone"}, got)
}

func TestParseRecord(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want hal0.Record
		err  string
	}{
		"another program's": {
			`{"name":"a","state":"warming","model_id":null,"port":8081,"updated_at":1777636800.5,"message":"a\nb","extra":{"pid":7}}`,
			hal0.Record{Slot: "a", State: hal0.StateWarming, Port: 8081, Updated: time.Date(2026, 5, 1, 12, 0, 0, 500_000_000, time.UTC), Message: "a\nb"}, "",
		},
		"whole seconds":  {`{"name":"a","state":"ready","model_id":"m","updated_at":1}`, hal0.Record{Slot: "a", State: hal0.StateReady, Model: "m", Updated: time.Unix(1, 0).UTC()}, ""},
		"no state":       {`{"name":"a"}`, hal0.Record{}, "state.json:1:1: state: is required"},
		"no such state":  {`{"name":"a","state":"asleep"}`, hal0.Record{}, `state.json:1:13: state: state "asleep": want one of offline, pulling, starting, warming, ready, serving, idle, unloading, error`},
		"a port too far": {`{"name":"a","state":"ready","port":70000}`, hal0.Record{}, "state.json:1:29: port: must be at most 65535, got 70000"},
		"half of it":     {`{"name":"a",`, hal0.Record{}, "state.json:1:13: ends too early: a value or a closing brace is missing"},
		"another extra":  {`{"name":"a","state":"ready","extra":{"spec":"x"}}`, hal0.Record{}, "state.json:1:29: extra: does not say what the container was started from: want container and plan as strings and spec as an object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := hal0.ParseRecord("state.json", []byte(tc.text))
			assert.Equal(t, tc.want, got)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.err)
		})
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"name":"a","state":"ready","model_id":"m","port":8081,"updated_at":1777636800.25,"message":"x","extra":{"plan":"p","spec":{"name":"n","publish":[{"host_ip":"127.0.0.1"}]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := hal0.ParseRecord("f", text)
		if err != nil {
			assert.Equal(t, hal0.Record{}, r)
			return
		}
		again, err := r.Encode()
		require.NoError(t, err)
		same, err := hal0.ParseRecord("f", again)
		require.NoError(t, err)
		assert.Equal(t, r, same)
	})
}

// What can't be written down is told, and keeps no slot from coming up.
func TestUpWithoutAStateDirectory(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("one", freeSlotPorts(t)[0])
	b.write("var-lib/hal0/slots", "a file")
	got := &steps{t: t}
	up, err := b.open().Up(t.Context(), "one", got.option())
	require.NoError(t, err)
	assert.Equal(t, hal0.StateReady, up.State)
	require.NotEmpty(t, got.events)
	assert.True(t, got.events[0].Warning)
	assert.Contains(t, got.events[0].Message, "nothing keeps other programs from this slot, and its state is not written down: ")
	assert.Equal(t, "offline starting warming ready", got.path())
	require.NoError(t, b.open().Down(t.Context(), "one"))
}

// A record that can't be replaced is told of once.
func TestUpWithARecordThatCannotBeWritten(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("one", freeSlotPorts(t)[0])
	require.NoError(t, os.MkdirAll(filepath.Join(b.home, "var-lib/hal0/slots/one/state.json"), 0o755))
	got := &steps{t: t}
	_, err := b.open().Up(t.Context(), "one", got.option())
	require.NoError(t, err)
	warnings := 0
	for _, e := range got.events {
		if e.Warning {
			warnings++
			assert.Contains(t, e.Message, "its state is not written down: ")
		}
	}
	assert.Equal(t, 1, warnings)
}

// A box in memory writes nothing.
func TestNoRecordsInMemory(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("one", freeSlotPorts(t)[0])
	box, err := hal0.Open(hal0.HomeAt(b.home), hal0.WithFiles(os.DirFS("/")), hal0.WithRuntime(b.rt), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	_, err = box.Up(t.Context(), "one")
	require.NoError(t, err)
	assert.NoDirExists(t, filepath.Join(b.home, "var-lib"))
}

// Another program that holds the slot is waited for until the context ends.
func TestUpWaitsForOtherPrograms(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("one", freeSlotPorts(t)[0])
	box := b.open()
	dir := filepath.Dir(box.Home().Record("one"))
	require.NoError(t, file.MakeDir(dir))
	other, err := file.Lock(t.Context(), dir)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := box.Up(ctx, "one")
		ended <- err
	}()
	cancel()
	err = <-ended
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, ids(t, b.rt))
	other.Unlock()
	_, err = box.Up(t.Context(), "one")
	require.NoError(t, err)
}

// A slot that could not be started says why, until it is taken down.
func TestStatusRemembersWhyASlotIsNotUp(t *testing.T) {
	b := newDiskBox(t, crashes)
	b.slot("one", freeSlotPorts(t)[0])
	_, err := b.open().Up(t.Context(), "one")
	require.Error(t, err)
	s, err := b.open().Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateError, s.State)
	assert.Equal(t, "it is not up: slot one: the server exited with code 3 while starting; its last lines were:\n  out of luck", s.Reason)
	require.NoError(t, b.open().Down(t.Context(), "one"))
	s, err = b.open().Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.Status{Slot: "one", State: hal0.StateOffline}, s)
}

// What a status tells of a crashed slot, of one that runs another plan, and of
// one that works or has nothing to work with.
func TestStatusTellsMore(t *testing.T) {
	b := newDiskBox(t, ready)
	port := freeSlotPorts(t)[0]
	b.slot("one", port)
	_, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	status := func() hal0.Status {
		s, err := b.open().Status(t.Context(), "one")
		require.NoError(t, err)
		return s
	}
	assert.Empty(t, status().Drift)

	b.slot("one", port, "chat_template = \"x\"\n[server]\nenv = { A = \"1\" }\n")
	s := status()
	assert.False(t, s.Current)
	require.Len(t, s.Drift, 2, "%v", s.Drift)
	assert.Equal(t, "command --chat-template-file", s.Drift[0].Field)
	assert.Equal(t, "env A: none, planned 1", s.Drift[1].String(), "which no runtime tells of")
	require.NoError(t, os.Remove(b.open().Home().Record("one")))
	require.Len(t, status().Drift, 1, "without a record, what the runtime tells")

	require.NoError(t, b.rt.Exit("hal0-slot-one", 137))
	s = status()
	assert.Equal(t, hal0.StateError, s.State)
	assert.Equal(t, &hal0.Exit{Code: 137, Signal: "SIGKILL", OOM: hal0.OOMPossible}, s.Exit)
	assert.Equal(t, "the server exited with code 137 (SIGKILL, possibly for lack of memory)", s.Reason)

	for name, tc := range map[string]struct {
		pattern, body string
		want          hal0.State
	}{
		"works":          {"GET /slots", `[{"id":0,"is_processing":false},{"id":1,"is_processing":true}]`, hal0.StateServing},
		"does not work":  {"GET /slots", `[{"id":0,"is_processing":false}]`, hal0.StateReady},
		"lists no model": {"GET /v1/models", `{"data":[]}`, hal0.StateIdle},
		"lists nothing":  {"GET /v1/models", `{}`, hal0.StateReady},
	} {
		b.rt.SetProgram("hal0-slot-one", runtimetest.Program{Handler: answering(tc.pattern, tc.body)})
		plan, err := b.open().Resolve("one")
		require.NoError(t, err)
		_, err = b.rt.Start(t.Context(), plan.Spec, runtime.StartOptions{})
		require.NoError(t, err)
		assert.Equal(t, tc.want, status().State, name)
	}
}

// A slot that is not up has no output, and one that there is not neither; what runs
// without a file has.
func TestLogsOfWhatIsNotUp(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("one", freeSlotPorts(t)[0])
	said := func(name string) (err error) {
		for _, err = range b.open().Logs(t.Context(), name, runtime.LogOptions{}) {
			continue
		}
		return err
	}
	err := said("one")
	require.ErrorIs(t, err, runtime.ErrNotFound)
	require.EqualError(t, err, "slot one is not up, and has no output: no such container")
	err = said("two")
	require.ErrorIs(t, err, hal0.ErrNoSlot)
	require.EqualError(t, err, `no such slot: "two": `+b.home+"/etc/hal0/slots/two.toml is not there")

	_, err = b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	b.remove("one")
	require.NoError(t, said("one"))
}

// While a program fetches the image of a slot or makes its container, others see
// that; what a program that is gone has left is an old story.
func TestStatusTellsWhatOthersDo(t *testing.T) {
	b := newDiskBox(t, ready)
	b.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \"localhost/far:v1\"\ndevice_class = \"cpu\"\n")
	b.rt.AddRemote("localhost/far:v1", runtimetest.Remote{Program: ready})
	b.slot("one", freeSlotPorts(t)[0])
	pulling, goOn := make(chan struct{}), make(chan struct{})
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpPull {
			close(pulling)
			<-goOn
		}
		return do()
	})
	ended := make(chan error, 1)
	go func() {
		_, err := b.open().Up(context.WithoutCancel(t.Context()), "one")
		ended <- err
	}()
	<-pulling
	want := hal0.Status{Slot: "one", State: hal0.StatePulling, Reason: "pulling localhost/far:v1"}
	s, err := b.open().Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, want, s)
	o := observe(t, b.open())
	assert.Equal(t, []hal0.Status{want}, o.step())

	left, err := os.ReadFile(b.open().Home().Record("one"))
	require.NoError(t, err)
	close(goOn)
	require.NoError(t, <-ended)
	o.until("one", is(hal0.StateReady))
	require.NoError(t, b.open().Down(t.Context(), "one"))
	require.NoError(t, os.WriteFile(b.open().Home().Record("one"), left, 0o600))
	s, err = b.open().Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.Status{Slot: "one", State: hal0.StateOffline}, s, "nobody fetches it")
}
