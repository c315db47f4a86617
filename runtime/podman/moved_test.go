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

// between returns the address of a proxy before a real service that has create
// answer the requests for a container to be made, and pass answer the others.
func between(t testing.TB, s *podmantest.Service, create func(w http.ResponseWriter, r *http.Request, pass http.Handler)) string {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(s.URI, "unix://"))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "podman"})
	pass.Transport = transport
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/containers/create") {
			create(w, r, pass)
			return
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
	slow := connect(t, between(t, s, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		move(other)
		pass.ServeHTTP(w, r)
	}))
	_, err = slow.Start(t.Context(), spec, runtime.StartOptions{ImageID: checked.ID})
	require.ErrorIs(t, err, runtime.ErrImageChanged)
	require.ErrorContains(t, err, "the container's image is ")
	_, err = r.Inspect(t.Context(), spec.Name)
	require.ErrorIs(t, err, runtime.ErrNotFound, "what was made from the other image is gone")
}

// Podman makes the container, and the answer is lost on its way.
func TestStartTakesTheContainerOfALostAnswer(t *testing.T) {
	_, image := open(t)
	creates := 0
	r := connect(t, between(t, shared.Service(t), func(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
		creates++
		pass.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}))
	spec := stub(t, image)
	c, err := r.Start(t.Context(), spec, runtime.StartOptions{})
	require.NoError(t, err)
	assert.Equal(t, 1, creates, "it is not asked for twice")
	assert.Equal(t, runtime.StateRunning, c.State)
	list, err := r.List(t.Context(), spec.Labels)
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, c.ID, list[0].ID)
}
