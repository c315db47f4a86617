package watch

import (
	"context"
	"errors"
	"path"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	quiet = 100 * time.Millisecond
	most  = time.Second
)

// waiting returns a Watcher that depends on any entry of /slots and on /etc/a,
// whose notices a test makes.
func waiting() *Watcher {
	return &Watcher{
		notify:  &fsnotify.Watcher{Events: make(chan fsnotify.Event)},
		failed:  make(chan error, 1),
		dirs:    entries{"/slots": nil, "/etc": {"a": true}, "/": {"slots": true, "etc": true}},
		touched: map[string]bool{},
	}
}

// When Wait returns, on a clock that stands still while anybody is busy.
func TestWait(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		notices func(w *Watcher)
		want    time.Duration
		touched []string
		missed  bool
	}{
		"one":              {func(w *Watcher) { w.tell("/slots/chat.toml") }, quiet, []string{"/slots/chat.toml"}, false},
		"the directory":    {func(w *Watcher) { w.tell("/slots") }, quiet, []string{"/slots"}, false},
		"below the root":   {func(w *Watcher) { w.tell("//etc") }, quiet, []string{"/etc"}, false},
		"after a while":    {func(w *Watcher) { pause(time.Hour); w.tell("/etc/a") }, time.Hour + quiet, []string{"/etc/a"}, false},
		"of others, first": {func(w *Watcher) { w.tell("/etc/b", "/x", "", "/slots/x/y"); pause(time.Minute); w.tell("/etc/a") }, time.Minute + quiet, []string{"/etc/a"}, false},
		"of others, then": {func(w *Watcher) {
			w.tell("/etc/a")
			pause(quiet / 2)
			w.tell("/etc/b")
		}, quiet, []string{"/etc/a"}, false},
		"two in a row": {func(w *Watcher) {
			w.tell("/slots/a")
			pause(quiet - 1)
			w.tell("/slots/b")
		}, 2*quiet - 1, []string{"/slots/a", "/slots/b"}, false},
		"without end": {func(w *Watcher) {
			for range 15 {
				w.tell("/slots/a")
				pause(quiet - 10*time.Millisecond)
			}
		}, most, []string{"/slots/a"}, false},
		"lost":           {func(w *Watcher) { w.failed <- fsnotify.ErrEventOverflow }, quiet, nil, true},
		"a watch broken": {func(w *Watcher) { w.failed <- syscall.EINVAL }, quiet, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, begin, done := waiting(), time.Now(), make(chan struct{})
				go func() { tc.notices(w); close(done) }()
				require.NoError(t, w.Wait(t.Context(), quiet, most))
				assert.Equal(t, tc.want, time.Since(begin))
				touched := map[string]bool{}
				for _, p := range tc.touched {
					touched[p] = true
				}
				assert.Equal(t, touched, w.touched)
				assert.Equal(t, tc.missed, w.missed)
				for { // take what is left
					select {
					case <-w.notify.Events:
					case <-done:
						return
					}
				}
			})
		})
	}
}

func (w *Watcher) tell(paths ...string) {
	for _, p := range paths {
		w.notify.Events <- fsnotify.Event{Name: p, Op: fsnotify.Write}
	}
}

func pause(d time.Duration) { <-time.After(d) }

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		end  func(w *Watcher, cancel func())
		want error
		text string
	}{
		"context": {func(_ *Watcher, cancel func()) { cancel() }, context.Canceled, "context canceled"},
		"broken":  {func(w *Watcher, _ func()) { w.failed <- boom }, boom, "watch files: boom"},
		"closed":  {func(w *Watcher, _ func()) { close(w.failed) }, fsnotify.ErrClosed, "watch files: fsnotify: watcher already closed"},
		"ended":   {func(w *Watcher, _ func()) { close(w.notify.Events) }, fsnotify.ErrClosed, "fsnotify: watcher already closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := waiting()
			tc.end(w, cancel)
			err := w.Wait(ctx, quiet, most)
			require.ErrorIs(t, err, tc.want)
			require.EqualError(t, err, tc.text)
		})
	}
}

// Many errors while nobody waits block nobody: fsnotify sends them with its lock
// held.
func TestErrorsDoNotBlock(t *testing.T) {
	t.Parallel()
	w, err := New()
	require.NoError(t, err)
	for range 10 {
		w.notify.Errors <- fsnotify.ErrEventOverflow
	}
	require.NoError(t, w.Wait(t.Context(), 0, most))
	assert.True(t, w.missed)
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "twice is fine")
	require.ErrorIs(t, w.Wait(t.Context(), 0, most), fsnotify.ErrClosed)
}

func FuzzSplit(f *testing.F) {
	for _, p := range []string{"/", "//", "/a", "/a/", "/a/./b/.", "/a/../b", "/..", "/a//b"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if !path.IsAbs(p) {
			return
		}
		above, name := split(p)
		if got := path.Clean(above + "/" + name); got != path.Clean(p) {
			t.Fatalf("%q is %q and %q, which is %q", p, above, name, got)
		}
		if name == "." || name == "" && path.Clean(above) != "/" || !path.IsAbs(above) {
			t.Fatalf("%q is %q and %q", p, above, name)
		}
	})
}
