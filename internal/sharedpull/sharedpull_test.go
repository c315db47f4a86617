package sharedpull

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func step(blob string, done int64) runtime.PullStep {
	return runtime.PullStep{Phase: runtime.PullDownloading, Blob: blob, Done: done}
}

// One that joins late learns of each blob once, how it is now.
func TestLatecomersLearnWhatIs(t *testing.T) {
	t.Parallel()
	var p Pulls
	reported, end := make(chan struct{}), make(chan struct{})
	work := func(_ context.Context, name string, report func(runtime.PullStep)) (runtime.Image, error) {
		for i := range int64(3) {
			report(step("a", i))
			report(step("b", i))
			report(step("b", i))
		}
		report(step("a", 3))
		close(reported)
		<-end
		return runtime.Image{ID: name}, nil
	}
	first := make(chan error, 1)
	go func() {
		_, err := p.Join(t.Context(), "x", work, func(runtime.PullStep) {})
		first <- err
	}()
	<-reported
	var steps []runtime.PullStep
	image, err := p.Join(t.Context(), "x", nil, func(s runtime.PullStep) {
		if steps = append(steps, s); len(steps) == 2 {
			close(end)
		}
	})
	require.NoError(t, err)
	require.NoError(t, <-first)
	assert.Equal(t, "x", image.ID)
	assert.Equal(t, []runtime.PullStep{step("b", 2), step("a", 3)}, steps)
	assert.Empty(t, p.underWay)
}

// A report that blocks holds up nobody else.
func TestSlowReportHoldsUpNobody(t *testing.T) {
	t.Parallel()
	var p Pulls
	begun, end, block := make(chan struct{}), make(chan struct{}), make(chan struct{})
	work := func(_ context.Context, _ string, report func(runtime.PullStep)) (runtime.Image, error) {
		report(step("a", 0))
		close(begun)
		<-end
		for i := range int64(1000) {
			report(step("a", i))
		}
		return runtime.Image{}, nil
	}
	var steps []runtime.PullStep
	blocked, slow := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := p.Join(t.Context(), "x", work, func(s runtime.PullStep) {
			if steps = append(steps, s); len(steps) == 1 {
				close(blocked)
				<-block
			}
		})
		slow <- err
	}()
	<-begun
	<-blocked
	quick := make(chan error, 1)
	joined := make(chan struct{})
	once := sync.OnceFunc(func() { close(joined) })
	go func() {
		_, err := p.Join(t.Context(), "x", nil, func(runtime.PullStep) { once() })
		quick <- err
	}()
	<-joined
	close(end)
	require.NoError(t, <-quick)
	close(block)
	require.NoError(t, <-slow)
	assert.Equal(t, []runtime.PullStep{step("a", 0), step("a", 999)}, steps)
}

func TestPullsEndAlike(t *testing.T) {
	t.Parallel()
	var p Pulls
	var calls atomic.Int32
	wrong, end := errors.New("wrong"), make(chan struct{})
	work := func(context.Context, string, func(runtime.PullStep)) (runtime.Image, error) {
		calls.Add(1)
		<-end
		return runtime.Image{}, wrong
	}
	var entered []*sharedPull
	for range 20 {
		entered = append(entered, p.enter(t.Context(), "x", work))
	}
	close(end)
	p.running.Wait()
	other := p.enter(t.Context(), "x", work)
	assert.NotSame(t, entered[0], other, "what is over is not joined")
	p.leave("x", other)
	var all sync.WaitGroup
	for _, s := range entered {
		all.Go(func() {
			defer p.leave("x", s)
			_, err := s.follow(t.Context(), func(runtime.PullStep) {})
			assert.ErrorIs(t, err, wrong)
		})
	}
	all.Wait()
	p.running.Wait()
	assert.Equal(t, int32(2), calls.Load())
}

func TestNothingIsReportedTwice(t *testing.T) {
	t.Parallel()
	var p Pulls
	got := make(chan struct{}, 2)
	work := func(_ context.Context, _ string, report func(runtime.PullStep)) (runtime.Image, error) {
		report(step("a", 1))
		<-got
		report(step("a", 1))
		report(step("b", 1))
		return runtime.Image{}, nil
	}
	var steps []runtime.PullStep
	_, err := p.Join(t.Context(), "x", work, func(s runtime.PullStep) {
		steps = append(steps, s)
		got <- struct{}{}
	})
	require.NoError(t, err)
	assert.Equal(t, []runtime.PullStep{step("a", 1), step("b", 1)}, steps)
}

// The pull sees the end of a context only when all callers have left, and the
// values of the first.
func TestLastOneOutEndsThePull(t *testing.T) {
	t.Parallel()
	type key struct{}
	var p Pulls
	ended := make(chan any)
	work := func(ctx context.Context, _ string, _ func(runtime.PullStep)) (runtime.Image, error) {
		<-ctx.Done()
		ended <- ctx.Value(key{})
		return runtime.Image{}, ctx.Err()
	}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	first, second := p.enter(ctx, "x", work), p.enter(t.Context(), "x", work)
	require.Same(t, first, second)
	cancel()
	_, err := first.follow(ctx, func(runtime.PullStep) {})
	require.ErrorIs(t, err, context.Canceled)
	p.leave("x", first)
	select {
	case <-ended:
		t.Fatal("one still waits")
	default:
	}
	p.leave("x", second)
	third := p.enter(t.Context(), "x", work)
	assert.NotSame(t, first, third, "what is being given up is not joined")
	assert.Equal(t, "kept", <-ended)
	p.leave("x", third)
	<-ended
	p.running.Wait()
	assert.Empty(t, p.underWay)
}
