package podman_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// A fake is a podman service that answers what a test says, to show what real
// ones do only in other versions or when they break.
type fake struct {
	mu       sync.Mutex
	handlers map[string]http.HandlerFunc // by "METHOD /path" below the API's base
	requests []string
}

// fakeRuntime returns a Runtime on a fake service.
func fakeRuntime(t testing.TB, handlers map[string]http.HandlerFunc, opts ...podman.Option) (*podman.Runtime, *fake) {
	t.Helper()
	f := &fake{handlers: handlers}
	server := httptest.NewUnstartedServer(f)
	server.Listener = unixListener(t)
	server.Start()
	t.Cleanup(server.Close)
	r := connect(t, "unix://"+server.Listener.Addr().String(), opts...)
	return r, f
}

func unixListener(t testing.TB) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf") // t.TempDir may be too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	return l
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, ok := strings.Cut(r.URL.Path, "/libpod")
	if !ok {
		path = strings.TrimPrefix(r.URL.Path, "/v1.40")
	}
	if path == "/_ping" {
		w.Header().Set("Libpod-Api-Version", "5.4.2")
		return
	}
	key := r.Method + " " + path
	f.mu.Lock()
	f.requests = append(f.requests, key)
	handler, ok := f.handlers[key]
	f.mu.Unlock()
	if !ok {
		reply(http.StatusNotFound, `{"cause":"no such container","message":"no container with name or ID \"c\" found: no such container","response":404}`)(w, r)
		return
	}
	handler(w, r)
}

// count returns how often a request came.
func (f *fake) count(key string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		if r == key {
			n++
		}
	}
	return n
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// inTurn answers with one handler after the other, and goes on with the last.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		handler := handlers[0]
		if len(handlers) > 1 {
			handlers = handlers[1:]
		}
		mu.Unlock()
		handler(w, r)
	}
}

// drop closes the connection without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// fakeSpec is a spec for a fake service.
func fakeSpec() runtime.Spec {
	return runtime.Spec{
		Name: "c", Image: "localhost/i:v1", Network: "bridge",
		Publish: []runtime.Port{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8081, ContainerPort: 8081}},
		Labels:  map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "c", runtime.LabelPlan: "p"},
	}
}

// described is an inspect answer for fakeSpec.
func described(status, hostIP string, labels map[string]string) http.HandlerFunc {
	text, err := json.Marshal(labels)
	if err != nil {
		panic(err)
	}
	return reply(http.StatusOK, fmt.Sprintf(`{"Id":"id1","Name":"c","ImageName":"localhost/i:v1","State":{"Status":%q},
		"Config":{"Entrypoint":["/x"],"StopSignal":"SIGTERM","Labels":%s},"NetworkSettings":{"Ports":{"8081/tcp":[{"HostIp":%q,"HostPort":"8081"}]}}}`, status, text, hostIP))
}

var (
	noContent = reply(http.StatusNoContent, "")
	created   = reply(http.StatusCreated, `{"Id":"id1","Warnings":[]}`)
	removed   = reply(http.StatusOK, `[{"Id":"id1"}]`)
	missing   = reply(http.StatusNotFound, `{"cause":"no such container","message":"no such container","response":404}`)
	portBusy  = reply(http.StatusInternalServerError, `{"cause":"address already in use","message":"cannot listen on the TCP port: listen tcp4 127.0.0.1:8081: bind: address already in use","response":500}`)
	noProgram = reply(http.StatusInternalServerError, `{"cause":"OCI runtime attempted to invoke a command that was not found","message":"crun: executable file not found: OCI runtime attempted to invoke a command that was not found","response":500}`)
)

// startable answers what Start asks of a service where all goes well, except
// for what change says.
func startable(change map[string]http.HandlerFunc) map[string]http.HandlerFunc {
	handlers := map[string]http.HandlerFunc{
		"GET /images/localhost/i:v1/exists": noContent,
		"GET /containers/c/json":            missing,
		"POST /containers/create":           created,
		"POST /containers/id1/start":        noContent,
		"GET /containers/id1/json":          described("running", "127.0.0.1", fakeSpec().Labels),
		"DELETE /containers/id1":            removed,
	}
	for key, handler := range change {
		handlers[key] = handler
	}
	return handlers
}

func TestStartAgainstAFakeService(t *testing.T) {
	t.Parallel()
	ours := fakeSpec().Labels
	notOurs := map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "c", runtime.LabelPlan: "another"}
	const create, discard = "POST /containers/create", "DELETE /containers/id1"
	for name, tc := range map[string]struct {
		change   map[string]http.HandlerFunc
		class    error
		text     string // of the error; none is wanted when empty
		discards int
	}{
		"works":         {},
		"already runs":  {change: map[string]http.HandlerFunc{"POST /containers/id1/start": reply(http.StatusNotModified, "")}},
		"image gone, 5": {change: map[string]http.HandlerFunc{create: reply(404, `{"cause":"image not known","message":"localhost/i:v1: image not known","response":404}`)}, class: runtime.ErrImageNotFound, text: "start c: image is not present: podman: localhost/i:v1: image not known (HTTP 404)"},
		"image gone, 4": {change: map[string]http.HandlerFunc{create: reply(500, `{"cause":"image not known","message":"localhost/i:v1: image not known","response":500}`)}, class: runtime.ErrImageNotFound, text: "start c: image is not present: podman: localhost/i:v1: image not known (HTTP 500)"},
		"name taken":    {change: map[string]http.HandlerFunc{create: reply(500, `{"cause":"that name is already in use","message":"creating container storage: the container name \"c\" is already in use by x: that name is already in use","response":500}`)}, class: runtime.ErrForeign, text: `start c: container is not managed by hal0: podman: creating container storage: the container name "c" is already in use by x: that name is already in use (HTTP 500)`},
		"not JSON": {change: map[string]http.HandlerFunc{create: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Bad\x1b Gateway", http.StatusBadGateway)
		}}, text: "start c: podman: Bad Gateway (HTTP 502)"},
		"empty error":             {change: map[string]http.HandlerFunc{create: reply(503, "")}, text: "start c: podman: Service Unavailable (HTTP 503)"},
		"warning":                 {change: map[string]http.HandlerFunc{create: reply(201, `{"Id":"id1","Warnings":["ports discarded"]}`)}, text: "start c: podman warns: ports discarded", discards: 1},
		"other address":           {change: map[string]http.HandlerFunc{"GET /containers/id1/json": described("running", "0.0.0.0", ours)}, text: "start c: podman publishes [0.0.0.0:8081:8081], want [127.0.0.1:8081:8081]", discards: 1},
		"no address":              {change: map[string]http.HandlerFunc{"GET /containers/id1/json": described("running", "", ours)}, text: "start c: podman publishes [0.0.0.0:8081:8081], want [127.0.0.1:8081:8081]", discards: 1},
		"port busy":               {change: map[string]http.HandlerFunc{"POST /containers/id1/start": portBusy}, class: runtime.ErrPortInUse, text: "start c: port is in use: host port 127.0.0.1:8081: podman: cannot listen on the TCP port: listen tcp4 127.0.0.1:8081: bind: address already in use (HTTP 500)", discards: 1},
		"create dropped, made":    {change: map[string]http.HandlerFunc{create: drop, "GET /containers/c/json": inTurn(missing, missing, described("created", "127.0.0.1", ours))}},
		"create dropped, another": {change: map[string]http.HandlerFunc{create: drop, "GET /containers/c/json": inTurn(missing, described("created", "127.0.0.1", notOurs))}, class: runtime.ErrUnavailable, text: "EOF (is podman.socket started?)"},
		"create dropped, none":    {change: map[string]http.HandlerFunc{create: drop}, class: runtime.ErrUnavailable, text: "EOF (is podman.socket started?)"},
		"start dropped":           {change: map[string]http.HandlerFunc{"POST /containers/id1/start": drop}, class: runtime.ErrUnavailable, text: "EOF (is podman.socket started?)", discards: 1},
		"removal fails too": {change: map[string]http.HandlerFunc{"POST /containers/id1/start": noProgram, discard: reply(500, `{"message":"busy"}`)}, class: runtime.ErrCommand, discards: 2,
			text: "; container id1 could not be removed: podman: busy (HTTP 500)"},
		"removal works the second time": {change: map[string]http.HandlerFunc{"POST /containers/id1/start": noProgram, discard: inTurn(reply(500, `{"message":"conmon exited prematurely"}`), removed)}, class: runtime.ErrCommand, discards: 2, text: "command can't be run"},
		"removal reports an error":      {change: map[string]http.HandlerFunc{"POST /containers/id1/start": noProgram, discard: inTurn(reply(200, `[{"Id":"id1","Err":"busy"}]`), reply(200, "null"))}, class: runtime.ErrCommand, discards: 2, text: "command can't be run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, f := fakeRuntime(t, startable(tc.change))
			c, err := r.Start(t.Context(), fakeSpec(), runtime.StartOptions{})
			assert.Equal(t, 1, f.count(create), "a create is never repeated")
			assert.Equal(t, tc.discards, f.count(discard))
			if tc.text == "" {
				require.NoError(t, err)
				assert.Equal(t, "id1", c.ID)
				return
			}
			require.ErrorContains(t, err, tc.text)
			if tc.class != nil {
				assert.ErrorIs(t, err, tc.class)
			}
		})
	}
}

// An image's name may be given to another image before the create, and between
// a look at it and the create.
func TestStartHoldsToTheImageID(t *testing.T) {
	t.Parallel()
	image := func(id string) http.HandlerFunc { return reply(200, `{"Id":"sha256:`+id+`","Os":"linux"}`) }
	container := func(id string) http.HandlerFunc {
		return reply(200, `{"Id":"id1","Name":"c","Image":"`+id+`","State":{"Status":"running"},"NetworkSettings":{"Ports":{"8081/tcp":[{"HostIp":"127.0.0.1","HostPort":"8081"}]}}}`)
	}
	const create, start, discard = "POST /containers/create", "POST /containers/id1/start", "DELETE /containers/id1"
	for name, tc := range map[string]struct {
		image, container          http.HandlerFunc
		text                      string
		creates, starts, discards int
	}{
		"the same":         {image: image("one"), container: container("one"), creates: 1, starts: 1},
		"moved before":     {image: image("two"), text: "start c: image has changed: image localhost/i:v1 is two, and one was asked for: its name was given to another image meanwhile"},
		"moved meanwhile":  {image: image("one"), container: container("two"), text: "start c: image has changed: the container's image is two, and one was asked for: its name was given to another image meanwhile", creates: 1, discards: 1},
		"gone before":      {image: reply(404, `{"cause":"image not known","message":"localhost/i:v1: image not known","response":404}`), text: "start c: image is not present: podman: localhost/i:v1: image not known (HTTP 404)"},
		"can't be seen":    {image: image("one"), container: reply(500, `{"message":"busy"}`), text: "start c: podman: busy (HTTP 500)", creates: 1, discards: 1},
		"made without one": {image: image("one"), container: container(""), text: "start c: image has changed: the container's image is , and one was asked for: its name was given to another image meanwhile", creates: 1, discards: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, f := fakeRuntime(t, startable(map[string]http.HandlerFunc{"GET /images/localhost/i:v1/json": tc.image, "GET /containers/id1/json": tc.container}))
			_, err := r.Start(t.Context(), fakeSpec(), runtime.StartOptions{ImageID: "one"})
			assert.Equal(t, []int{tc.creates, tc.starts, tc.discards}, []int{f.count(create), f.count(start), f.count(discard)}, "created, started, removed")
			if tc.text == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.text)
			assert.Equal(t, strings.Contains(tc.text, "has changed"), errors.Is(err, runtime.ErrImageChanged))
		})
	}
}

func TestPortOfAFailedStartIsRetriedUntilFree(t *testing.T) {
	t.Parallel()
	r, f := fakeRuntime(t, startable(map[string]http.HandlerFunc{
		"POST /containers/id1/start": inTurn(noProgram, portBusy, portBusy, noContent),
	}))
	_, err := r.Start(t.Context(), fakeSpec(), runtime.StartOptions{})
	require.ErrorIs(t, err, runtime.ErrCommand)
	_, err = r.Start(t.Context(), fakeSpec(), runtime.StartOptions{})
	require.NoError(t, err)
	assert.Equal(t, 4, f.count("POST /containers/id1/start"))
}

func TestStartIsCancelledDuringCreate(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, f := fakeRuntime(t, startable(map[string]http.HandlerFunc{
		"POST /containers/create": func(w http.ResponseWriter, r *http.Request) {
			cancel()
			created(w, r)
		},
	}))
	_, err := r.Start(ctx, fakeSpec(), runtime.StartOptions{})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, f.count("DELETE /containers/id1"))
	assert.Zero(t, f.count("POST /containers/id1/start"))
}

func TestPullAgainstAFakeService(t *testing.T) {
	t.Parallel()
	const (
		image = `{"Id":"sha256:abcdef012345","RepoDigests":["r@sha256:1"],"Os":"linux","Architecture":"amd64","Size":7}`
		fails = "pull localhost/i:v1: pull failed: "
		done  = `{"status":"Download complete","progressDetail":{},"id":"abcdef0"}`
	)
	for name, tc := range map[string]struct {
		pull http.HandlerFunc
		text string
		none bool // no image is there afterwards
	}{
		"works":       {pull: reply(200, `{"status":"Pulling fs layer","progressDetail":{},"id":"1"}`+"\n"+done+"\n")},
		"error line":  {pull: reply(200, `{"progressDetail":{},"errorDetail":{"message":"x"},"error":"manifest unknown"}`), text: fails + "podman: manifest unknown"},
		"error last":  {pull: reply(200, done+"\n"+`{"error":"no space"}`), text: fails + "podman: no space"},
		"truncated":   {pull: reply(200, `{"status":"Download complete","id":"123"}`+"\n"), text: fails + "podman's report ends with 123, but the image of that name is abcdef012345: the report broke off, or someone else moved the name"},
		"all is lost": {pull: reply(200, done+"\n"), none: true, text: fails + "podman's report ends with abcdef0, but the image of that name is not there: the report broke off, or someone else moved the name"},
		"empty":       {pull: reply(200, ""), text: fails + "podman's report ended without an image: the service or the transfer broke off"},
		"no id":       {pull: reply(200, done+"\n{}\n"), text: fails + "podman's report ended without an image: the service or the transfer broke off"},
		"not JSON":    {pull: reply(200, "<html>\x1b"), text: fails + `podman reports "<html>": invalid character '<' looking for beginning of value`},
		"HTTP status": {pull: reply(500, `{"cause":"denied","message":"requested access is denied","response":500}`), text: fails + "podman: requested access is denied (HTTP 500)"},
		"podman 5":    {pull: reply(401, `{"message":"unauthorized"}`), text: fails + "podman: unauthorized (HTTP 401)"},
		"credentials": {pull: reply(200, `{"error":"Get \"https://me:pw@h/t?k=pw\": EOF"}`), text: fails + `podman: Get "https://xxxxx@h/t?k=xxxxx": EOF`},
		"broken off": {pull: func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, done)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, text: fails + "podman's report broke off: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			missing := reply(404, `{"cause":"image not known","message":"no such image","response":404}`)
			after := reply(200, image)
			if tc.none {
				after = missing
			}
			r, f := fakeRuntime(t, map[string]http.HandlerFunc{
				"POST /images/create": tc.pull, "GET /images/localhost/i:v1/json": inTurn(missing, after),
			})
			got, err := r.Pull(t.Context(), "localhost/i:v1", runtime.PullOptions{})
			assert.Equal(t, 1, f.count("POST /images/create"))
			if tc.text == "" {
				require.NoError(t, err)
				assert.Equal(t, runtime.Image{ID: "abcdef012345", RepoDigests: []string{"r@sha256:1"}, Platform: "linux/amd64", Size: 7}, got)
				return
			}
			require.EqualError(t, err, tc.text)
			assert.ErrorIs(t, err, runtime.ErrPull)
		})
	}
}

// listenOnly accepts and never answers.
func listenOnly(t testing.TB) string {
	t.Helper()
	l := unixListener(t)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return "unix://" + l.Addr().String()
}

func TestContextEndsEveryCall(t *testing.T) {
	t.Parallel()
	calls := map[string]func(context.Context, *podman.Runtime) error{
		"start": func(ctx context.Context, r *podman.Runtime) error {
			_, err := r.Start(ctx, fakeSpec(), runtime.StartOptions{})
			return err
		},
		"stop":    func(ctx context.Context, r *podman.Runtime) error { return r.Stop(ctx, "c", time.Hour) },
		"inspect": func(ctx context.Context, r *podman.Runtime) error { _, err := r.Inspect(ctx, "c"); return err },
		"list":    func(ctx context.Context, r *podman.Runtime) error { _, err := r.List(ctx, nil); return err },
		"image": func(ctx context.Context, r *podman.Runtime) error {
			_, err := r.Image(ctx, "localhost/i:v1")
			return err
		},
		"pull": func(ctx context.Context, r *podman.Runtime) error {
			_, err := r.Pull(ctx, "localhost/i:v1", runtime.PullOptions{Always: true})
			return err
		},
		"run once": func(ctx context.Context, r *podman.Runtime) error {
			_, err := r.RunOnce(ctx, runtime.Once{Image: "localhost/i:v1", Within: time.Hour})
			return err
		},
		"logs": func(ctx context.Context, r *podman.Runtime) (last error) {
			for _, err := range r.Logs(ctx, "c", runtime.LogOptions{Follow: true}) {
				last = err
			}
			return last
		},
	}
	for name, call := range calls {
		t.Run(name+" connecting", func(t *testing.T) {
			t.Parallel()
			r := connect(t, listenOnly(t))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			assert.ErrorIs(t, call(ctx, r), context.Canceled)
		})
		t.Run(name+" waiting", func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			hang := func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				<-r.Context().Done()
			}
			r, _ := fakeRuntime(t, map[string]http.HandlerFunc{
				"GET /containers/c/json": hang, "GET /containers/json": hang, "GET /images/localhost/i:v1/json": hang,
				"GET /images/localhost/i:v1/exists": hang, "POST /images/create": hang,
			})
			err := call(ctx, r)
			require.ErrorIs(t, err, context.Canceled)
			assert.NotErrorIs(t, err, runtime.ErrUnavailable)
		})
		t.Run(name+" in time", func(t *testing.T) {
			t.Parallel()
			uri := listenOnly(t)
			r := connect(t, uri, podman.WithTimeout(10*time.Millisecond))
			err := call(t.Context(), r)
			require.ErrorIs(t, err, runtime.ErrUnavailable)
			assert.Contains(t, err.Error(), "podman service at "+uri+": no answer within 10ms")
		})
	}
}

// A call that is given up while it connects leaves no connection, wherever that
// was.
func TestConnectingIsGivenUp(t *testing.T) {
	t.Parallel()
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		var connections atomic.Int32
		server := httptest.NewUnstartedServer(&fake{})
		server.Listener = unixListener(t)
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				connections.Add(1)
				cancel()
			case http.StateClosed:
				connections.Add(-1)
			case http.StateActive, http.StateIdle, http.StateHijacked:
			}
		}
		server.Start()
		r := connect(t, "unix://"+server.Listener.Addr().String())
		_, err := r.List(ctx, nil)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, r.Close())
		require.Eventually(t, func() bool { return connections.Load() == 0 }, 10*time.Second, time.Millisecond)
		server.Close()
	}
}

func TestListAgainstAFakeService(t *testing.T) {
	t.Parallel()
	r, _ := fakeRuntime(t, map[string]http.HandlerFunc{
		"GET /containers/json": reply(200, `[
			{"Id":"b","Names":["b"],"State":"running","Labels":{"k":"v"},"StartedAt":1,"Ports":[{"host_ip":"","host_port":90,"container_port":80,"range":2,"protocol":"tcp"},{"host_ip":"","host_port":9,"container_port":9,"range":1,"protocol":"udp"}]},
			{"Id":"gone","Names":["gone"],"State":"exited","ExitCode":1,"Labels":{"k":"v"}},
			{"Id":"x","Names":["x"],"State":"running","Labels":{"k":"other"}},
			{"Id":"a","Names":["a"],"State":"configured","Labels":{"k":"v"},"StartedAt":-62135596800}]`),
	})
	list, err := r.List(t.Context(), map[string]string{"k": "v"})
	require.NoError(t, err)
	every := netip.IPv4Unspecified()
	assert.Equal(t, []runtime.Container{
		{ID: "a", Name: "a", State: runtime.StateCreated, Labels: map[string]string{"k": "v"}},
		{ID: "b", Name: "b", State: runtime.StateRunning, Labels: map[string]string{"k": "v"}, StartedAt: time.Unix(1, 0).UTC(),
			Publish: []runtime.Port{{HostIP: every, HostPort: 90, ContainerPort: 80}, {HostIP: every, HostPort: 91, ContainerPort: 81}}},
	}, list)
}

func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	r, _ := fakeRuntime(t, map[string]http.HandlerFunc{
		"GET /containers/c/json": reply(200, "<html>"),
		"GET /containers/p/json": reply(200, `{"Id":"p","Name":"p","NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"here","HostPort":"x"}]}}}`),
		"GET /containers/json":   reply(200, `[{"Id":"p","Names":["p"],"Ports":[{"host_ip":"here","protocol":"tcp"}]}]`),
	})
	_, err := r.Inspect(t.Context(), "c")
	require.EqualError(t, err, "inspect c: podman's answer to GET /containers/c/json: invalid character '<' looking for beginning of value")
	_, err = r.Inspect(t.Context(), "p")
	require.ErrorContains(t, err, `inspect p: podman publishes 80/tcp at "here" port "x": strconv.Atoi`)
	_, err = r.List(t.Context(), nil)
	require.ErrorContains(t, err, `list containers: podman publishes p at "here": ParseAddr`)
	for _, name := range []string{"", ".", ".."} {
		_, err = r.Inspect(t.Context(), name)
		require.ErrorIs(t, err, runtime.ErrNotFound)
	}
}

func TestNewRefusesOtherAddresses(t *testing.T) {
	t.Setenv("CONTAINER_HOST", "unix:///run/elsewhere.sock")
	for _, uri := range []string{"", "unix://", "unix:///", "unix://relative/x", "unix:relative", "/run/podman.sock", "tcp://127.0.0.1:1", "ssh://h/x", "http://x/y", "unix:///a?b=c", "unix:///a%"} {
		_, err := podman.New(uri)
		require.EqualError(t, err, fmt.Sprintf("podman: service address: found %q, want unix:// and the absolute path of a socket, such as unix:///run/podman/podman.sock", uri))
	}
	_, err := podman.New(podman.DefaultURI(), podman.WithTimeout(0))
	require.EqualError(t, err, "podman: timeout: found 0s, want above 0")
	_, err = podman.New(podman.DefaultURI())
	assert.NoError(t, err)
}

func TestLogsAgainstAFakeService(t *testing.T) {
	t.Parallel()
	stream := func(text string) http.HandlerFunc { return reply(http.StatusOK, text) }
	refuse := reply(http.StatusInternalServerError, `{"message":"unable to read log file"}`)
	for name, tc := range map[string]struct {
		logs http.HandlerFunc
		text string // of the error; none is wanted when empty
	}{
		"works":         {logs: stream("\x01\x00\x00\x00\x00\x00\x00\x02a\n")},
		"second time":   {logs: inTurn(refuse, stream("\x01\x00\x00\x00\x00\x00\x00\x02a\n"))},
		"refused":       {logs: refuse, text: "logs c: podman: unable to read log file (HTTP 500)"},
		"not in frames": {logs: stream("plain text"), text: "logs c: podman's log can't be read: a frame has neither stream 1 nor 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := fakeRuntime(t, map[string]http.HandlerFunc{
				"GET /containers/c/json": described("exited", "127.0.0.1", nil), "GET /containers/id1/logs": tc.logs,
			})
			var lines []string
			var last error
			for line, err := range r.Logs(t.Context(), "c", runtime.LogOptions{}) {
				if last = err; err == nil {
					lines = append(lines, line.Text)
				}
			}
			if tc.text == "" {
				require.NoError(t, last)
				assert.Equal(t, []string{"a"}, lines)
				return
			}
			require.EqualError(t, last, tc.text)
		})
	}
}
