package runtimetest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func imageChecks() []check {
	return []check{
		{"image", "tells of a local one", imageTells},
		{"image", "finds no other", imageFindsNoOther},
		{"image", "asks no registry", imageAsksNoRegistry},
	}
}

func imageTells(t *trial) {
	spec := t.spec(serves())
	image, err := t.Runtime.Image(t.ctx, spec.Image)
	require.NoError(t, err)
	assert.NotEmpty(t, image.ID)
	assert.NotContains(t, image.ID, ":")
	assert.Regexp(t, "^[a-z0-9]+/[a-z0-9]+$", image.Platform)
	assert.Positive(t, image.Size)
}

func imageFindsNoOther(t *trial) {
	const none = "localhost/hal0-test-none:v1"
	_, err := t.Runtime.Image(t.ctx, none)
	t.fails(err, runtime.ErrImageNotFound, OpImage, none)
}

func imageAsksNoRegistry(t *trial) {
	t.absent(t.remote(Remote{Transfer: t.untouched}))
}

func (t *trial) remote(r Remote) string {
	t.Helper()
	t.needs("Remote", t.Remote != nil)
	return t.Remote(t, r)
}

// absent wants no image of that reference in the store.
func (t *trial) absent(ref string) {
	t.Helper()
	_, err := t.Runtime.Image(t.ctx, ref)
	t.fails(err, runtime.ErrImageNotFound, OpImage, ref)
}
