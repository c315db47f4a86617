package hal0_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/modelserver"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// diskBox is a box on disk whose containers are in memory.
type diskBox struct {
	t    testing.TB
	home string
	rt   *runtimetest.Fake
}

// newDiskBox returns a box without slots, whose image runs p.
func newDiskBox(t testing.TB, p runtimetest.Program) *diskBox {
	t.Helper()
	b := &diskBox{t, t.TempDir(), runtimetest.NewFake()}
	b.rt.AddImage(fakeImage, p)
	b.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \""+fakeImage+"\"\ndevice_class = \"cpu\"\n")
	t.Cleanup(func() { assert.NoError(t, b.rt.Close()) })
	return b
}

func (b *diskBox) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.home, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(b.t, os.WriteFile(path, []byte(text), 0o644))
}

// slot writes a slot file; more is appended to it.
func (b *diskBox) slot(name string, port int, more ...string) {
	b.t.Helper()
	b.write("etc/hal0/slots/"+name+".toml", fmt.Sprintf("port = %d\ndevice = \"cpu\"\nprofile = \"p\"\n%s[model]\ndefault = \"/m/%s.gguf\"\ncontext_size = 512\n",
		port, strings.Join(more, ""), name))
}

func (b *diskBox) remove(name string) {
	b.t.Helper()
	require.NoError(b.t, os.Remove(filepath.Join(b.home, "etc/hal0/slots/"+name+".toml")))
}

// open opens the box as its files are now.
func (b *diskBox) open(opts ...hal0.Option) *hal0.Box {
	b.t.Helper()
	box, err := hal0.Open(hal0.HomeAt(b.home), append([]hal0.Option{hal0.WithRuntime(b.rt), hal0.WithHost(device.Host{})}, opts...)...)
	require.NoError(b.t, err)
	return box
}

// answering returns a server that gives one answer to GET /v1/models, and is
// ready otherwise.
func answering(pattern, body string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", modelserver.Handler())
	mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { modelserver.Answer(w, http.StatusOK, body) })
	return mux
}

var (
	ready   = runtimetest.Program{Handler: runtimetest.ModelServer()}
	idle    = runtimetest.Program{Handler: answering("GET /v1/models", `{"object":"list","data":[]}`)}
	crashes = runtimetest.Program{Ends: true, ExitCode: 3, Stderr: "out of luck\n"}
	mute    = runtimetest.Program{}
)

// steps collects events and checks that each is a step of the table, or news
// within a state, and follows on the one before.
type steps struct {
	t      testing.TB
	events []hal0.Event
	on     func(hal0.Event)
}

func (s *steps) option() hal0.CallOption {
	return hal0.OnProgress(func(e hal0.Event) {
		if n := len(s.events); n > 0 {
			assert.Equal(s.t, s.events[n-1].State, e.From, "%v follows on %v", e, s.events[n-1])
		}
		assert.True(s.t, e.From == e.State || e.From.CanBecome(e.State), "%v", e)
		s.events = append(s.events, e)
		if s.on != nil {
			s.on(e)
		}
	})
}

// path returns the states in order, the first one included: "offline starting".
func (s *steps) path() string {
	var states []string
	for i, e := range s.events {
		if i == 0 {
			states = append(states, string(e.From))
		}
		if e.State != e.From {
			states = append(states, string(e.State))
		}
	}
	return strings.Join(states, " ")
}

// Every way in which Up ends, with the states on the way and what is written
// down.
func TestUpTakesLegalSteps(t *testing.T) {
	type test struct {
		*diskBox
		box *hal0.Box
		on  func(hal0.Event)
		ctx context.Context
	}
	up := func(t *test) {
		_, err := t.box.Up(t.t.Context(), "one")
		require.NoError(t.t, err)
	}
	hanging := func(t *test) { // what runs the plan does not answer; what is started next does
		t.rt.SetProgram("hal0-slot-one", mute)
		plan, err := t.box.Resolve("one")
		require.NoError(t.t, err)
		_, err = t.rt.Start(t.t.Context(), plan.Spec, runtime.StartOptions{})
		require.NoError(t.t, err)
		t.rt.SetProgram("hal0-slot-one", ready)
	}
	far := func(t *test) { // the image is not in the store
		t.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \"localhost/far:v1\"\ndevice_class = \"cpu\"\n")
	}
	port := freeSlotPorts(t)[0]
	for name, tc := range map[string]struct {
		program runtimetest.Program
		before  func(*test)
		opts    []hal0.CallOption
		path    string
		record  hal0.State
		err     error
		warns   string // the last warning
	}{
		"from nothing":          {program: ready, path: "offline starting warming ready", record: "ready"},
		"without a model":       {program: idle, path: "offline starting warming idle", record: "idle"},
		"it crashes":            {program: crashes, path: "offline starting warming error", record: "error", err: hal0.ErrNotReady},
		"a time that is none":   {program: ready, opts: []hal0.CallOption{hal0.ReadyWithin(-time.Second)}, path: "offline starting warming ready", record: "ready"},
		"it never answers":      {program: mute, opts: []hal0.CallOption{hal0.ReadyWithin(time.Millisecond)}, path: "offline starting warming error", record: "error", err: hal0.ErrNotReady},
		"it can't be started":   {program: runtimetest.Program{StartError: runtime.ErrCommand}, path: "offline starting error", record: "error", err: runtime.ErrCommand},
		"adopted":               {program: ready, before: up, path: "ready", record: "ready"},
		"adopted without model": {program: idle, before: up, path: "idle", record: "idle"},
		"replaced": {program: ready, before: func(t *test) {
			up(t)
			t.slot("one", port, "mtp = false\nchat_template = \"x\"\n")
			t.box = t.open()
		}, path: "ready unloading offline starting warming ready", record: "ready"},
		"replaced, and the new one can't be started": {program: ready, before: func(t *test) {
			up(t)
			t.slot("one", port, "chat_template = \"x\"\n")
			t.box = t.open()
			t.rt.FailNext(runtimetest.OpStart, errors.New("no"))
		}, path: "ready unloading error", record: "error", err: errors.New("no")},
		"another image": {program: ready, before: func(t *test) {
			up(t)
			t.rt.AddImage(fakeImage, ready)
		}, path: "ready unloading offline starting warming ready", record: "ready"},
		"idle, and another image": {program: idle, before: func(t *test) {
			up(t)
			t.rt.AddImage(fakeImage, ready)
		}, path: "idle unloading offline starting warming ready", record: "ready"},
		"not answering, and another image": {program: ready, before: func(t *test) {
			hanging(t)
			t.rt.AddImage(fakeImage, ready)
		}, path: "warming offline starting warming ready", record: "ready"},
		"adopted, and never answers": {program: ready, before: func(t *test) {
			hanging(t)
		}, opts: []hal0.CallOption{hal0.ReadyWithin(time.Second)}, path: "warming error starting warming ready", record: "ready"},
		"after a crash": {program: ready, before: func(t *test) {
			up(t)
			require.NoError(t.t, t.rt.Exit("hal0-slot-one", 137))
		}, path: "error starting warming ready", record: "ready"},
		"pulled": {before: func(t *test) {
			far(t)
			t.rt.AddRemote("localhost/far:v1", runtimetest.Remote{Program: ready})
			t.box = t.open()
		}, path: "offline pulling starting warming ready", record: "ready"},
		"pulled while another plan runs": {program: ready, before: func(t *test) {
			up(t)
			far(t)
			t.rt.AddRemote("localhost/far:v1", runtimetest.Remote{Program: ready})
			t.box = t.open()
		}, path: "ready unloading offline starting warming ready", record: "ready"},
		"no such image": {before: func(t *test) {
			far(t)
			t.box = t.open()
		}, path: "offline pulling error", record: "error", err: runtime.ErrPull},
		"no such image, while another plan runs": {program: ready, before: func(t *test) {
			up(t)
			far(t)
			t.box = t.open()
		}, path: "ready", record: "ready", err: runtime.ErrPull, warns: "pull localhost/far:v1: pull failed: no registry has localhost/far:v1; what ran goes on"},
		"no image, and none may be pulled": {before: func(t *test) {
			far(t)
			t.box = t.open()
		}, opts: []hal0.CallOption{hal0.PullImage(hal0.PullNever)}, path: "offline starting error", record: "error", err: hal0.ErrImage},
		"cancelled while pulling": {before: func(t *test) {
			far(t)
			ctx, cancel := context.WithCancel(t.t.Context())
			t.ctx = ctx
			t.rt.AddRemote("localhost/far:v1", runtimetest.Remote{Transfer: func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() }})
			t.box = t.open()
		}, path: "offline pulling offline", record: "offline", err: context.Canceled},
		"cancelled while warming": {program: mute, before: func(t *test) {
			ctx, cancel := context.WithCancel(t.t.Context())
			t.ctx = ctx
			t.on = func(e hal0.Event) {
				if e.State == hal0.StateWarming {
					cancel()
				}
			}
		}, path: "offline starting warming offline", record: "offline", err: context.Canceled},
		"taken down while warming": {program: mute, before: func(t *test) {
			done := make(chan error, 1)
			t.on = func(e hal0.Event) {
				if e.State == hal0.StateWarming {
					go func() { done <- t.box.Down(context.WithoutCancel(t.t.Context()), "one") }()
				}
			}
			t.t.Cleanup(func() { assert.NoError(t.t, <-done) })
		}, path: "offline starting warming offline", record: "offline", err: hal0.ErrStopped},
		"a foreign container": {before: func(t *test) {
			t.rt.AddContainer(runtime.Container{Name: "hal0-slot-one", State: runtime.StateRunning})
		}, path: "", err: runtime.ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDiskBox(t, tc.program)
			b.slot("one", port)
			test := &test{diskBox: b, box: b.open(), ctx: t.Context()}
			if tc.before != nil {
				tc.before(test)
			}
			got := &steps{t: t, on: test.on}
			_, err := test.box.Up(test.ctx, "one", append(tc.opts, got.option())...)
			switch {
			case tc.err == nil:
				require.NoError(t, err)
			case tc.err.Error() == "no":
				require.ErrorContains(t, err, "no")
			default:
				require.ErrorIs(t, err, tc.err)
			}
			assert.Equal(t, tc.path, got.path(), "%v", got.events)
			warns := ""
			for _, e := range got.events {
				if e.Warning && !strings.HasPrefix(e.Message, "no digest is pinned") {
					warns = e.Message
				}
			}
			assert.Equal(t, tc.warns, warns)
			r, err := b.open().Record("one")
			if tc.record == "" {
				require.ErrorIs(t, err, os.ErrNotExist)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.record, r.State)
		})
	}
}

// Every way in which Down ends.
func TestDownTakesLegalSteps(t *testing.T) {
	port := freeSlotPorts(t)[0]
	for name, tc := range map[string]struct {
		program runtimetest.Program
		before  func(*diskBox)
		path    string
		record  hal0.State // "" is none
		err     string
	}{
		"what runs":    {program: ready, path: "ready unloading offline", record: "offline"},
		"what is idle": {program: idle, path: "ready unloading offline", record: "offline"},
		"what crashed": {program: ready, before: func(b *diskBox) {
			require.NoError(b.t, b.rt.Exit("hal0-slot-one", 1))
		}, path: "error offline", record: "offline"},
		"what was never started": {program: ready, before: func(b *diskBox) {
			c, err := b.rt.Inspect(b.t.Context(), "hal0-slot-one")
			require.NoError(b.t, err)
			c.State = runtime.StateCreated
			b.rt.AddContainer(c)
		}, path: "starting offline", record: "offline"},
		"what is down": {program: ready, before: func(b *diskBox) {
			require.NoError(b.t, b.rt.Stop(b.t.Context(), "hal0-slot-one", 0))
		}, path: "", record: "offline"},
		"what has no file": {program: ready, before: func(b *diskBox) { b.remove("one") }, path: "ready unloading offline"},
		"it can't be stopped": {program: ready, before: func(b *diskBox) {
			b.rt.FailNext(runtimetest.OpStop, errors.New("busy"))
		}, path: "ready unloading error", record: "error", err: "stop hal0-slot-one: busy"},
		"what is foreign": {program: ready, before: func(b *diskBox) {
			b.rt.AddContainer(runtime.Container{Name: "hal0-slot-one", State: runtime.StateRunning})
		}, path: "", record: "ready", err: "container is not managed by hal0"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDiskBox(t, tc.program)
			b.slot("one", port)
			_, err := b.open().Up(t.Context(), "one")
			require.NoError(t, err)
			if tc.before != nil {
				tc.before(b)
			}
			got := &steps{t: t}
			err = b.open().Down(t.Context(), "one", got.option())
			if tc.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.err)
			}
			assert.Equal(t, tc.path, got.path(), "%v", got.events)
			r, err := b.open().Record("one")
			if tc.record == "" {
				require.ErrorIs(t, err, os.ErrNotExist)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.record, r.State)
		})
	}
}
