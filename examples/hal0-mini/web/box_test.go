package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/examples/hal0-mini/web"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// image is what the slots of a box run.
const image = "example.com/server:1"

// box is a box on disk whose containers are in memory.
type box struct {
	t    testing.TB
	home string
	rt   *runtimetest.Fake
}

func newBox(t testing.TB) *box {
	t.Helper()
	b := &box{t, t.TempDir(), runtimetest.NewFake()}
	b.rt.AddImage(image, runtimetest.Program{Handler: runtimetest.ModelServer()})
	b.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \""+image+"\"\ndevice_class = \"cpu\"\n")
	t.Cleanup(func() { assert.NoError(t, b.rt.Close()) })
	return b
}

func (b *box) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.home, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(b.t, os.WriteFile(path, []byte(text), 0o644))
}

// slot writes a slot's file with more lines at its top.
func (b *box) slot(name string, port int, more ...string) {
	b.t.Helper()
	b.write("etc/hal0/slots/"+name+".toml", fmt.Sprintf("port = %d\ndevice = \"cpu\"\nprofile = \"p\"\n%s[model]\ndefault = \"/m/%s.gguf\"\ncontext_size = 512\n",
		port, strings.Join(more, ""), name))
}

func (b *box) options() []hal0.Option {
	return []hal0.Option{hal0.WithRuntime(b.rt), hal0.WithHost(device.Host{})}
}

// opened is the box as another program has it.
func (b *box) opened() *hal0.Box {
	b.t.Helper()
	opened, err := hal0.Open(hal0.HomeAt(b.home), b.options()...)
	require.NoError(b.t, err)
	return opened
}

// serve serves the box until the test ends.
func (b *box) serve() *site {
	b.t.Helper()
	return serve(b.t, web.Config{Home: hal0.HomeAt(b.home), Options: b.options()})
}

// site is a server that runs.
type site struct {
	t      testing.TB
	server *web.Server
	base   string
	client *http.Client
	stop   context.CancelFunc
	ended  chan struct{}
}

func serve(t testing.TB, config web.Config) *site {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	config.Hosts = web.HostsOf(listener.Addr())
	server, err := web.New(config)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background()) //nolint:usetesting // it ends before the box does
	s := &site{t, server, "http://" + listener.Addr().String(), &http.Client{Transport: &http.Transport{}}, stop, make(chan struct{})}
	go func() {
		defer close(s.ended)
		assert.NoError(t, server.Serve(ctx, listener))
	}()
	t.Cleanup(func() {
		stop()
		<-s.ended
		s.client.CloseIdleConnections()
	})
	return s
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) ask(method, path string, header http.Header) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, nil)
	require.NoError(s.t, err)
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	got, err := s.client.Do(r)
	require.NoError(s.t, err)
	body, err := io.ReadAll(got.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, got.Body.Close())
	return answer{got.StatusCode, got.Header, string(body)}
}

func (s *site) get(path string) answer {
	s.t.Helper()
	return s.ask(http.MethodGet, path, nil)
}

// read decodes the JSON at a path.
func read[T any](s *site, path string) T {
	s.t.Helper()
	var value T
	got := s.get(path)
	require.Equal(s.t, http.StatusOK, got.status, got.body)
	require.NoError(s.t, json.Unmarshal([]byte(got.body), &value))
	return value
}

// stream is a reader of events.
type stream struct {
	t     testing.TB
	body  io.ReadCloser
	lines *bufio.Scanner
}

func (s *site) listen() *stream {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+"/api/events", nil)
	require.NoError(s.t, err)
	got, err := s.client.Do(r)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = got.Body.Close() })
	require.Equal(s.t, http.StatusOK, got.StatusCode)
	require.Equal(s.t, "text/event-stream", got.Header.Get("Content-Type"))
	events := &stream{s.t, got.Body, bufio.NewScanner(got.Body)}
	name, _ := events.next()
	require.Equal(s.t, "hello", name)
	return events
}

// next returns the next event, "" at the end of the stream.
func (s *stream) next() (name, data string) {
	for s.lines.Scan() {
		key, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch key {
		case "event":
			name = value
		case "data":
			return name, value
		}
	}
	return "", ""
}

// until reads events until one is of that name and holds all those texts.
func (s *stream) until(name string, texts ...string) string {
	s.t.Helper()
	for {
		got, data := s.next()
		require.NotEmpty(s.t, got, "the stream ended")
		if got == name && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(data, text) }) {
			return data
		}
	}
}

// awaits waits until slots are in states; it looks again after each event.
func (s *site) awaits(states map[string]hal0.State) {
	s.t.Helper()
	events := s.listen()
	defer func() { _ = events.body.Close() }()
	for {
		there := map[string]hal0.State{}
		for _, one := range read[[]web.Slot](s, "/api/slots") {
			if _, asked := states[one.Name]; asked {
				there[one.Name] = one.State
			}
		}
		if maps.Equal(there, states) {
			return
		}
		got, _ := events.next()
		require.NotEmpty(s.t, got, "the stream ended")
	}
}

func unmarshal(data string, value any) error { return json.Unmarshal([]byte(data), value) }

func (b *box) remove(slot string) {
	b.t.Helper()
	require.NoError(b.t, os.Remove(filepath.Join(b.home, "etc/hal0/slots", slot+".toml")))
}
