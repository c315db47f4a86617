package hal0_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/ggufwrite"
	"github.com/hal0ai/hal0-go/internal/podmantest"
	"github.com/hal0ai/hal0-go/runtime/podman"
	"github.com/hal0ai/hal0-go/slot"
)

// podmanBox is a box on disk whose containers are podman's.
type podmanBox struct {
	t       testing.TB
	service *podmantest.Service
	rt      *podman.Runtime
	home    string
}

// newPodmanBox returns a box of no slots with a profile "p" of that image.
func newPodmanBox(t testing.TB, image func(*podmantest.Service) string) *podmanBox {
	t.Helper()
	s := service.Service(t)
	rt, err := podman.New(s.URI)
	require.NoError(t, err)
	b := &podmanBox{t, s, rt, t.TempDir()}
	b.write("etc/hal0/hal0.toml", "[models]\nstore = \""+b.home+"\"\n")
	b.write("etc/hal0/profiles.toml", "[profile.p]\nimage = \""+image(s)+"\"\nflags = \"--threads 1\"\ndevice_class = \"cpu\"\n")
	require.NoError(t, os.MkdirAll(filepath.Join(b.home, "etc/hal0/slots"), 0o755))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		list, err := rt.List(ctx, nil)
		assert.NoError(t, err)
		for _, c := range list {
			assert.NoError(t, rt.Stop(ctx, c.Name, 0))
		}
		assert.NoError(t, rt.Close())
	})
	return b
}

func (b *podmanBox) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.home, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(b.t, os.WriteFile(path, []byte(text), 0o644))
}

// slot writes a slot file of the model of that name; more goes before [model].
func (b *podmanBox) slot(name string, port int, more string) {
	b.t.Helper()
	b.write("etc/hal0/slots/"+name+".toml", fmt.Sprintf("port = %d\ndevice = \"cpu\"\nprofile = \"p\"\n%s\n[model]\ndefault = %q\ncontext_size = 512\n",
		port, more, filepath.Join(b.home, name+".gguf")))
}

func (b *podmanBox) open() *hal0.Box {
	b.t.Helper()
	box, err := hal0.Open(hal0.HomeAt(b.home), hal0.WithRuntime(b.rt), hal0.WithHost(device.Host{}))
	require.NoError(b.t, err)
	require.Empty(b.t, box.Problems())
	return box
}

// pids returns the process ids of a slot's server and of its monitor.
func (b *podmanBox) pids(slot string) (server, monitor int) {
	b.t.Helper()
	out, err := b.service.Podman("inspect", "--format", "{{.State.Pid}} {{.State.ConmonPid}}", "hal0-slot-"+slot)
	require.NoError(b.t, err)
	_, err = fmt.Sscan(out, &server, &monitor)
	require.NoError(b.t, err)
	return server, monitor
}

// empty asserts that nothing is left of what ran.
func (b *podmanBox) empty(ports ...int) {
	b.t.Helper()
	left, err := b.service.Podman("ps", "--all", "--quiet")
	require.NoError(b.t, err)
	assert.Empty(b.t, left, "no container is left")
	for _, port := range ports {
		l, err := (&net.ListenConfig{}).Listen(b.t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if assert.NoError(b.t, err, "no port is left open") {
			assert.NoError(b.t, l.Close())
		}
	}
	for _, name := range b.open().Names() {
		r, err := b.open().Record(name)
		require.NoError(b.t, err)
		assert.Equal(b.t, hal0.StateOffline, r.State, name)
	}
}

// A box of three real servers: brought up as a whole, seen when one is killed,
// changed by one file, and taken down clean; with a second program that does the
// same at the same time.
func TestApplyOfRealServers(t *testing.T) {
	b := newPodmanBox(t, func(s *podmantest.Service) string { return s.LlamaImage(t) })
	for i, m := range []struct {
		name, kind string
		model      ggufwrite.Kind
	}{{"chat", "llm", ggufwrite.Chat}, {"embed", "embedding", ggufwrite.Embedding}, {"rerank", "reranking", ggufwrite.Rerank}} {
		var model bytes.Buffer
		require.NoError(t, ggufwrite.Write(&model, ggufwrite.Model{Kind: m.model, Seed: 1}))
		b.write(m.name+".gguf", model.String())
		b.slot(m.name, 8101+i, "type = \""+m.kind+"\"")
	}
	first, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "start chat, start embed, start rerank", actions(first))
	for _, r := range first {
		assert.Equal(t, hal0.StateReady, r.Status.State, r.Slot)
	}
	again, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	assert.False(t, again.Changed(), "%v", again)
	all, err := b.open().StatusAll(t.Context())
	require.NoError(t, err)
	for _, s := range all {
		assert.Equal(t, hal0.StateReady, s.State, s.Slot)
		assert.Empty(t, s.Drift, s.Slot)
	}

	o := observe(t, b.open())
	require.Len(t, o.step(), 3)
	server, _ := b.pids("chat")
	require.NoError(t, syscall.Kill(server, syscall.SIGKILL))
	killed := time.Now()
	s := o.until("chat", is(hal0.StateError))
	seen := time.Since(killed)
	t.Logf("a killed server was seen after %v", seen)
	assert.Less(t, seen, 2*time.Second, "what is promised; podman tells it within a fifth of a second")
	assert.Equal(t, "the server exited with code 137 (SIGKILL, possibly for lack of memory)", s.Reason)
	assert.NotEmpty(t, s.Logs)

	_, err = b.open().Apply(t.Context())
	require.NoError(t, err)
	o.until("chat", is(hal0.StateReady))
	server, monitor := b.pids("chat")
	require.NoError(t, syscall.Kill(monitor, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(server, syscall.SIGKILL))
	killed = time.Now()
	s = o.until("chat", is(hal0.StateError))
	t.Logf("a server killed with its monitor, of which podman says that it runs, was seen after %v", time.Since(killed))
	assert.Equal(t, "podman says that it runs, but finds none of its processes", s.Reason)

	_, err = b.open().Apply(t.Context())
	require.NoError(t, err)
	o.until("chat", is(hal0.StateReady))
	before := ids(t, b.rt)
	b.slot("embed", 8102, "type = \"embedding\"\nrole = \"other\"") // which changes no plan
	b.slot("rerank", 8103, "type = \"reranking\"\n[server]\nextra_args = \"--threads 2\"")
	diff, err := b.open().Diff(t.Context())
	require.NoError(t, err)
	t.Logf("\n%s", diff)
	require.Len(t, diff, 3)
	assert.Equal(t, []slot.Difference{{Field: "command --threads", Running: "1", Planned: "2"}}, diff[2].Differences)

	var other sync.WaitGroup
	other.Go(func() { applyElsewhere(t, b) })
	second, err := b.open().Apply(t.Context())
	require.NoError(t, err)
	other.Wait()
	for _, r := range second {
		assert.Equal(t, hal0.StateReady, r.Status.State, r.Slot)
	}
	after := ids(t, b.rt)
	assert.Equal(t, before["chat"], after["chat"])
	assert.Equal(t, before["embed"], after["embed"])
	assert.NotEqual(t, before["rerank"], after["rerank"], "only that one")

	for _, name := range []string{"chat", "embed", "rerank"} {
		require.NoError(t, b.open().Down(t.Context(), name))
	}
	b.empty(8101, 8102, 8103)
}

// Variables that make this test program apply a box instead.
const (
	applyHome = "HAL0_TEST_APPLY_HOME"
	applyURI  = "HAL0_TEST_APPLY_URI"
)

// applyElsewhere applies the box in another process, which applyHere is.
func applyElsewhere(t *testing.T, b *podmanBox) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), applyHome+"="+b.home, applyURI+"="+b.service.URI)
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out) //nolint:testifylint // not the test's goroutine
	assert.Equal(t, "applied\n", string(out))
}

func applyHere(home, uri string) error {
	rt, err := podman.New(uri)
	if err != nil {
		return err
	}
	box, err := hal0.Open(hal0.HomeAt(home), hal0.WithRuntime(rt), hal0.WithHost(device.Host{}))
	if err == nil {
		_, err = box.Apply(context.Background())
	}
	if err == nil {
		fmt.Println("applied")
	}
	return errors.Join(err, rt.Close())
}

// descriptors counts the open files of this process.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(list)
}

// As many slots as there are ports for, from nothing to all ready, and to nothing
// again, without anything left in this process.
func TestApplyOfAHundredSlots(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	const n = 100
	b := newPodmanBox(t, func(s *podmantest.Service) string { return s.StubImage(t) })
	for i := range n {
		name := fmt.Sprintf("s%02d", i)
		b.write(name+".gguf", "")
		b.slot(name, 8081+i, "")
	}
	box := b.open()
	_, err := box.StatusAll(t.Context()) // connects
	require.NoError(t, err)
	before, files := goleak.IgnoreCurrent(), descriptors(t)
	begun := time.Now()
	got, err := box.Apply(t.Context(), hal0.Parallel(8))
	require.NoError(t, err)
	require.Len(t, got, n)
	t.Logf("%d slots were ready after %v", n, time.Since(begun))
	var all []hal0.Status
	for range 5 {
		begun = time.Now()
		_, err = b.rt.List(t.Context(), nil)
		listed := time.Since(begun)
		require.NoError(t, err)
		begun = time.Now()
		all, err = box.StatusAll(t.Context())
		t.Logf("the status of %d slots took %v; a list of their containers alone %v", n, time.Since(begun), listed)
		require.NoError(t, err)
	}
	for _, s := range all {
		assert.Equal(t, hal0.StateReady, s.State, s.Slot)
	}
	require.NoError(t, os.RemoveAll(filepath.Join(b.home, "etc/hal0/slots")))
	require.NoError(t, os.MkdirAll(filepath.Join(b.home, "etc/hal0/slots"), 0o755))
	gone, err := b.open().Apply(t.Context(), hal0.Parallel(8), hal0.StopWithin(time.Second))
	require.NoError(t, err)
	require.Len(t, gone, n)
	b.empty()
	goleak.VerifyNone(t, before)
	assert.LessOrEqual(t, descriptors(t), files)
}

// From a start to a server that is ready, through Up and with podman's own
// command and the same question.
func BenchmarkStartToReady(b *testing.B) {
	box := newPodmanBox(b, func(s *podmantest.Service) string { return s.StubImage(b) })
	box.write("one.gguf", "")
	box.slot("one", 8104, "")
	opened := box.open()
	plan, err := opened.Resolve("one")
	require.NoError(b, err)
	var library, command time.Duration
	for b.Loop() {
		begun := time.Now()
		_, err := opened.Up(b.Context(), "one")
		library += time.Since(begun)
		require.NoError(b, err)
		require.NoError(b, opened.Down(b.Context(), "one", hal0.StopWithin(0)))

		begun = time.Now()
		_, err = box.service.Podman(plan.Spec.PodmanRun()[1:]...)
		require.NoError(b, err)
		awaitHealth(b, 8104)
		command += time.Since(begun)
		require.NoError(b, box.rt.Stop(b.Context(), plan.Spec.Name, 0))
	}
	b.ReportMetric(library.Seconds()/float64(b.N), "s-library/op")
	b.ReportMetric(command.Seconds()/float64(b.N), "s-podman/op")
	b.ReportMetric(library.Seconds()/command.Seconds(), "library/podman")
}

// awaitHealth asks GET /health, as often as Up does, until it is 200.
func awaitHealth(b *testing.B, port int) {
	b.Helper()
	for {
		resp, err := http.Get("http://127.0.0.1:" + strconv.Itoa(port) + "/health")
		if err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK {
			return
		}
		require.NoError(b, b.Context().Err())
		select {
		case <-time.After(200 * time.Millisecond):
		case <-b.Context().Done():
		}
	}
}
