package hal0_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/internal/podmantest"
)

// soakVar is how long TestSoak goes on, such as "10m".
const soakVar = "HAL0_SOAK"

// Several callers that bring slots up and down, edit their files, kill their
// servers and apply the box, at random: when they stop, one Apply makes files,
// records and containers agree.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv(soakVar))
	if err != nil {
		t.Skipf("set %s to how long it shall take, such as 10m", soakVar)
	}
	b := newPodmanBox(t, func(s *podmantest.Service) string { return s.StubImage(t) })
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		b.write(name+".gguf", "")
		b.edit(name, 0)
	}
	over, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var done [5]atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for over.Err() == nil {
				action := rand.IntN(len(done))
				b.disturb(action, names[rand.IntN(len(names))])
				done[action].Add(1)
			}
		})
	}
	seen := 0
	for list, err := range b.open().Observe(over) {
		require.NoError(t, err)
		seen += len(list)
	}
	all.Wait()
	t.Logf("up %d, down %d, edit %d, kill %d, apply %d; %d changes seen",
		done[0].Load(), done[1].Load(), done[2].Load(), done[3].Load(), done[4].Load(), seen)
	b.settled(names)
}

// disturb does one thing to a slot, with a box as it is now.
func (b *podmanBox) disturb(action int, name string) {
	ctx := b.t.Context()
	var err error
	switch action {
	case 0:
		_, err = b.open().Up(ctx, name)
	case 1:
		err = b.open().Down(ctx, name, hal0.StopWithin(time.Second))
	case 2:
		b.edit(name, rand.IntN(3))
	case 3:
		b.kill(name)
	default:
		_, err = b.open().Apply(ctx)
	}
	// A slot may be taken down or killed while it comes up, and not be wanted.
	for _, fine := range []error{hal0.ErrStopped, hal0.ErrNotReady, hal0.ErrDisabled} {
		if errors.Is(err, fine) {
			return
		}
	}
	assert.NoError(b.t, err)
}

// edit writes one of three slot files: two plans, and a slot that is disabled.
func (b *podmanBox) edit(name string, which int) {
	more := []string{"", "chat_template = \"x\"", "enabled = false"}[which]
	b.slotAtomic(name, 8105+int(name[0]-'a'), more)
}

// slotAtomic is slot as an editor does it that others may read beside.
func (b *podmanBox) slotAtomic(name string, port int, more string) {
	text := fmt.Sprintf("port = %d\ndevice = \"cpu\"\nprofile = \"p\"\n%s\n[model]\ndefault = %q\ncontext_size = 512\n", port, more, b.home+"/"+name+".gguf")
	temp, err := os.CreateTemp(b.home, "edit")
	require.NoError(b.t, err)
	_, err = temp.WriteString(text)
	require.NoError(b.t, errors.Join(err, temp.Close()))
	require.NoError(b.t, os.MkdirAll(b.home+"/etc/hal0/slots", 0o755))
	require.NoError(b.t, os.Rename(temp.Name(), b.home+"/etc/hal0/slots/"+name+".toml"))
}

// kill ends a server with SIGKILL, if one runs.
func (b *podmanBox) kill(name string) {
	var pid int
	out, err := b.service.Podman("inspect", "--format", "{{.State.Pid}}", "hal0-slot-"+name)
	if _, scanErr := fmt.Sscan(out, &pid); err == nil && scanErr == nil && pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
	}
}

// settled applies the box, and asserts that all sides agree.
func (b *podmanBox) settled(names []string) {
	box := b.open()
	_, err := box.Apply(b.t.Context())
	require.NoError(b.t, err)
	diff, err := box.Diff(b.t.Context())
	require.NoError(b.t, err)
	assert.False(b.t, diff.Changes(), "%s", diff)
	for _, name := range names {
		s, err := box.Status(b.t.Context(), name)
		require.NoError(b.t, err)
		r, err := box.Record(name)
		require.NoError(b.t, err)
		file, err := box.Slot(name)
		require.NoError(b.t, err)
		want := hal0.StateOffline
		if file.IsEnabled() {
			want = hal0.StateReady
			assert.True(b.t, s.Current, name)
			assert.Equal(b.t, s.Container.ID, r.Launch.Container, name)
		}
		assert.Equal(b.t, want, s.State, name)
		assert.Equal(b.t, want, r.State, name)
		require.NoError(b.t, box.Down(b.t.Context(), name, hal0.StopWithin(time.Second)))
	}
	b.empty(8105, 8106, 8107, 8108)
}
