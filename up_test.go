package hal0_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/podmantest"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

var service podmantest.Shared

func TestMain(m *testing.M) {
	if home := os.Getenv(applyHome); home != "" {
		if err := applyHere(home, os.Getenv(applyURI)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(podmantest.Main(func() int {
		code := m.Run()
		if err := service.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		return code
	}))
}

// stubBox is a box of one slot whose image does what mode says; see
// internal/stubserver.
type stubBox struct {
	t       *testing.T
	service *podmantest.Service
	rt      *podman.Runtime
	home    string
	port    int
}

func newStubBox(t *testing.T, port int, mode string) *stubBox {
	t.Helper()
	s := service.Service(t)
	rt, err := podman.New(s.URI)
	require.NoError(t, err)
	b := &stubBox{t: t, service: s, rt: rt, home: t.TempDir(), port: port}
	b.write("etc/hal0/hal0.toml", "[models]\nstore = \""+b.home+"\"\n")
	b.write("etc/hal0/profiles.toml", "[profile.stub]\nimage = \""+s.StubImage(t)+"\"\ndevice_class = \"cpu\"\n")
	b.write("model.gguf", "")
	b.slot(mode)
	t.Cleanup(func() {
		assert.NoError(t, rt.Stop(context.WithoutCancel(t.Context()), "hal0-slot-one", 0))
		assert.NoError(t, rt.Close())
	})
	return b
}

func (b *stubBox) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.home, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(b.t, os.WriteFile(path, []byte(text), 0o644))
}

// slot writes the slot's file with a mode of the stub server.
func (b *stubBox) slot(mode string) {
	b.t.Helper()
	b.write("etc/hal0/slots/one.toml", fmt.Sprintf("port = %d\ndevice = \"cpu\"\nprofile = \"stub\"\n[model]\ndefault = %q\n[server]\nenv = { STUB_MODE = %q, STUB_LOADING = \"1\" }\n",
		b.port, filepath.Join(b.home, "model.gguf"), mode))
}

// open opens the box as its files are now. Model files are not looked at: the
// stub's is empty.
func (b *stubBox) open(opts ...hal0.Option) *hal0.Box {
	b.t.Helper()
	box, err := hal0.Open(hal0.HomeAt(b.home), append([]hal0.Option{hal0.WithRuntime(b.rt), hal0.WithHost(device.Host{})}, opts...)...)
	require.NoError(b.t, err)
	require.Empty(b.t, box.Problems())
	return box
}

func (b *stubBox) containers() []string {
	b.t.Helper()
	out, err := b.service.Podman("ps", "--all", "--format", "{{.Names}}", "--filter", "name=hal0-slot-one")
	require.NoError(b.t, err)
	return strings.Fields(out)
}

func TestUpAdoptsReplacesAndStops(t *testing.T) {
	b := newStubBox(t, 8150, "")
	var states []hal0.State
	up, err := b.open().Up(t.Context(), "one", hal0.OnProgress(func(e hal0.Event) { states = append(states, e.State) }))
	require.NoError(t, err)
	assert.Equal(t, []hal0.State{hal0.StateStarting, hal0.StateWarming, hal0.StateReady}, states)
	assert.Equal(t, hal0.StateReady, up.State)

	again, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, up.Container.ID, again.Container.ID, "adopted by another process that knows nothing of the first")

	b.slot("ignore-term")
	status, err := b.open().Status(t.Context(), "one")
	require.NoError(t, err)
	assert.False(t, status.Current)
	replaced, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.NotEqual(t, up.Container.ID, replaced.Container.ID)
	assert.Equal(t, []string{"hal0-slot-one"}, b.containers())

	require.NoError(t, b.open().Down(t.Context(), "one", hal0.StopWithin(time.Second)), "a server that ignores SIGTERM is killed")
	assert.Empty(t, b.containers())
	require.NoError(t, b.open().Down(t.Context(), "one"), "down again is fine")
	require.ErrorIs(t, b.open().Down(t.Context(), "two"), hal0.ErrNoSlot)
}

func TestUpFails(t *testing.T) {
	for name, tc := range map[string]struct {
		mode   string
		exited bool
		code   int
		want   string
	}{
		"it exits":              {"exit:3", true, 3, "slot one: the server exited with code 3 while starting; its last lines were:"},
		"it crashes on loading": {"crash-loading:7", true, 7, "error: out of memory while loading"},
		"it is never ready":     {"never", false, 0, "not ready within 1s; the last probe: GET /health answers 503 Service Unavailable"},
		"it never answers":      {"hang", false, 0, "slot one: the server did not become ready: not ready within 1s; the last probe: GET /health "},
		"it does not listen":    {"no-listen", false, 0, "not ready within 1s; the last probe: GET /health "},
	} {
		t.Run(name, func(t *testing.T) {
			b := newStubBox(t, 8151, tc.mode)
			_, err := b.open().Up(t.Context(), "one", hal0.ReadyWithin(within(tc.exited)))
			require.ErrorIs(t, err, hal0.ErrNotReady)
			var failed *hal0.StartError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, tc.exited, failed.Exited)
			assert.Equal(t, tc.code, failed.ExitCode)
			assert.Contains(t, err.Error(), tc.want)
			assert.Contains(t, err.Error(), "stubserver: arguments --host 0.0.0.0 --port 8151", "the last lines of the log")
			assert.Empty(t, b.containers(), "nothing is left behind")
		})
	}
}

// within is time to be ready: an exit has to be seen long before it is over.
func within(exits bool) time.Duration {
	if exits {
		return 10 * time.Minute
	}
	return time.Second
}

func TestUpRefusesAForeignContainer(t *testing.T) {
	b := newStubBox(t, 8152, "")
	_, err := b.service.Podman("create", "--name", "hal0-slot-one", podmantest.StubRef)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = b.service.Podman("rm", "--force", "hal0-slot-one") })
	_, err = b.open().Up(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrForeign)
	require.ErrorIs(t, b.open().Down(t.Context(), "one"), runtime.ErrForeign)
	assert.Equal(t, []string{"hal0-slot-one"}, b.containers(), "left alone")
	s, err := b.open().Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateError, s.State)
}

func TestUpTellsOfABusyPort(t *testing.T) {
	b := newStubBox(t, 8153, "")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:8153")
	require.NoError(t, err)
	defer l.Close()
	_, err = b.open().Up(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrPortInUse)
	assert.Contains(t, err.Error(), "8153")
	assert.Empty(t, b.containers())
}

func TestUpReplacesADeadContainer(t *testing.T) {
	b := newStubBox(t, 8154, "")
	first, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	_, err = b.service.Podman("kill", "hal0-slot-one")
	require.NoError(t, err)
	_, err = b.service.Podman("wait", "hal0-slot-one")
	require.NoError(t, err)
	s, err := b.open().Status(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateError, s.State)
	assert.Equal(t, "the server exited with code 137 (SIGKILL, possibly for lack of memory)", s.Reason)
	second, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.NotEqual(t, first.Container.ID, second.Container.ID)
}

// Its monitor is killed too, so that podman goes on saying that it runs.
func TestUpReplacesOneWhoseMonitorIsGone(t *testing.T) {
	b := newStubBox(t, 8145, "")
	first, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	b.service.KillWithMonitor(t, "hal0-slot-one")
	s, err := b.open().Status(t.Context(), "one")
	require.NoError(t, err)
	assert.NotEqual(t, hal0.StateReady, s.State)
	second, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, hal0.StateReady, second.State)
	assert.NotEqual(t, first.Container.ID, second.Container.ID)
	assert.Equal(t, []string{"hal0-slot-one"}, b.containers())
}

// A server that is killed while it loads, as the kernel does when memory is short.
func TestUpTellsThatAServerWasKilled(t *testing.T) {
	b := newStubBox(t, 8146, "never")
	_, err := b.open().Up(t.Context(), "one", hal0.OnProgress(func(e hal0.Event) {
		if e.State == hal0.StateWarming {
			_, err := b.service.Podman("kill", "hal0-slot-one")
			assert.NoError(t, err)
		}
	}))
	require.ErrorIs(t, err, hal0.ErrNotReady)
	assert.Contains(t, err.Error(), "slot one: the server exited with code 137 (SIGKILL, possibly for lack of memory) while starting")
	assert.Empty(t, b.containers())
}

// The service restarts while a server warms up, and is away for a while after.
func TestUpOutlivesARestartOfTheService(t *testing.T) {
	b := newStubBox(t, 8147, "")
	up, err := b.open().Up(t.Context(), "one", hal0.OnProgress(func(e hal0.Event) {
		if e.State == hal0.StateWarming {
			b.service.Restart(t)
		}
	}))
	require.NoError(t, err)
	assert.Equal(t, hal0.StateReady, up.State)

	b.service.Kill(t)
	_, err = b.open().Status(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrUnavailable, "not offline: nobody knows")
	_, err = b.open().Up(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrUnavailable)
	require.ErrorIs(t, b.open().Down(t.Context(), "one"), runtime.ErrUnavailable)
	b.service.Restart(t)
	again, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, up.Container.ID, again.Container.ID)
}

func TestCancelledUpLeavesNothing(t *testing.T) {
	b := newStubBox(t, 8155, "never")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the user left")
	_, err := b.open().Up(ctx, "one", hal0.OnProgress(func(e hal0.Event) {
		if e.State == hal0.StateWarming {
			cancel(stop)
		}
	}), hal0.StopWithin(time.Second))
	require.ErrorIs(t, err, stop)
	assert.Empty(t, b.containers())
}

func TestDownEndsAnUpThatIsUnderWay(t *testing.T) {
	b := newStubBox(t, 8156, "never")
	box := b.open()
	warming := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := box.Up(t.Context(), "one", hal0.StopWithin(time.Second), hal0.OnProgress(func(e hal0.Event) {
			if e.State == hal0.StateWarming {
				close(warming)
			}
		}))
		done <- err
	}()
	<-warming
	require.NoError(t, box.Down(t.Context(), "one"))
	require.ErrorIs(t, <-done, hal0.ErrStopped)
	assert.Empty(t, b.containers())
}

// Many callers at once end with one container, or none: what the last one said.
func TestCallersTakeTurns(t *testing.T) {
	b := newStubBox(t, 8157, "")
	box := b.open()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if i%2 == 0 {
				_, err := box.Up(t.Context(), "one")
				if err != nil {
					assert.ErrorIs(t, err, hal0.ErrStopped) //nolint:testifylint // not the test's goroutine
				}
				return
			}
			assert.NoError(t, box.Down(t.Context(), "one", hal0.StopWithin(0)))
		})
	}
	all.Wait()
	_, err := box.Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Len(t, b.containers(), 1)
}

func TestStatusAllAsksOnce(t *testing.T) {
	b := newStubBox(t, 8158, "")
	b.write("etc/hal0/slots/two.toml", "port = 8159\ndevice = \"cpu\"\ntype = \"tts\"\n")
	_, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(b.home, "etc/hal0/slots/one.toml"), filepath.Join(b.home, "etc/hal0/slots/one.gone")))
	all, err := b.open().StatusAll(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, "one", all[0].Slot, "a container whose slot file is gone is still told of")
	assert.Equal(t, hal0.StateWarming, all[0].State)
	assert.Equal(t, hal0.StateOffline, all[1].State)
	require.NoError(t, b.open().Down(t.Context(), "one"), "and can be taken down")
}

func TestLogs(t *testing.T) {
	b := newStubBox(t, 8160, "")
	box := b.open()
	_, err := box.Up(t.Context(), "one")
	require.NoError(t, err)
	var lines []string
	for line, err := range box.Logs(t.Context(), "one", runtime.LogOptions{}) {
		require.NoError(t, err)
		lines = append(lines, line.Text)
	}
	assert.Contains(t, strings.Join(lines, "\n"), "stubserver: arguments --host 0.0.0.0 --port 8160")
}

// The slot is reached on the loopback address alone.
func TestPublishedOnLoopbackOnly(t *testing.T) {
	b := newStubBox(t, 8161, "")
	_, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	resp, err := http.Get("http://127.0.0.1:" + strconv.Itoa(b.port) + "/v1/models")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addrs {
		ip := a.(*net.IPNet).IP
		if ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", net.JoinHostPort(ip.String(), strconv.Itoa(b.port)))
		if err == nil {
			t.Errorf("%s answers too", ip)
			assert.NoError(t, conn.Close())
		}
	}
}
