package podman_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// A name without a registry is docker.io's. Podman itself would take it for any
// image that ends like it, and a word of hexadecimal digits for an id.
func TestAnotherRegistrysImageIsNotTaken(t *testing.T) {
	r, image := open(t)
	s := shared.Service(t)
	other := "other.example/library/lookalike:v1"
	_, err := s.Podman("tag", image, other)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := s.Podman("untag", image, other)
		assert.NoError(t, err)
	})
	there, err := r.Image(t.Context(), other)
	require.NoError(t, err)
	for _, ref := range []string{"lookalike:v1", "library/lookalike:v1", there.ID[:12]} {
		_, err := r.Image(t.Context(), ref)
		require.ErrorIs(t, err, runtime.ErrImageNotFound, ref)
		for _, opts := range []runtime.StartOptions{{}, {ImageID: there.ID}} {
			spec := stub(t, ref)
			_, err = r.Start(t.Context(), spec, opts)
			require.ErrorIs(t, err, runtime.ErrImageNotFound, ref)
			_, err = r.Inspect(t.Context(), spec.Name)
			require.ErrorIs(t, err, runtime.ErrNotFound, "nothing is left")
		}
	}
}
