package hal0_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/internal/modelserver"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// observation is a loop over Observe, a step at a time.
type observation struct {
	t    testing.TB
	next func() ([]hal0.Status, error, bool)
	now  map[string]hal0.Status
}

func observe(t testing.TB, box *hal0.Box, opts ...hal0.CallOption) *observation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // no test takes that long
	next, stop := iter.Pull2(box.Observe(ctx, opts...))
	t.Cleanup(func() { cancel(); stop() })
	return &observation{t, next, map[string]hal0.Status{}}
}

// step returns what one step of the loop has.
func (o *observation) step() []hal0.Status {
	o.t.Helper()
	list, err, ok := o.next()
	require.True(o.t, ok, "the loop goes on")
	require.NoError(o.t, err)
	for _, s := range list {
		o.now[s.Slot] = s
	}
	return list
}

// until goes on until a slot's status is as wanted.
func (o *observation) until(slot string, wanted func(hal0.Status) bool) hal0.Status {
	o.t.Helper()
	for !wanted(o.now[slot]) {
		o.step()
	}
	return o.now[slot]
}

func is(state hal0.State) func(hal0.Status) bool {
	return func(s hal0.Status) bool { return s.State == state }
}

// failing is a model server that answers nothing but errors while it fails.
type failing struct {
	fails    atomic.Bool
	failures atomic.Int64
}

func (f *failing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.fails.Load() {
		f.failures.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	modelserver.Handler().ServeHTTP(w, r)
}

// quiet is a Runtime that tells nobody what happens.
type quiet struct{ runtime.Runtime }

func TestObserve(t *testing.T) {
	for name, watch := range map[string]bool{"told by the runtime": true, "looking": false} {
		t.Run(name, func(t *testing.T) {
			b := newDiskBox(t, ready)
			b.slot("a", 8141)
			b.slot("b", 8142)
			box := b.open()
			if !watch {
				box = b.open(hal0.WithRuntime(quiet{b.rt}))
			}
			_, err := box.Up(t.Context(), "a")
			require.NoError(t, err)

			o := observe(t, box)
			first := o.step()
			require.Len(t, first, 2, "the first step has all slots")
			assert.Equal(t, hal0.StateReady, first[0].State)
			assert.Equal(t, hal0.StateOffline, first[1].State)

			_, err = box.Up(t.Context(), "b")
			require.NoError(t, err)
			o.until("b", is(hal0.StateReady))

			require.NoError(t, b.rt.Exit("hal0-slot-a", 137))
			crashed := o.until("a", is(hal0.StateError))
			assert.Equal(t, &hal0.Exit{Code: 137, Signal: "SIGKILL", OOM: hal0.OOMPossible}, crashed.Exit)

			require.NoError(t, box.Down(t.Context(), "b"))
			o.until("b", is(hal0.StateOffline))
		})
	}
}

// A server that ends because its slot is taken down has not crashed.
func TestObserveSeesThatAServerWasToldToEnd(t *testing.T) {
	for name, leave := range map[string]func(context.Context, *hal0.Box) error{
		"taken down": func(ctx context.Context, box *hal0.Box) error { return box.Down(ctx, "a") },
		"replaced": func(ctx context.Context, box *hal0.Box) error {
			_, err := box.Up(ctx, "a")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDiskBox(t, ready)
			b.slot("a", 8151)
			_, err := b.open().Up(t.Context(), "a")
			require.NoError(t, err)
			o := observe(t, b.open(), hal0.RestartCrashed(hal0.RestartPolicy{}))
			o.step()
			b.slot("a", 8151, "chat_template = \"x\"\n")
			seen, ended := make(chan struct{}), make(chan error)
			b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
				if c.Op == runtimetest.OpStop || c.Op == runtimetest.OpStart {
					require.NoError(t, b.rt.Exit("hal0-slot-a", 0))
					<-seen
				}
				return do()
			})
			go func() { ended <- leave(t.Context(), b.open()) }()
			s := o.until("a", func(s hal0.Status) bool { return s.State != hal0.StateReady })
			assert.Equal(t, hal0.StateUnloading, s.State)
			assert.Equal(t, "the server was told to end, and exited with code 0", s.Reason)
			assert.Nil(t, s.Restart)
			close(seen)
			require.NoError(t, <-ended)
		})
	}
}

// A server may stop answering long before it ends: one that was told to end is no
// crash then either, and is not brought up again.
func TestObserveSeesThatAServerIsToldToEnd(t *testing.T) {
	f := &failing{}
	b := newDiskBox(t, runtimetest.Program{Handler: f})
	b.slot("a", 8154)
	box := b.open(hal0.WithSleep(func(context.Context, time.Duration) error { return nil }))
	_, err := box.Up(t.Context(), "a")
	require.NoError(t, err)
	o := observe(t, box, hal0.RestartCrashed(hal0.RestartPolicy{}))
	o.step()
	seen, ended := make(chan struct{}), make(chan error)
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpStop {
			f.fails.Store(true)
			<-seen
		}
		return do()
	})
	go func() { ended <- b.open().Down(t.Context(), "a") }()
	s := o.until("a", func(s hal0.Status) bool { return s.State != hal0.StateReady })
	assert.Equal(t, hal0.StateUnloading, s.State)
	assert.Equal(t, "the server is told to end", s.Reason)
	assert.Nil(t, s.Restart)
	close(seen)
	require.NoError(t, <-ended)
	o.until("a", is(hal0.StateOffline))
}

// What crashed and is being taken down is not as it crashed: a restart would bring
// it up again as soon as it is gone.
func TestNothingIsRestartedThatIsToldToEnd(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8155)
	box := b.open()
	up, err := box.Up(t.Context(), "a")
	require.NoError(t, err)
	stands := func() bool { return hal0.RestartStands(t.Context(), box, "a", up.Container) }
	assert.True(t, stands())
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpStop {
			assert.False(t, stands())
		}
		return do()
	})
	require.NoError(t, b.open().Down(t.Context(), "a"))
	assert.False(t, stands())
}

func TestObserveEnds(t *testing.T) {
	b := newDiskBox(t, ready)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	steps := 0
	for list, err := range b.open().Observe(ctx) {
		require.NoError(t, err)
		assert.Empty(t, list, "a box without slots")
		steps++
		cancel()
	}
	assert.Equal(t, 1, steps)
	for range b.open().Observe(t.Context()) {
		break
	}
	bare, err := hal0.Open(hal0.HomeAt(b.home))
	require.NoError(t, err)
	for list, err := range bare.Observe(t.Context()) {
		assert.Empty(t, list)
		require.ErrorIs(t, err, hal0.ErrNoRuntime)
	}
	b.rt.FailNext(runtimetest.OpList, errors.New("broken"))
	failures := 0
	for _, err := range b.open().Observe(t.Context()) {
		require.ErrorContains(t, err, "broken")
		failures++
	}
	assert.Equal(t, 1, failures, "the last step")
}

// A runtime that goes away and comes back: all slots come again.
func TestObserveOutlivesTheRuntime(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8143)
	box := b.open()
	_, err := box.Up(t.Context(), "a")
	require.NoError(t, err)
	o := observe(t, box)
	o.step()
	b.rt.FailNext(runtimetest.OpList, runtime.ErrUnavailable)
	b.rt.LoseEvents()
	for {
		_, err, ok := o.next()
		require.True(t, ok)
		if err != nil {
			require.ErrorIs(t, err, runtime.ErrUnavailable)
			break
		}
	}
	again := o.step()
	require.Len(t, again, 1)
	assert.Equal(t, hal0.StateReady, again[0].State)

	b.rt.LoseEvents()
	require.NoError(t, b.rt.Exit("hal0-slot-a", 1))
	o.until("a", is(hal0.StateError))
}

// What a server answers while the runtime is away is not told: nothing is known
// until it is back.
func TestObserveTellsNothingWhileTheRuntimeIsAway(t *testing.T) {
	var hold, back atomic.Bool
	answer := make(chan struct{})
	var b *diskBox
	b = newDiskBox(t, runtimetest.Program{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hold.CompareAndSwap(true, false) {
			b.rt.LoseEvents() // so that the runtime is asked too
			<-answer
		}
		modelserver.Handler().ServeHTTP(w, r)
	})})
	b.slot("a", 8164)
	box := b.open()
	_, err := box.Up(t.Context(), "a")
	require.NoError(t, err)
	o := observe(t, box)
	o.step()
	hold.Store(true)
	var failures atomic.Int64
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpList && !hold.Load() {
			if failures.Add(1) < 6 { // the later ones are half a second apart
				return runtime.ErrUnavailable
			}
			back.Store(true)
		}
		return do()
	})
	for err == nil {
		var ok bool
		_, err, ok = o.next()
		require.True(t, ok)
	}
	require.ErrorIs(t, err, runtime.ErrUnavailable)
	close(answer)
	require.Len(t, o.step(), 1)
	assert.True(t, back.Load(), "the runtime is back")
}

// A server that stops answering while its container runs is in the error state
// after two probes, not after one, and ready again when it answers.
func TestObserveCountsStrikes(t *testing.T) {
	server := &failing{}
	b := newDiskBox(t, runtimetest.Program{Handler: server})
	b.slot("a", 8144)
	box := b.open()
	_, err := box.Up(t.Context(), "a")
	require.NoError(t, err)
	o := observe(t, box)
	o.step()
	server.fails.Store(true)
	s := o.until("a", is(hal0.StateError))
	assert.GreaterOrEqual(t, server.failures.Load(), int64(2))
	assert.Equal(t, "its server no longer answers, and its container is running: GET /health answers 500 Internal Server Error", s.Reason)
	server.fails.Store(false)
	o.until("a", is(hal0.StateReady))
}

// A runtime that says that a container runs, until it is asked about that one.
func TestObserveAsksAgain(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8145)
	b.slot("b", 8150)
	box := b.open()
	_, err := box.Up(t.Context(), "b")
	require.NoError(t, err)
	up, err := box.Up(t.Context(), "a")
	require.NoError(t, err)
	lies := &liar{Fake: b.rt}
	o := observe(t, b.open(hal0.WithRuntime(lies)))
	o.step()
	dead := *up.Container
	lies.dead.Store(&dead)
	b.rt.AddContainer(dead) // no process, whatever its state
	s := o.until("a", is(hal0.StateError))
	assert.Equal(t, "podman finds none of its processes", s.Reason)

	var looks atomic.Int64
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpInspect && looks.Add(1) == 3 {
			require.NoError(t, b.rt.Exit("hal0-slot-b", 1))
		}
		return do()
	})
	for o.now["b"].State != hal0.StateError {
		for _, s := range o.step() {
			assert.Equal(t, "b", s.Slot, "nothing is new about the other: %v", s)
		}
	}
}

// liar is a Runtime whose list says "running" of a container that is dead.
type liar struct {
	*runtimetest.Fake
	dead atomic.Pointer[runtime.Container]
}

func (l *liar) Inspect(ctx context.Context, name string) (runtime.Container, error) {
	c, err := l.Fake.Inspect(ctx, name)
	if l.dead.Load() != nil {
		c.State, c.Error = runtime.StateUnknown, "podman finds none of its processes"
	}
	return c, err
}

// Nobody answers for a while: the first step does not wait for long.
func TestObserveDoesNotWaitForOne(t *testing.T) {
	release := make(chan struct{})
	b := newDiskBox(t, ready)
	b.slot("a", 8146)
	b.slot("b", 8147)
	box := b.open()
	for _, name := range []string{"a", "b"} {
		_, err := box.Up(t.Context(), name)
		require.NoError(t, err)
	}
	plan, err := box.Resolve("a")
	require.NoError(t, err)
	b.rt.SetProgram("hal0-slot-a", runtimetest.Program{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		modelserver.Handler().ServeHTTP(w, r)
	})})
	_, err = b.rt.Start(t.Context(), plan.Spec, runtime.StartOptions{})
	require.NoError(t, err)
	o := observe(t, box)
	first := o.step()
	require.Len(t, first, 2)
	assert.Equal(t, "its server has not answered yet", first[0].Reason)
	assert.Equal(t, hal0.StateReady, first[1].State)
	close(release)
	o.until("a", is(hal0.StateReady))
}

// sleeper takes the time from a test: each sleep is told, and takes none.
type sleeper struct {
	mu  sync.Mutex
	all []time.Duration
}

func (s *sleeper) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d)
	return ctx.Err()
}

func TestObserveRestarts(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8148)
	var slept sleeper
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	box := b.open(hal0.WithSleep(slept.sleep), hal0.WithClock(clock))
	_, err := box.Up(t.Context(), "a")
	require.NoError(t, err)
	o := observe(t, box, hal0.RestartCrashed(hal0.RestartPolicy{Attempts: 3}))
	o.step()

	before := o.now["a"].Container.ID
	require.NoError(t, b.rt.Exit("hal0-slot-a", 1))
	s := o.until("a", is(hal0.StateError))
	assert.Equal(t, &hal0.Restart{Attempt: 1, In: time.Second}, s.Restart)
	s = o.until("a", is(hal0.StateReady))
	assert.NotEqual(t, before, s.Container.ID)

	b.rt.SetProgram("hal0-slot-a", crashes)
	require.NoError(t, b.rt.Exit("hal0-slot-a", 1))
	s = o.until("a", func(s hal0.Status) bool { return s.Restart != nil && s.Restart.GaveUp })
	assert.Equal(t, &hal0.Restart{Attempt: 3, GaveUp: true}, s.Restart)
	assert.Equal(t, hal0.StateError, s.State)
	assert.Equal(t, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, slept.all, "each pause is twice as long")

	b.rt.SetProgram("hal0-slot-a", ready)
	_, err = box.Up(t.Context(), "a")
	require.NoError(t, err)
	o.until("a", is(hal0.StateReady))
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	require.NoError(t, b.rt.Exit("hal0-slot-a", 1))
	s = o.until("a", is(hal0.StateError))
	assert.Equal(t, &hal0.Restart{Attempt: 1, In: time.Second}, s.Restart, "what was up for long begins anew")
	o.until("a", is(hal0.StateReady))
}

// A slot that somebody takes down before its restart stays down.
func TestObserveRestartsNothingThatWasTakenDown(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8149)
	down := make(chan struct{})
	var box *hal0.Box
	box = b.open(hal0.WithSleep(func(ctx context.Context, _ time.Duration) error {
		assert.NoError(t, box.Down(ctx, "a")) //nolint:testifylint // not the test's goroutine
		close(down)
		return nil
	}))
	_, err := box.Up(t.Context(), "a")
	require.NoError(t, err)
	o := observe(t, box, hal0.RestartCrashed(hal0.RestartPolicy{}))
	o.step()
	require.NoError(t, b.rt.Exit("hal0-slot-a", 1))
	o.until("a", is(hal0.StateOffline))
	<-down
	assert.Empty(t, ids(t, b.rt))
}

// A restart brings back what ran, or nothing: here a newer plan runs than that of the
// box that observes.
func TestObserveRestartsNoOtherPlan(t *testing.T) {
	b := newDiskBox(t, ready)
	b.slot("a", 8152)
	b.slot("b", 8153)
	box := b.open(hal0.WithSleep(func(context.Context, time.Duration) error { return nil }))
	_, err := box.Apply(t.Context())
	require.NoError(t, err)
	o := observe(t, box, hal0.RestartCrashed(hal0.RestartPolicy{}))
	o.step()
	b.slot("a", 8152, "chat_template = \"x\"\n")
	_, err = b.open().Up(t.Context(), "a")
	require.NoError(t, err)
	o.until("a", func(s hal0.Status) bool { return s.State == hal0.StateReady && !s.Current })
	require.NoError(t, b.rt.Exit("hal0-slot-a", 1))
	s := o.until("a", is(hal0.StateError))
	assert.Nil(t, s.Restart)
	before := ids(t, b.rt)
	require.NoError(t, b.rt.Exit("hal0-slot-b", 1))
	o.until("b", is(hal0.StateError))
	o.until("b", is(hal0.StateReady))
	after := ids(t, b.rt)
	assert.Equal(t, before["a"], after["a"], "it is as it crashed")
	assert.NotEqual(t, before["b"], after["b"])
}

func TestRestartPolicy(t *testing.T) {
	t.Parallel()
	p := hal0.RestartPolicy{First: time.Second, Max: 5 * time.Second}
	for attempt, want := range []time.Duration{time.Second, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
		assert.Equal(t, want, p.Delay(attempt), "%d", attempt)
	}
	assert.Equal(t, time.Minute, hal0.RestartPolicy{}.Delay(1<<30))
	assert.Equal(t, time.Second, hal0.RestartPolicy{First: time.Minute, Max: time.Second}.Delay(1))
	assert.Equal(t, hal0.RestartPolicy{First: time.Second, Max: time.Minute, Attempts: 5, Settled: 10 * time.Minute}, hal0.RestartPolicy{First: -1}.WithDefaults())
}

// The status of 100 slots that answer, with the probe of each.
func BenchmarkStatusAll(b *testing.B) {
	box := newDiskBox(b, ready)
	for i := range 100 {
		box.slot(fmt.Sprintf("s%02d", i), 8081+i)
	}
	opened := box.open()
	_, err := opened.Apply(b.Context(), hal0.Parallel(16))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		all, err := opened.StatusAll(b.Context())
		if err != nil || len(all) != 100 || all[99].State != hal0.StateReady {
			b.Fatal(err, len(all))
		}
	}
}
