package podman_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/podmantest"
	"github.com/hal0ai/hal0-go/runtime"
)

// between returns the address of a proxy before a real service that calls first
// before it passes on a request for a container to be made.
func between(t testing.TB, s *podmantest.Service, first func()) string {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(s.URI, "unix://"))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "podman"})
	pass.Transport = transport
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/containers/create") {
			first()
		}
		pass.ServeHTTP(w, r)
	}))
	server.Listener = unixListener(t)
	server.Start()
	t.Cleanup(server.Close)
	return "unix://" + server.Listener.Addr().String()
}

// Whenever a tag moves, no process of the other image ever starts.
func TestStartRefusesAMovedTag(t *testing.T) {
	r, image := open(t)
	s := shared.Service(t)
	const tag = "localhost/hal0-moving:v1"
	move := func(to string) {
		_, err := s.Podman("tag", to, tag)
		require.NoError(t, err)
	}
	move(image)
	t.Cleanup(func() {
		_, err := s.Podman("rmi", tag)
		assert.NoError(t, err)
	})
	other := brokenImage(t, "/other")
	checked, err := r.Image(t.Context(), tag)
	require.NoError(t, err)
	spec := stub(t, tag)
	old, err := r.Start(t.Context(), spec, runtime.StartOptions{ImageID: checked.ID})
	require.NoError(t, err)
	assert.Equal(t, checked.ID, old.ImageID)

	move(other)
	_, err = r.Start(t.Context(), spec, runtime.StartOptions{ImageID: checked.ID})
	require.ErrorIs(t, err, runtime.ErrImageChanged)
	still, err := r.Inspect(t.Context(), spec.Name)
	require.NoError(t, err)
	assert.Equal(t, old.ID, still.ID, "the old container is spared")

	move(image)
	slow := connect(t, between(t, s, func() { move(other) }))
	_, err = slow.Start(t.Context(), spec, runtime.StartOptions{ImageID: checked.ID})
	require.ErrorIs(t, err, runtime.ErrImageChanged)
	require.ErrorContains(t, err, "the container's image is ")
	_, err = r.Inspect(t.Context(), spec.Name)
	require.ErrorIs(t, err, runtime.ErrNotFound, "what was made from the other image is gone")
}
