package hal0_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// fakeImage is what the slots of a fakeBox run.
const fakeImage = "localhost/server:v1"

// fakeBox is a box of slots "one" and "two" on a Runtime that can be made to fail.
// Its image serves.
type fakeBox struct {
	*hal0.Box
	rt *runtimetest.Fake
}

func newFakeBox(t *testing.T, slots int) *fakeBox {
	t.Helper()
	rt := runtimetest.NewFake()
	t.Cleanup(func() { assert.NoError(t, rt.Close()) })
	rt.AddImage(fakeImage, runtimetest.Program{Stdout: "serving\n", Handler: runtimetest.ModelServer()})
	files := fstest.MapFS{"etc/hal0/profiles.toml": {Data: []byte("[profile.p]\nimage = \"" + fakeImage + "\"\ndevice_class = \"cpu\"\n")}}
	ports := freeSlotPorts(t)
	for i, name := range []string{"one", "two"}[:slots] {
		files["etc/hal0/slots/"+name+".toml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "port = %d\ndevice = \"cpu\"\nprofile = \"p\"\n[model]\ndefault = \"/srv/m.gguf\"\n", ports[i])}
	}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}), hal0.WithRuntime(rt))
	require.NoError(t, err)
	require.Empty(t, box.Problems())
	return &fakeBox{rt: rt, Box: box}
}

// freeSlotPorts returns two ports that slots may have and nobody listens on.
func freeSlotPorts(t *testing.T) (free []int) {
	t.Helper()
	for port := 8200; port > 8081 && len(free) < 2; port-- {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			require.NoError(t, l.Close())
			free = append(free, port)
		}
	}
	require.Len(t, free, 2, "every port of slots is taken")
	return free
}

// did returns how often a method was called for a container.
func (b *fakeBox) did(op runtimetest.Op, name string) (n int) {
	for _, c := range b.rt.Calls() {
		if c == (runtimetest.Call{Op: op, Name: name}) {
			n++
		}
	}
	return n
}

// Whichever request the service does not answer, Up says so, leaves nothing, and
// works the next time.
func TestUpOfAServiceThatFails(t *testing.T) {
	b := newFakeBox(t, 1)
	for op, text := range map[runtimetest.Op]string{
		runtimetest.OpInspect: "inspect hal0-slot-one: container runtime is unavailable",
		runtimetest.OpImage:   "image " + fakeImage + ": container runtime is unavailable",
		runtimetest.OpStart:   "start hal0-slot-one: container runtime is unavailable",
	} {
		b.rt.FailNext(op, runtime.ErrUnavailable)
		_, err := b.Up(t.Context(), "one")
		require.ErrorIs(t, err, runtime.ErrUnavailable)
		require.EqualError(t, err, text)
		list, err := b.rt.List(t.Context(), nil)
		require.NoError(t, err)
		assert.Empty(t, list)
	}
	up, err := b.Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateReady, up.State)
}

// A service that does not answer says nothing about a slot: it is not offline.
func TestStatusOfAServiceThatFails(t *testing.T) {
	b := newFakeBox(t, 1)
	_, err := b.Up(t.Context(), "one")
	require.NoError(t, err)
	b.rt.FailNext(runtimetest.OpInspect, runtime.ErrUnavailable)
	s, err := b.Status(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrUnavailable)
	assert.Empty(t, s)
	b.rt.FailNext(runtimetest.OpList, runtime.ErrUnavailable)
	all, err := b.StatusAll(t.Context())
	require.ErrorIs(t, err, runtime.ErrUnavailable)
	assert.Empty(t, all)
	all, err = b.StatusAll(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, hal0.StateReady, all[0].State)
}

// The answer to a start is lost, and the container runs: the next Up adopts it.
func TestUpAdoptsWhatItsAnswerWasLostOf(t *testing.T) {
	b := newFakeBox(t, 1)
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		err := do()
		if c.Op == runtimetest.OpStart {
			return runtime.ErrUnavailable
		}
		return err
	})
	_, err := b.Up(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrUnavailable)
	b.rt.Intercept(nil)
	left, err := b.rt.Inspect(t.Context(), "hal0-slot-one")
	require.NoError(t, err)
	up, err := b.Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, left.ID, up.Container.ID)
	assert.Equal(t, 1, b.did(runtimetest.OpStart, "hal0-slot-one"))
}

// While a server warms up the service may be away for a while.
func TestUpOutlivesAServiceThatIsAway(t *testing.T) {
	b := newFakeBox(t, 1)
	ready := runtimetest.ModelServer()
	var away atomic.Int32
	b.rt.AddImage(fakeImage, runtimetest.Program{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		ready.ServeHTTP(w, r)
	})})
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpInspect && b.did(runtimetest.OpStart, "hal0-slot-one") == 1 {
			away.Add(1)
			return runtime.ErrUnavailable
		}
		return do()
	})
	up, err := b.Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateReady, up.State)
	assert.GreaterOrEqual(t, away.Load(), int32(3))
}

// The container was made, and its program can't be run: the old one is gone, and
// so is the new one.
func TestUpOfAnImageWithoutItsProgram(t *testing.T) {
	b := newFakeBox(t, 1)
	_, err := b.Up(t.Context(), "one")
	require.NoError(t, err)
	require.NoError(t, b.rt.Exit("hal0-slot-one", 1))
	b.rt.SetProgram("hal0-slot-one", runtimetest.Program{StartError: runtime.ErrCommand})
	_, err = b.Up(t.Context(), "one")
	require.EqualError(t, err, "start hal0-slot-one: command can't be run")
	s, err := b.Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateOffline, s.State)
}

// What failed to start can't be removed, nor its log be read: the error is the
// server's all the same, and the next Up replaces what is left.
func TestUpCannotCleanUp(t *testing.T) {
	b := newFakeBox(t, 1)
	b.rt.SetProgram("hal0-slot-one", runtimetest.Program{Stderr: "error: no such model\n", Ends: true, ExitCode: 3})
	b.rt.FailNext(runtimetest.OpLogs, runtime.ErrUnavailable)
	b.rt.FailNext(runtimetest.OpStop, errors.New("device or resource busy"))
	var last hal0.Event
	_, err := b.Up(t.Context(), "one", hal0.OnProgress(func(e hal0.Event) { last = e }))
	require.ErrorIs(t, err, hal0.ErrNotReady)
	require.EqualError(t, err, "slot one: the server exited with code 3 while starting")
	assert.Equal(t, hal0.StateError, last.State)
	assert.Equal(t, "could not remove the container: stop hal0-slot-one: device or resource busy", last.Message)
	s, err := b.Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, "the server exited with code 3", s.Reason)

	b.rt.SetProgram("hal0-slot-one", runtimetest.Program{Handler: runtimetest.ModelServer()})
	up, err := b.Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateReady, up.State)
}

func TestUpTellsOfAKill(t *testing.T) {
	b := newFakeBox(t, 1)
	b.rt.SetProgram("hal0-slot-one", runtimetest.Program{Stdout: "loading\n"})
	_, err := b.Up(t.Context(), "one", hal0.OnProgress(func(e hal0.Event) {
		if e.State == hal0.StateWarming {
			assert.NoError(t, b.rt.Exit("hal0-slot-one", 137))
		}
	}))
	require.EqualError(t, err, "slot one: the server exited with code 137 (SIGKILL, possibly for lack of memory) while starting; its last lines were:\n  loading")
}

func TestDownOfAServiceThatFails(t *testing.T) {
	b := newFakeBox(t, 1)
	_, err := b.Up(t.Context(), "one")
	require.NoError(t, err)
	b.rt.FailNext(runtimetest.OpStop, runtime.ErrUnavailable)
	require.EqualError(t, b.Down(t.Context(), "one"), "stop hal0-slot-one: container runtime is unavailable")
	s, err := b.Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateReady, s.State, "it still serves")
	require.NoError(t, b.Down(t.Context(), "one"))
	require.NoError(t, b.Down(t.Context(), "one"))
}

// A server ends between the list and the question to it.
func TestStatusOfOneThatEndsMeanwhile(t *testing.T) {
	b := newFakeBox(t, 2)
	for _, name := range b.Names() {
		_, err := b.Up(t.Context(), name)
		require.NoError(t, err)
	}
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		err := do()
		if c.Op == runtimetest.OpList {
			assert.NoError(t, b.rt.Exit("hal0-slot-two", 137))
		}
		return err
	})
	all, err := b.StatusAll(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, hal0.StateReady, all[0].State)
	assert.Equal(t, hal0.StateWarming, all[1].State)
	assert.Equal(t, "GET /health is refused: nothing listens yet", all[1].Reason)
}

// A service that hangs over one slot does not hold up another, and is left when
// ctx ends.
func TestAHangingStartHoldsUpOneSlot(t *testing.T) {
	b := newFakeBox(t, 2)
	hangs := make(chan struct{})
	b.rt.Intercept(func(ctx context.Context, c runtimetest.Call, do func() error) error {
		if c == (runtimetest.Call{Op: runtimetest.OpStart, Name: "hal0-slot-one"}) {
			close(hangs)
			<-ctx.Done()
			return ctx.Err()
		}
		return do()
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := b.Up(ctx, "one")
		result <- err
	}()
	<-hangs
	up, err := b.Up(t.Context(), "two")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateReady, up.State)
	s, err := b.Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateOffline, s.State, "its status can be asked meanwhile")
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
}

// However many load and unload one slot at once, the runtime is asked by one at
// a time, and the last word counts.
func TestTwentyCallersTakeTurns(t *testing.T) {
	b := newFakeBox(t, 1)
	var inside, together atomic.Int32
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpStart || c.Op == runtimetest.OpStop {
			if inside.Add(1) > 1 {
				together.Add(1)
			}
			defer inside.Add(-1)
		}
		return do()
	})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if i%2 == 0 {
				if _, err := b.Up(t.Context(), "one"); err != nil {
					assert.ErrorIs(t, err, hal0.ErrStopped)
				}
				return
			}
			assert.NoError(t, b.Down(t.Context(), "one"))
		})
	}
	all.Wait()
	assert.Zero(t, together.Load())
	_, err := b.Up(t.Context(), "one")
	require.NoError(t, err)
	list, err := b.rt.List(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, list, 1)
	require.NoError(t, b.Down(t.Context(), "one"))
	list, err = b.rt.List(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, list)
}

// A readiness probe of a server that accepts and never answers ends with Up's
// patience.
func TestUpOfAServerThatHangs(t *testing.T) {
	b := newFakeBox(t, 1)
	b.rt.SetProgram("hal0-slot-one", runtimetest.Program{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })})
	_, err := b.Up(t.Context(), "one", hal0.ReadyWithin(50*time.Millisecond))
	require.EqualError(t, err, "slot one: the server did not become ready: not ready within 50ms; the last probe: GET /health gets no answer")
}
