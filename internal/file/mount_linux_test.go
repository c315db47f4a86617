package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mount puts a file system of some size in a directory.
func mount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Skipf("a small or read-only file system needs the right to mount: %v", err)
	}
	// Detached, as a process that another test starts may hold it for a moment.
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, dir, 0, "size=64k")
	path := write(t, filepath.Join(dir, "a"), "one")
	err := update(t, dir, "a", to(strings.Repeat("x", 128<<10)))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.EqualError(t, err, path+": can't be written: no space left on device")
	assert.Equal(t, "one", text(t, path))
	assert.Equal(t, []string{"a"}, names(t, dir))
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, filepath.Join(dir, "slots"), 0, "size=64k")
	path := write(t, filepath.Join(dir, "slots/a"), "one")
	require.NoError(t, syscall.Mount("", filepath.Join(dir, "slots"), "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	err := update(t, dir, "slots/a", to("two"))
	require.ErrorIs(t, err, syscall.EROFS)
	require.EqualError(t, err, path+": can't be written: read-only file system")
	assert.Equal(t, "one", text(t, path))
	err = update(t, filepath.Join(dir, "slots"), "a", to("two"))
	require.EqualError(t, err, dir+"/slots/.hal0.lock: can't be locked: read-only file system")
	assert.Equal(t, []string{"a"}, names(t, filepath.Join(dir, "slots")))
	err = update(t, dir, "slots/a", func([]byte) ([]byte, error) { return nil, nil })
	require.EqualError(t, err, path+": can't be removed: read-only file system")
}
