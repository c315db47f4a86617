package runtimetest

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func pullChecks() []check {
	return []check{
		{"pull", "fetches an image and says how", pullFetches},
		{"pull", "leaves one that is present", pullLeavesPresent},
		{"pull", "asks for one that is present when told to", pullAlways},
		{"pull", "fails where no registry has it", pullOfNone},
		{"pull", "that fails leaves no part", pullFails},
		{"pull", "that is given up leaves no part", pullGivenUp},
		{"pull", "is shared", pullIsShared},
		{"pull", "goes on when one leaves", pullGoesOn},
		{"pull", "is not slowed by a slow report", pullIsNotSlowed},
		{"pull", "ends when the last one leaves", pullEndsWithTheLast},
	}
}

func pullFetches(t *trial) {
	transfers := atomic.Int32{}
	ref := t.remote(Remote{Transfer: func(context.Context) error { transfers.Add(1); return nil }})
	var steps []runtime.PullStep
	pulled, err := t.Runtime.Pull(t.ctx, ref, runtime.PullOptions{Report: func(s runtime.PullStep) { steps = append(steps, s) }})
	require.NoError(t, err)
	image, err := t.Runtime.Image(t.ctx, ref)
	require.NoError(t, err)
	assert.Equal(t, image, pulled)
	assert.Equal(t, int32(1), transfers.Load())
	require.NotEmpty(t, steps)
	for _, s := range steps {
		assert.Equal(t, ref, s.Ref)
		assert.NotEmpty(t, s.Message)
		assert.Regexp(t, "^[0-9a-f]*$", s.Blob)
		assert.Contains(t, []runtime.PullPhase{runtime.PullResolving, runtime.PullDownloading, runtime.PullDownloaded, runtime.PullPresent, runtime.PullDone}, s.Phase)
		assert.True(t, s.Total == 0 || s.Done <= s.Total, "%+v", s)
	}
	assert.Equal(t, runtime.PullDone, steps[len(steps)-1].Phase)

	require.NotEmpty(t, image.RepoDigests)
	for _, digest := range image.RepoDigests {
		assert.Regexp(t, "^"+regexp.QuoteMeta(ref[:strings.LastIndex(ref, ":")])+"@sha256:[0-9a-f]{64}$", digest)
		same, err := t.Runtime.Image(t.ctx, digest)
		require.NoError(t, err)
		assert.Equal(t, image, same)
	}
}

func pullLeavesPresent(t *trial) {
	transfers := atomic.Int32{}
	ref := t.remote(Remote{Transfer: func(context.Context) error { transfers.Add(1); return nil }})
	first, err := t.Runtime.Pull(t.ctx, ref, runtime.PullOptions{})
	require.NoError(t, err)
	again, err := t.Runtime.Pull(t.ctx, ref, runtime.PullOptions{})
	require.NoError(t, err)
	assert.Equal(t, first, again)
	always, err := t.Runtime.Pull(t.ctx, ref, runtime.PullOptions{Always: true})
	require.NoError(t, err)
	assert.Equal(t, first, always)
	assert.Equal(t, int32(1), transfers.Load(), "what is present is not fetched again")
}

// The image of a container that the suite starts is in no registry.
func pullAlways(t *trial) {
	spec := t.spec(serves())
	image, err := t.Runtime.Image(t.ctx, spec.Image)
	require.NoError(t, err)
	present, err := t.Runtime.Pull(t.ctx, spec.Image, runtime.PullOptions{})
	require.NoError(t, err)
	assert.Equal(t, image, present)
	_, err = t.Runtime.Pull(t.ctx, spec.Image, runtime.PullOptions{Always: true})
	t.fails(err, runtime.ErrPull, OpPull, spec.Image)
	still, err := t.Runtime.Image(t.ctx, spec.Image)
	require.NoError(t, err)
	assert.Equal(t, image, still)
}

func pullOfNone(t *trial) {
	ref := t.remote(Remote{}) + "-none"
	_, err := t.Runtime.Pull(t.ctx, ref, runtime.PullOptions{})
	t.fails(err, runtime.ErrPull, OpPull, ref)
	t.absent(ref)
}

func pullFails(t *trial) {
	ref := t.remote(Remote{Transfer: func(context.Context) error { return errors.New("the registry is out of order") }})
	_, err := t.Runtime.Pull(t.ctx, ref, runtime.PullOptions{})
	t.fails(err, runtime.ErrPull, OpPull, ref)
	t.absent(ref)
}

// A pulling is a pull that is held up in its transfer.
type pulling struct {
	ref       string
	transfers atomic.Int32
	began     chan struct{} // has one for each transfer
	left      chan struct{} // has one for each transfer that was given up
	release   chan struct{}
}

func (t *trial) pulling() *pulling {
	t.Helper()
	p := &pulling{began: make(chan struct{}, 10), left: make(chan struct{}, 10), release: make(chan struct{})}
	p.ref = t.remote(Remote{Transfer: func(ctx context.Context) error {
		p.transfers.Add(1)
		p.began <- struct{}{}
		select {
		case <-p.release:
			return nil
		case <-ctx.Done():
			p.left <- struct{}{}
			return ctx.Err()
		case <-t.ctx.Done(): // a pull that is not given up does not outlive the check
			return t.ctx.Err()
		}
	}})
	return p
}

// A puller is one call of Pull.
type puller struct {
	leave  context.CancelFunc
	image  runtime.Image
	result chan error
}

// join calls Pull, and returns once that has joined the pull under way. Its
// Report then waits for those.
func (p *pulling) join(t *trial, waits ...<-chan struct{}) *puller {
	t.Helper()
	ctx, cancel := context.WithCancel(t.ctx)
	t.Cleanup(cancel)
	one := &puller{leave: cancel, result: make(chan error, 1)}
	joined := make(chan struct{})
	first := sync.OnceFunc(func() { close(joined) })
	go func() {
		var err error
		one.image, err = t.Runtime.Pull(ctx, p.ref, runtime.PullOptions{Report: func(runtime.PullStep) {
			first()
			for _, w := range waits {
				select {
				case <-w:
				case <-t.ctx.Done():
				}
			}
		}})
		one.result <- err
	}()
	select {
	case <-joined:
	case err := <-one.result:
		t.Fatalf("the pull ended before its transfer: %v", err)
	case <-t.ctx.Done():
		t.Fatal("the pull reports nothing")
	}
	return one
}

func pullGivenUp(t *trial) {
	p := t.pulling()
	one := p.join(t)
	receive(t, p.began)
	one.leave()
	t.fails(receive(t, one.result), context.Canceled, OpPull, p.ref)
	receive(t, p.left)
	t.absent(p.ref)
}

func pullIsShared(t *trial) {
	p := t.pulling()
	first := p.join(t)
	receive(t, p.began)
	all := []*puller{first, p.join(t), p.join(t)}
	close(p.release)
	for _, one := range all {
		require.NoError(t, receive(t, one.result))
		assert.Equal(t, first.image, one.image)
	}
	assert.Equal(t, int32(1), p.transfers.Load())
}

func pullGoesOn(t *trial) {
	p := t.pulling()
	first := p.join(t)
	receive(t, p.began)
	second := p.join(t)
	first.leave()
	t.fails(receive(t, first.result), context.Canceled, OpPull, p.ref)
	close(p.release)
	require.NoError(t, receive(t, second.result))
	assert.NotEmpty(t, second.image.ID)
	assert.Equal(t, int32(1), p.transfers.Load())
}

func pullIsNotSlowed(t *trial) {
	p := t.pulling()
	slow := make(chan struct{})
	first := p.join(t, slow)
	receive(t, p.began)
	second := p.join(t)
	close(p.release)
	require.NoError(t, receive(t, second.result))
	close(slow)
	require.NoError(t, receive(t, first.result))
	assert.Equal(t, second.image, first.image)
}

func pullEndsWithTheLast(t *trial) {
	p := t.pulling()
	first := p.join(t)
	receive(t, p.began)
	second := p.join(t)
	first.leave()
	second.leave()
	t.fails(receive(t, first.result), context.Canceled, OpPull, p.ref)
	t.fails(receive(t, second.result), context.Canceled, OpPull, p.ref)
	receive(t, p.left)
	t.absent(p.ref)

	close(p.release)
	third := p.join(t)
	require.NoError(t, receive(t, third.result), "what is given up is not joined")
}
