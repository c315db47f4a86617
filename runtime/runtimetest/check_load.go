package runtimetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func loadChecks() []check {
	return []check{
		{"load", "stores an image under its digest", loadStores},
		{"load", "adds a name to one that is present", loadAddsName},
		{"load", "needs a digest", loadNeedsDigest},
		{"load", "refuses what is no archive", loadRefusesOther},
		{"load", "refuses an image of another digest", loadRefusesAnother},
		{"load", "that fails leaves no part", loadFails},
		{"load", "is given up when ctx ends", loadIsGivenUp},
		{"load", "may be called concurrently", loadConcurrently},
	}
}

// load has the Runtime load an archive.
func (t *trial) load(ref string, archive io.Reader) (runtime.Image, error) {
	t.Helper()
	return ability[runtime.ImageLoader](t, t.Runtime).LoadImage(t.ctx, ref, archive)
}

// loads has it load an image under a name, which has to work.
func (t *trial) loads(a *archived, ref string) runtime.Image {
	t.Helper()
	image, err := t.load(ref, bytes.NewReader(a.as(t, ref)))
	require.NoError(t, err)
	assert.Contains(t, image.RepoDigests, ref)
	found, err := t.Runtime.Image(t.ctx, ref)
	require.NoError(t, err)
	assert.Equal(t, image, found)
	return image
}

// refuses wants a load to fail, and nothing stored.
func (t *trial) refuses(ref string, archive io.Reader) {
	t.Helper()
	_, err := t.load(ref, archive)
	t.fails(err, runtime.ErrLoad, OpLoad, ref)
	t.absent(ref)
}

func loadStores(t *trial) {
	a := newArchived(t)
	image := t.loads(a, a.ref("stored"))
	assert.NotEmpty(t, image.ID)
	assert.Equal(t, image, t.loads(a, a.ref("stored")), "once more is fine")
}

func loadAddsName(t *trial) {
	a := newArchived(t)
	first := t.loads(a, a.ref("first"))
	second := t.loads(a, a.ref("second"))
	assert.Equal(t, first.ID, second.ID)
	still, err := t.Runtime.Image(t.ctx, a.ref("first"))
	require.NoError(t, err)
	assert.Equal(t, second, still)
}

func loadNeedsDigest(t *trial) {
	const ref = "localhost/hal0-test/tagged:v1"
	_, err := t.load(ref, bytes.NewReader(newArchived(t).as(t, ref)))
	t.fails(err, runtime.ErrInvalidSpec, OpLoad, ref)
	t.absent(ref)
}

func loadRefusesOther(t *trial) {
	t.refuses(newArchived(t).ref("other"), bytes.NewReader(make([]byte, 1<<10)))
}

func loadRefusesAnother(t *trial) {
	ref := newArchived(t).ref("another")
	t.refuses(ref, bytes.NewReader(newArchived(t).as(t, ref)))
}

func loadFails(t *trial) {
	a := newArchived(t)
	ref := a.ref("failed")
	archive := a.as(t, ref)
	t.refuses(ref, bytes.NewReader(archive[:len(archive)/2]))
	broken := errors.New("the disk is out of order")
	half := func() io.Reader {
		return io.MultiReader(bytes.NewReader(archive[:len(archive)/2]), iotest.ErrReader(broken))
	}
	t.refuses(ref, half())
	_, err := t.load(ref, half())
	require.ErrorIs(t, err, broken)
}

func loadIsGivenUp(t *trial) {
	loader := ability[runtime.ImageLoader](t, t.Runtime)
	a := newArchived(t)
	ref := a.ref("given-up")
	archive := a.as(t, ref)
	ctx, cancel := context.WithCancel(t.ctx)
	t.Cleanup(cancel)
	r, w := io.Pipe()
	t.Cleanup(func() { assert.NoError(t, w.Close()) })
	result := make(chan error, 1)
	go func() {
		_, err := loader.LoadImage(ctx, ref, r)
		result <- err
	}()
	written := make(chan error, 1)
	go func() {
		_, err := w.Write(archive[:len(archive)/2])
		written <- err
	}()
	require.NoError(t, receive(t, written), "it is read")
	cancel()
	t.fails(receive(t, result), context.Canceled, OpLoad, ref)
	t.absent(ref)
}

func loadConcurrently(t *trial) {
	loader := ability[runtime.ImageLoader](t, t.Runtime)
	results := make([]error, 4)
	var all sync.WaitGroup
	for i := range results {
		a := newArchived(t)
		ref := a.ref("one-of-many")
		archive := bytes.NewReader(a.as(t, ref))
		all.Go(func() { _, results[i] = loader.LoadImage(t.ctx, ref, archive) })
	}
	all.Wait()
	require.NoError(t, errors.Join(results...))
}
