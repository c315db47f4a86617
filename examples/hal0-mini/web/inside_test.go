package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/internal/ggufwrite"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

func newServer(t *testing.T) *Server {
	t.Helper()
	s, err := New(Config{Home: hal0.HomeAt(t.TempDir()), Hosts: []string{"box"}})
	require.NoError(t, err)
	return s
}

// A reader that does not keep up is cut off, and nobody waits for it.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	var h hub
	slow, leave := h.listen()
	fast, leaveToo := h.listen()
	for range waiting + 1 {
		h.send(event{name: "state"})
		<-fast
	}
	for range waiting {
		_, ok := <-slow
		assert.True(t, ok, "what was sent before it was too much is there")
	}
	_, ok := <-slow
	assert.False(t, ok)
	readers, dropped := h.count()
	assert.Equal(t, 1, readers)
	assert.Equal(t, uint64(1), dropped)
	leave()
	leaveToo()
	leaveToo()
	readers, _ = h.count()
	assert.Zero(t, readers)
}

// What happens to many slots at once is one thing for a reader.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var h hub
	ear, leave := h.listen()
	defer leave()
	h.send(make([]event, 4*waiting)...)
	h.send()
	assert.Len(t, ear, 1)
	assert.Equal(t, 4*waiting, strings.Count(string(<-ear), "event: "))
	readers, dropped := h.count()
	assert.Equal(t, 1, readers)
	assert.Zero(t, dropped)
}

func TestClosedHub(t *testing.T) {
	t.Parallel()
	var h hub
	before, leave := h.listen()
	h.close()
	after, _ := h.listen()
	for _, c := range []<-chan []byte{before, after} {
		_, ok := <-c
		assert.False(t, ok)
	}
	leave()
}

// A request that panics is an error like others, and the server goes on.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	handler := s.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(errors.New("<b>")) }))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://box/", nil))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.JSONEq(t, `{"code":"internal","message":"the request failed; the server's log has more","details":null}`, w.Body.String())
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		s.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			s.send(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), newBody("a part"))
			panic("x")
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://box/", nil))
	}, "an answer that has begun is cut off")
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		s.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })).
			ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://box/", nil))
	}, "net/http has to see it")
}

// The time from rest to ready is one observation, however many states lie between.
func TestMoved(t *testing.T) {
	t.Parallel()
	const (
		offline, pulling, starting, warming = hal0.StateOffline, hal0.StatePulling, hal0.StateStarting, hal0.StateWarming
		ready, serving, unloading, failed   = hal0.StateReady, hal0.StateServing, hal0.StateUnloading, hal0.StateError
	)
	for name, c := range map[string]struct {
		states          []hal0.State // one second each
		up, down, pulls int
		upSum, downSum  float64
	}{
		"up":              {[]hal0.State{offline, pulling, starting, warming, ready, serving, ready}, 1, 0, 1, 3, 0},
		"after a failure": {[]hal0.State{failed, starting, warming, failed, warming, ready}, 1, 0, 0, 1, 0},
		"down":            {[]hal0.State{ready, unloading, unloading, offline}, 0, 1, 0, 0, 2},
		"at once":         {[]hal0.State{offline, ready, offline}, 1, 0, 0, 0.5, 0},
		"found so":        {[]hal0.State{"", warming, ready}, 0, 0, 0, 0, 0},
		"given up":        {[]hal0.State{offline, warming, unloading, offline, warming, ready}, 1, 1, 0, 1, 1},
	} {
		m, at := newMetrics(newServer(t)), time.Now()
		for i := 1; i < len(c.states); i++ {
			at = at.Add(time.Second)
			now := hal0.Status{Slot: "a", State: c.states[i]}
			if c.states[i] == ready {
				now.Container = &runtime.Container{StartedAt: at.Add(-500 * time.Millisecond)}
			}
			m.moved(c.states[i-1], now, at)
		}
		up, down := histogram(t, m.up.Write), histogram(t, m.down.Write)
		assert.Equal(t, uint64(c.up), up.GetSampleCount(), name)
		assert.Equal(t, uint64(c.down), down.GetSampleCount(), name)
		assert.InDelta(t, c.upSum, up.GetSampleSum(), 1e-9, name)
		assert.InDelta(t, c.downSum, down.GetSampleSum(), 1e-9, name)
		assert.InDelta(t, c.pulls, testutil.ToFloat64(m.pulls), 0, name)
	}
}

// How long a slot takes is not known once nobody looked.
func TestMovedUnseen(t *testing.T) {
	t.Parallel()
	m, at := newMetrics(newServer(t)), time.Now()
	m.moved(hal0.StateOffline, hal0.Status{Slot: "a", State: hal0.StateWarming}, at)
	m.lost()
	m.moved("", hal0.Status{Slot: "a", State: hal0.StateReady}, at.Add(time.Hour))
	assert.Zero(t, histogram(t, m.up.Write).GetSampleCount())
}

func histogram(t *testing.T, write func(*dto.Metric) error) *dto.Histogram {
	t.Helper()
	var m dto.Metric
	require.NoError(t, write(&m))
	return m.GetHistogram()
}

func TestHostsOf(t *testing.T) {
	t.Parallel()
	listen := func(address string, more ...string) []string {
		addr, err := net.ResolveTCPAddr("tcp", address)
		require.NoError(t, err)
		return HostsOf(addr, append(more, "halo.local")...)
	}
	assert.Equal(t, []string{"127.0.0.1:8080", "[::1]:8080", "halo.local:8080", "localhost:8080"}, listen("127.0.0.1:8080"))
	assert.Equal(t, []string{"127.0.0.1:8080", "[::1]:8080", "halo.local:8080", "localhost:8080"}, listen("0.0.0.0:8080"))
	assert.Equal(t, []string{"192.0.2.1:8080", "halo.local:8080"}, listen("192.0.2.1:8080"))
	assert.Equal(t, []string{"192.0.2.1", "192.0.2.1:80", "halo.local", "halo.local:80"}, listen("192.0.2.1:80"))
	for more, want := range map[string][]string{
		"localhost:9000":  {"localhost:9000"},
		"box.example:443": {"box.example", "box.example:443"},
		"2001:db8::1":     {"[2001:db8::1]:8080"},
		"[2001:db8::1]":   {"[2001:db8::1]:8080"},
		"[2001:db8::1]:1": {"[2001:db8::1]:1"},
	} {
		assert.ElementsMatch(t, append(want, "192.0.2.1:8080", "halo.local:8080"), listen("192.0.2.1:8080", more))
	}
}

// A stream goes on for longer than any other request may take, and so may a check of
// images.
func TestDeadlinesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := s.newHTTP()
	server.WriteTimeout = time.Nanosecond // no answer is that fast
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, listener, server) }()

	dial := func(request string) net.Conn {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = conn.Write([]byte(request))
		require.NoError(t, err)
		return conn
	}
	stream := bufio.NewReader(dial("GET /api/events HTTP/1.1\r\nHost: box\r\n\r\n"))
	await := func(text string) {
		for {
			line, err := stream.ReadString('\n')
			require.NoError(t, err)
			if strings.HasPrefix(line, text) {
				return
			}
		}
	}
	await("event: hello")
	other, err := io.ReadAll(dial("GET /healthz HTTP/1.1\r\nHost: box\r\n\r\n"))
	require.NoError(t, err)
	require.Empty(t, other, "any other request is cut off")
	images, err := io.ReadAll(dial("GET /api/images HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n"))
	require.NoError(t, err)
	require.Contains(t, string(images), `"code":"runtime.none"`)
	s.hub.send(event{name: "state", data: []byte("{}")})
	await("event: state")
	stop()
	require.NoError(t, <-ended)
	_, err = io.Copy(io.Discard, stream)
	require.NoError(t, err, "the stream was ended, not cut off")
}

// What nobody tells of is looked at again: states stay, and the page is another one.
func TestViewAgain(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	model := filepath.Join(home, "a.gguf")
	slots := filepath.Join(home, "etc/hal0/slots")
	require.NoError(t, os.MkdirAll(slots, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(slots, "a.toml"), []byte("port = 8081\n[model]\ndefault = \""+model+"\"\ncontext_size = 512\n"), 0o600))
	s, err := New(Config{Home: hal0.HomeAt(home)})
	require.NoError(t, err)
	s.next(func(v *view) *view {
		next, _ := v.withStates([]hal0.Status{{Slot: "a", State: hal0.StateOffline}})
		return next
	})
	before := s.view()
	unreadable := func(v *view) bool {
		one, _ := v.slot("a")
		require.Equal(t, hal0.StateOffline, one.State)
		return slices.ContainsFunc(one.Plan.Warnings, func(w slot.Warning) bool { return w.Code == slot.WarnModelFile })
	}
	require.True(t, unreadable(before))
	var weights bytes.Buffer
	require.NoError(t, ggufwrite.Write(&weights, ggufwrite.Model{}))
	require.NoError(t, os.WriteFile(model, weights.Bytes(), 0o600))
	s.next((*view).again)
	assert.False(t, unreadable(s.view()))
	assert.NotEqual(t, before.number, s.view().number)
}
