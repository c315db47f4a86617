package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/examples/hal0-mini/web"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// failed is how errors are told.
type failed struct {
	Code    string
	Message string
	Details any
}

func (a answer) failed(t *testing.T) failed {
	t.Helper()
	var f failed
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.NoError(t, json.Unmarshal([]byte(a.body), &f), a.body)
	return f
}

// A fresh box has the built-in profiles.
func TestProfilesOfAnEmptyHome(t *testing.T) {
	s := serve(t, web.Config{Home: hal0.HomeAt(t.TempDir())})
	var names []string
	for _, p := range read[[]hal0.ProfileUse](s, "/api/profiles") {
		names = append(names, p.Name)
		assert.True(t, p.Seed, p.Name)
	}
	assert.Equal(t, []string{"rocm", "rocm-dnse", "rocm-moe", "vulkan", "flm", "tts", "comfyui"}, names)
	one := read[hal0.ProfileUse](s, "/api/profiles/rocm-moe")
	assert.True(t, one.MTP)
	assert.Contains(t, one.ResolvedFlags.String(), "--spec-type draft-mtp")
	assert.Equal(t, "[]\n", s.get("/api/slots").body)
}

// While profiles.toml can't be read it is not said that there are other profiles.
func TestProfilesThatAreInvalid(t *testing.T) {
	b := newBox(t)
	b.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \"example.com/server:1\"\nmtp = \"maybe\"\n")
	s := b.serve()
	for _, path := range []string{"/api/profiles", "/api/profiles/p"} {
		got := s.get(path)
		assert.Equal(t, http.StatusInternalServerError, got.status)
		assert.Empty(t, got.header.Get("ETag"))
		f := got.failed(t)
		assert.Equal(t, "profiles.invalid", f.Code)
		assert.Contains(t, f.Message, b.home+"/etc/hal0/profiles.toml:3:1: profile.p.mtp")
		problem := f.Details.([]any)[0].(map[string]any)
		assert.Equal(t, b.home+"/etc/hal0/profiles.toml", problem["file"])
		assert.InDelta(t, 3, problem["line"], 0)
		assert.Equal(t, "profile.p.mtp", problem["path"])
	}
	assert.Equal(t, http.StatusOK, s.get("/api/devices").status, "the rest is answered")

	events := s.listen()
	b.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \"example.com/server:1\"\n")
	events.until("file", `/profiles.toml"`)
	assert.Equal(t, http.StatusOK, s.get("/api/profiles").status, "it is mended")
}

func TestFailures(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8186)
	s := b.serve()
	for name, c := range map[string]struct {
		method, path string
		header       http.Header
		status       int
		want         failed
	}{
		"path":     {"GET", "/api/nothing", nil, 404, failed{"path.unknown", "nothing is here: /api/openapi.json tells what there is", nil}},
		"profile":  {"GET", "/api/profiles/%3Cq%3E", nil, 404, failed{"profile.unknown", "there is no such profile; there are p", []any{"p"}}},
		"slot":     {"GET", "/api/slots/b", nil, 404, failed{"slot.unknown", "there is no such slot; there are a", []any{"a"}}},
		"method":   {"POST", "/api/slots", nil, 405, failed{"method.not_allowed", "everything here is read only: ask with GET or HEAD", nil}},
		"host":     {"GET", "/api/slots", http.Header{"Host": {"evil.example"}}, 421, failed{"host.unknown", "this server does not answer for that host name: ask it by one of its own", hosts(s)}},
		"port":     {"GET", "/healthz", http.Header{"Host": {"localhost"}}, 421, failed{"host.unknown", "this server does not answer for that host name: ask it by one of its own", hosts(s)}},
		"one slot": {"DELETE", "/api/slots/a", nil, 405, failed{"method.not_allowed", "everything here is read only: ask with GET or HEAD", nil}},
	} {
		got := s.ask(c.method, c.path, c.header)
		assert.Equal(t, c.status, got.status, name)
		assert.Equal(t, c.want, got.failed(t), name)
		assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), name)
		assert.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'", name)
		assert.Equal(t, "no-store", got.header.Get("Cache-Control"), name)
	}
	assert.Equal(t, "GET, HEAD", s.ask("PUT", "/", nil).header.Get("Allow"))
	port := s.base[strings.LastIndex(s.base, ":"):]
	assert.Equal(t, http.StatusOK, s.ask("GET", "/healthz", http.Header{"Host": {"LOCALHOST" + port}}).status)
}

func hosts(s *site) []any {
	port := s.base[strings.LastIndex(s.base, ":"):]
	return []any{"127.0.0.1" + port, "[::1]" + port, "localhost" + port}
}

// What has not changed is not sent again.
func TestETag(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8187)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateOffline})
	for _, path := range []string{"/api/profiles", "/api/profiles/p", "/api/slots", "/api/slots/a", "/api/devices", "/api/providers", "/api/hardware", "/api/images", "/api/openapi.json"} {
		first := s.get(path)
		tag := first.header.Get("ETag")
		require.NotEmpty(t, tag, path)
		for _, given := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			again := s.ask("GET", path, http.Header{"If-None-Match": {given}})
			assert.Equal(t, http.StatusNotModified, again.status, path)
			assert.Equal(t, tag, again.header.Get("ETag"))
			assert.Empty(t, again.body)
		}
		assert.Equal(t, http.StatusOK, s.ask("GET", path, http.Header{"If-None-Match": {`"x"`}}).status)
		head := s.ask("HEAD", path, nil)
		assert.Equal(t, http.StatusOK, head.status)
		assert.Equal(t, first.header.Get("Content-Length"), head.header.Get("Content-Length"))
		assert.Empty(t, head.body)
	}
	tag := s.get("/api/slots").header.Get("ETag")
	_, err := b.opened().Up(t.Context(), "a")
	require.NoError(t, err)
	s.awaits(map[string]hal0.State{"a": hal0.StateReady})
	assert.Equal(t, http.StatusOK, s.ask("GET", "/api/slots", http.Header{"If-None-Match": {tag}}).status, "a state changed")
}

// Nothing that is said holds what is named after a secret.
func TestNoSecrets(t *testing.T) {
	b := newBox(t)
	b.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \""+image+"\"\ndevice_class = \"cpu\"\nflags = \"--hf-token hunter2\"\n")
	b.slot("a", 8180, "server.env = { API_KEY = \"hunter2\" }\nserver.extra_args = \"--ssl-key-password hunter2\"\n")
	_, err := b.opened().Up(t.Context(), "a")
	require.NoError(t, err)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateReady})
	for path, name := range map[string]string{
		"/api/slots": "API_KEY", "/api/slots/a": "API_KEY", "/slots/a": "--ssl-key-password",
		"/api/profiles": "--hf-token", "/api/profiles/p": "--hf-token", "/profiles/p": "--hf-token",
	} {
		got := s.get(path)
		assert.Equal(t, http.StatusOK, got.status)
		assert.Contains(t, got.body, name, path)
		assert.NotContains(t, got.body, "hunter2", path)
	}
	events := s.listen()
	b.slot("a", 8180, "server.env = { API_KEY = \"hunter2\", TOKEN = \"hunter2\" }\n")
	assert.NotContains(t, events.until("file", "TOKEN"), "hunter2")
}

func TestImages(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8189)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateOffline}) // of the box as it is watched
	checked := read[web.Images](s, "/api/images")
	assert.False(t, checked.Registry)
	verdicts := map[string]string{}
	for _, r := range checked.Images {
		verdicts[r.Pin.Ref] = string(r.Verdict)
	}
	assert.Equal(t, "unpublished", verdicts[image])
	assert.Equal(t, checked.CheckedAt, read[web.Images](s, "/api/images").CheckedAt, "it is kept for a while")
	assert.Contains(t, s.get("/metrics").body, `hal0_images{verdict="absent"} 3`)

	b.slot("b", 8190)
	s.awaits(map[string]hal0.State{"a": hal0.StateOffline, "b": hal0.StateOffline})
	b.rt.Intercept(func(context.Context, runtimetest.Call, func() error) error { return runtime.ErrUnavailable })
	got := s.get("/api/images")
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.Equal(t, "runtime.unavailable", got.failed(t).Code)
}

// A check that is under way ends with the server.
func TestCheckEndsWithTheServer(t *testing.T) {
	b := newBox(t)
	s := b.serve()
	s.awaits(nil)
	asked, status := make(chan struct{}), make(chan int, 1)
	once := sync.OnceFunc(func() { close(asked) })
	b.rt.Intercept(func(ctx context.Context, c runtimetest.Call, do func() error) error {
		if c.Op != runtimetest.OpImage {
			return do()
		}
		once()
		<-ctx.Done()
		return ctx.Err()
	})
	go func() { status <- s.get("/api/images").status }()
	<-asked
	s.stop()
	<-s.ended
	assert.Equal(t, http.StatusBadGateway, <-status, "it is answered")
}

// The states of slots are not known while the runtime is away, and again when it
// is back.
func TestRuntimeIsAway(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8191)
	_, err := b.opened().Up(t.Context(), "a")
	require.NoError(t, err)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateReady})
	events := s.listen()
	b.rt.Intercept(func(context.Context, runtimetest.Call, func() error) error { return runtime.ErrUnavailable })
	require.NoError(t, b.rt.Exit("hal0-slot-a", 1))
	events.until("runtime", `"code":"runtime.unavailable"`)
	assert.Equal(t, hal0.State(""), read[[]web.Slot](s, "/api/slots")[0].State)
	assert.Contains(t, s.get("/healthz").body, `"states":false`)
	assert.Contains(t, s.get("/metrics").body, `hal0_slots{state="unknown"} 1`)
	b.rt.Intercept(nil)
	s.awaits(map[string]hal0.State{"a": hal0.StateError})
	assert.Contains(t, s.get("/healthz").body, `"states":true`)
}

// A runtime that fails once is asked again.
func TestRuntimeFails(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8195)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateOffline})
	events := s.listen()
	b.rt.FailNext(runtimetest.OpList, errors.New("database is locked"))
	b.rt.LoseEvents() // it is asked at once
	events.until("runtime", "database is locked")
	s.awaits(map[string]hal0.State{"a": hal0.StateOffline})
	assert.Contains(t, s.get("/healthz").body, `"states":true`)
}

func TestMetrics(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8192)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateOffline})
	// Its image is fetched for as long as somebody has to see that.
	b.rt.AddRemote("example.com/far:1", runtimetest.Remote{Program: runtimetest.Program{Handler: runtimetest.ModelServer()}})
	b.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \"example.com/far:1\"\ndevice_class = \"cpu\"\n")
	seen := make(chan struct{})
	b.rt.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpPull {
			<-seen
		}
		return do()
	})
	ended := make(chan error, 1)
	go func() {
		_, err := b.opened().Up(context.WithoutCancel(t.Context()), "a")
		ended <- err
	}()
	s.awaits(map[string]hal0.State{"a": hal0.StatePulling})
	assert.Contains(t, s.get("/metrics").body, "hal0_image_pulls_total 1")
	close(seen)
	require.NoError(t, <-ended)
	s.awaits(map[string]hal0.State{"a": hal0.StateReady})
	assert.Contains(t, s.get("/metrics").body, `hal0_slots{state="ready"} 1`)
	assert.Contains(t, s.get("/metrics").body, "hal0_slot_up_seconds_count 1")
	events := s.listen()
	b.slot("a", 8192, "mtp = 7\n")
	events.until("file", `"invalid"`)
	metrics := s.get("/metrics").body
	assert.Contains(t, metrics, "hal0_file_errors_total 1")
	assert.Contains(t, metrics, `hal0_file_problems{kind="error"} 1`)
}

// Slots whose file is gone are shown as long as they have a container.
func TestSlotWithoutAFile(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8193)
	opened := b.opened()
	_, err := opened.Up(t.Context(), "a")
	require.NoError(t, err)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateReady})
	b.remove("a")
	events := s.listen()
	for read[web.Slot](s, "/api/slots/a").Config != nil {
		events.next()
	}
	left := read[web.Slot](s, "/api/slots/a")
	assert.Nil(t, left.Plan)
	assert.NotNil(t, left.Status.Container)
	require.NoError(t, opened.Down(t.Context(), "a"))
	for s.get("/api/slots/a").status == http.StatusOK {
		events.next()
	}
	assert.Equal(t, "[]\n", s.get("/api/slots").body)
}

// A container that goes while the box is opened again is not shown for ever.
func TestSlotThatGoesUnseen(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8196)
	opened := b.opened()
	_, err := opened.Up(t.Context(), "a")
	require.NoError(t, err)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateReady})
	gone := make(chan struct{})
	b.rt.Intercept(func(ctx context.Context, c runtimetest.Call, do func() error) error {
		if c.Op == runtimetest.OpList { // whoever looks sees what there is afterwards
			select {
			case <-gone:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return do()
	})
	events := s.listen()
	b.remove("a")
	events.until("file", `"removed"`)
	require.NoError(t, opened.Down(t.Context(), "a"))
	close(gone)
	events.until("state", `"slot":"a","state":"offline"`)
	assert.Equal(t, "[]\n", s.get("/api/slots").body)
}

// What changes while the box can't be opened is told, and shown, once it can.
func TestBoxThatCannotBeOpened(t *testing.T) {
	b := newBox(t)
	b.slot("a", 8197)
	logged := make(logs, 10)
	s := serve(t, web.Config{Home: hal0.HomeAt(b.home), Options: b.options(), Log: slog.New(slog.NewTextHandler(logged, nil))})
	events := s.listen()
	slots := filepath.Join(b.home, "etc/hal0/slots")
	require.NoError(t, os.Rename(slots, slots+".away"))
	require.NoError(t, os.WriteFile(slots, nil, 0o644))
	assert.Contains(t, <-logged, "the box can't be opened again")
	b.write("etc/hal0/profiles.toml", "[profile.q]\nimage = \""+image+"\"\n")
	require.NoError(t, os.Remove(slots))
	require.NoError(t, os.Rename(slots+".away", slots))
	events.until("file", `"kind":"invalid"`, `/slots"`)
	events.until("file", `/profiles.toml"`)
	assert.Equal(t, http.StatusOK, s.get("/api/profiles/q").status)
}

// logs are lines of a log.
type logs chan string

func (l logs) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}
