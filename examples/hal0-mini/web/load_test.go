package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/examples/hal0-mini/web"
)

// Any number of viewers costs the runtime nothing, and each no more with time; all
// are sent away at the end.
func TestViewers(t *testing.T) {
	viewers, flaps := 500, 40
	if testing.Short() {
		viewers = 50
	}
	b := newBox(t)
	b.slot("a", 8194)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateOffline})
	opened := b.opened()
	flap := func() {
		_, err := opened.Up(t.Context(), "a")
		require.NoError(t, err)
		require.NoError(t, opened.Down(t.Context(), "a"))
	}
	flap()
	alone := len(b.rt.Calls())
	flap()
	alone = len(b.rt.Calls()) - alone

	streams := make([]*stream, viewers)
	for i := range streams {
		streams[i] = s.listen()
	}
	// One reader is looked at; the others are read so that they keep up.
	first, rest := streams[0], streams[1:]
	var reading sync.WaitGroup
	for _, other := range rest {
		reading.Go(func() { _, _ = io.Copy(io.Discard, other.body) })
	}
	seen := make(chan string, 4*flaps+10)
	reading.Go(func() {
		defer close(seen)
		for {
			name, data := first.next()
			if name == "" {
				return
			}
			seen <- data
		}
	})
	flap()
	goroutines, memory := goruntime.NumGoroutine(), heap()
	calls := len(b.rt.Calls())
	for range flaps {
		flap()
	}
	assert.LessOrEqual(t, len(b.rt.Calls())-calls, 4*flaps*alone, "viewers ask the runtime for nothing")
	// What a server keeps between two flaps varies by some requests.
	assert.InDelta(t, goroutines, goruntime.NumGoroutine(), 20)
	assert.Less(t, heap(), memory+4<<20, "bytes in use")
	b.write("etc/hal0/slots/last.toml", "port = 1")
	for data := range seen {
		if strings.Contains(data, "last.toml") {
			break
		}
	}
	assert.Contains(t, s.get("/metrics").body, fmt.Sprintf("hal0_event_readers %d", viewers))
	assert.Contains(t, s.get("/metrics").body, "hal0_event_readers_dropped_total 0")
	s.stop()
	<-s.ended
	go func() {
		for range seen {
		}
	}()
	reading.Wait() // each stream has ended
}

// heap is how much is in use.
func heap() uint64 {
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// handler answers for a box without a connection.
func handler(b *testing.B, config web.Config) http.Handler {
	b.Helper()
	config.Hosts = []string{"box"}
	s, err := web.New(config)
	require.NoError(b, err)
	return s.Handler()
}

func benchmark(b *testing.B, h http.Handler, path string) {
	b.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://box"+path, nil)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// The catalog, as it is asked for over and over, without the network.
func BenchmarkProfiles(b *testing.B) {
	benchmark(b, handler(b, web.Config{Home: hal0.HomeAt(b.TempDir())}), "/api/profiles")
}

// The same over a connection that stays open, client and server on the same cores.
func BenchmarkProfilesOverTCP(b *testing.B) {
	s := serve(b, web.Config{Home: hal0.HomeAt(b.TempDir())})
	b.ReportAllocs()
	for b.Loop() {
		if got := s.get("/api/profiles"); got.status != http.StatusOK {
			b.Fatal(got.body)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// 200 slots, told of for the first time after a state changed.
func BenchmarkSlots(b *testing.B) {
	box := newBox(b)
	for i := range 200 {
		box.slot(fmt.Sprintf("s%03d", i), 8081+i%100) // that two have one port is a warning
	}
	config := web.Config{Home: hal0.HomeAt(box.home), Options: box.options()}
	b.Run("known", func(b *testing.B) { benchmark(b, handler(b, config), "/api/slots") })
	b.Run("new", func(b *testing.B) {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://box/api/slots", nil)
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			h := handler(b, config)
			b.StartTimer()
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}
