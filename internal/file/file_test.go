package file_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/file"
)

const limit = 1 << 20

// to is a change to a fixed text.
func to(text string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return []byte(text), nil }
}

func update(t *testing.T, dir, name string, change func([]byte) ([]byte, error)) error {
	t.Helper()
	return file.Update(t.Context(), dir, filepath.Join(dir, name), limit, change)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

// names returns what is in a directory, but for the lock.
func names(t *testing.T, dir string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var list []string
	for _, f := range files {
		if f.Name() != file.LockName {
			list = append(list, f.Name())
		}
	}
	return list
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := write(t, filepath.Join(dir, "a"), "one\r\n")
	require.NoError(t, os.Chmod(name, 0o664|fs.ModeSetgid))
	var got []byte
	require.NoError(t, update(t, dir, "a", func(old []byte) ([]byte, error) {
		got = old
		return append(old, "two\r\n"...), nil
	}))
	assert.Equal(t, "one\r\n", string(got))
	assert.Equal(t, "one\r\ntwo\r\n", text(t, name))
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, 0o664|fs.ModeSetgid, info.Mode(), "the mode stays")
	assert.Equal(t, []string{"a"}, names(t, dir))
}

func TestOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	name := write(t, filepath.Join(dir, "a"), "one")
	require.NoError(t, os.Chown(name, 1234, 4321))
	require.NoError(t, os.Chown(dir, 77, 78))
	require.NoError(t, update(t, dir, "a", to("two")))
	require.NoError(t, update(t, dir, "sub/new", to("two")))
	owner := func(name string) [2]uint32 {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		st, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		return [2]uint32{st.Uid, st.Gid}
	}
	assert.Equal(t, [2]uint32{1234, 4321}, owner("a"), "the owner stays")
	for _, n := range []string{"sub", "sub/new", file.LockName} {
		assert.Equal(t, [2]uint32{77, 78}, owner(n), "%s belongs to the directory's owner", n)
	}
}

// Who may write in the directory may lock it.
func TestLockMode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o775))
	require.NoError(t, update(t, dir, "a", to("x")))
	info, err := os.Stat(filepath.Join(dir, file.LockName))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o660), info.Mode())
}

func TestCreateAndRemove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, update(t, dir, "b/c/new", func(old []byte) ([]byte, error) {
		assert.Nil(t, old, "there is no file")
		return []byte{}, nil
	}))
	name := filepath.Join(dir, "b/c/new")
	assert.Empty(t, text(t, name), "an empty file is a file")
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o644), info.Mode(), "with the usual umask")
	require.NoError(t, update(t, dir, "b/c/new", func(old []byte) ([]byte, error) {
		assert.NotNil(t, old, "there is one now")
		return nil, nil
	}))
	require.NoFileExists(t, name)
	require.NoError(t, update(t, dir, "b/c/new", func([]byte) ([]byte, error) { return nil, nil }), "removing nothing is fine")
}

func TestSameTextIsNotWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := write(t, filepath.Join(dir, "a"), "one")
	before, err := os.Stat(name)
	require.NoError(t, err)
	require.NoError(t, update(t, dir, "a", to("one")))
	after, err := os.Stat(name)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after))
}

func TestSymlink(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	target := write(t, filepath.Join(elsewhere, "real"), "one")
	link := func(to, name string) {
		require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	link("b", "a")
	link(target, "b")
	require.NoError(t, update(t, dir, "a", to("two")))
	assert.Equal(t, "two", text(t, target))
	for _, n := range []string{"a", "b"} {
		info, err := os.Lstat(filepath.Join(dir, n))
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&fs.ModeSymlink, "%s is still a link", n)
	}
	assert.Equal(t, []string{"real"}, names(t, elsewhere))

	link("nowhere", "dangling")
	link("round", "about")
	link("about", "round")
	require.EqualError(t, update(t, dir, "dangling", to("x")), dir+"/dangling: is a symbolic link to a file that is not there: remove the link or make the file")
	require.EqualError(t, update(t, dir, "about", to("x")), dir+"/about: its symbolic links lead in a circle")
	require.NoError(t, update(t, dir, "a", func([]byte) ([]byte, error) { return nil, nil }))
	assert.Equal(t, "two", text(t, target), "removing a link leaves its target")
	assert.NoFileExists(t, filepath.Join(dir, "a"))
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", limit+1))
	write(t, filepath.Join(dir, "a"), "one")
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		file   string
		change func([]byte) ([]byte, error)
		want   string
	}{
		"a directory":        {"d", to("x"), dir + "/d: is a directory, want a file"},
		"a pipe":             {"pipe", to("x"), dir + "/pipe: is not a regular file (p---------)"},
		"too large":          {"large", to("x"), dir + "/large: has 1048577 bytes, at most 1048576 are read"},
		"would be too large": {"a", to(strings.Repeat("x", limit+1)), dir + "/a: would have 1048577 bytes, at most 1048576 are allowed"},
		"outside":            {"../a", to("x"), filepath.Join(filepath.Dir(dir), "a") + ": is not below " + dir + ", which is locked"},
		"the change's error": {"a", func([]byte) ([]byte, error) { return []byte("x"), boom }, "boom"},
		"below a file":       {"a/b", to("x"), dir + "/a/b: can't be read: not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, update(t, dir, tc.file, tc.change), tc.want)
		})
	}
	t.Cleanup(func() { assert.Equal(t, "one", text(t, filepath.Join(dir, "a"))) })
	err := update(t, dir, "d", to("x"))
	require.ErrorIs(t, err, conf.ErrUnreadable)
	err = file.Update(t.Context(), filepath.Join(dir, "none"), filepath.Join(dir, "none/a"), limit, to("x"))
	require.EqualError(t, err, dir+"/none: file does not exist: make the directory first")
}

// A change from outside between reading and replacing is not lost: the edit is
// made again.
func TestOutsideChange(t *testing.T) {
	t.Parallel()
	for name, outside := range map[string]func(name string) error{
		"written": func(name string) error { return os.WriteFile(name, []byte("outside\n"), 0o600) },
		"replaced": func(name string) error {
			return errors.Join(os.WriteFile(name+"~", []byte("outside\n"), 0o600), os.Rename(name+"~", name))
		},
		"removed": os.Remove,
		"chmod":   func(name string) error { return os.Chmod(name, 0o640) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := write(t, filepath.Join(dir, "a"), "one\n")
			calls := 0
			require.NoError(t, update(t, dir, "a", func(old []byte) ([]byte, error) {
				if calls++; calls == 1 {
					require.NoError(t, outside(path))
				}
				return append(old, "mine\n"...), nil
			}))
			assert.Equal(t, 2, calls)
			want := map[string]string{"removed": "mine\n", "chmod": "one\nmine\n"}[name]
			if want == "" {
				want = "outside\nmine\n"
			}
			assert.Equal(t, want, text(t, path))
			assert.Equal(t, []string{"a"}, names(t, dir))
		})
	}
}

func TestFileThatKeepsChanging(t *testing.T) {
	t.Parallel()
	for name, result := range map[string][]byte{"edit": []byte("mine"), "removal": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := write(t, filepath.Join(dir, "a"), "one")
			calls := 0
			err := update(t, dir, "a", func([]byte) ([]byte, error) {
				calls++
				write(t, path, fmt.Sprint("outside ", calls))
				return result, nil
			})
			require.ErrorIs(t, err, file.ErrChanging)
			require.EqualError(t, err, path+": keeps changing: another program changed it 5 times while it was edited, and nothing is written; close it and try again")
			assert.Equal(t, "outside 5", text(t, path))
			assert.Equal(t, []string{"a"}, names(t, dir))
		})
	}
}

func TestAppearsMeanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, update(t, dir, "a", func(old []byte) ([]byte, error) {
		if old == nil {
			write(t, filepath.Join(dir, "a"), "outside\n")
		}
		return append(old, "mine\n"...), nil
	}))
	assert.Equal(t, "outside\nmine\n", text(t, filepath.Join(dir, "a")))
}

// Goroutines of one program keep each other out.
func TestGoroutines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				assert.NoError(t, update(t, dir, "a", func(old []byte) ([]byte, error) { return append(old, 'x'), nil }))
			}
		})
	}
	wg.Wait()
	assert.Len(t, text(t, filepath.Join(dir, "a")), 80)
}

func TestLockEndsWithContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held, err := file.Lock(t.Context(), dir)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = file.Lock(ctx, dir)
	require.ErrorIs(t, err, file.ErrLocked)
	require.ErrorIs(t, err, context.Canceled)
	require.Regexp(t, `^`+dir+`/\.hal0\.lock: locked by another program for \d+m?s: context canceled$`, err.Error())
	held.Unlock()
	again, err := file.Lock(t.Context(), dir)
	require.NoError(t, err)
	again.Unlock()
}

// A lock file that somebody removed locks nothing: who holds it is alone with
// it, so the next one makes a new one. One that is no file is refused.
func TestLockFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Symlink("a", filepath.Join(dir, file.LockName)))
	_, err := file.Lock(t.Context(), dir)
	require.EqualError(t, err, dir+"/.hal0.lock: can't be locked: too many levels of symbolic links")
	require.NoError(t, os.Remove(filepath.Join(dir, file.LockName)))
	require.NoError(t, update(t, dir, "a", to("x")))
}

// What killed programs left is removed, and nothing else.
func TestSweep(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "slots"), 0o755))
	const mark = ".hal0-tmp-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	others := []string{".a.toml.hal0-tmp-1", "a" + mark, ".a.toml.swp", mark}
	for _, n := range append(others, ".a.toml"+mark, "slots/.b.toml"+mark) {
		write(t, filepath.Join(dir, n), "x")
	}
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, ".link"+mark)))
	busy, err := os.Create(filepath.Join(dir, ".busy"+mark))
	require.NoError(t, err)
	defer busy.Close()
	require.NoError(t, syscall.Flock(int(busy.Fd()), syscall.LOCK_EX))

	held, err := file.Lock(t.Context(), dir)
	require.NoError(t, err)
	defer held.Unlock()
	assert.ElementsMatch(t, append(others, ".link"+mark, ".busy"+mark, "slots"), names(t, dir))
	assert.Empty(t, names(t, filepath.Join(dir, "slots")))

	target := write(t, filepath.Join(elsewhere, "real"), "one")
	write(t, filepath.Join(elsewhere, ".real"+mark), "x")
	require.NoError(t, os.Symlink(target, filepath.Join(dir, "link")))
	require.NoError(t, held.Update(filepath.Join(dir, "link"), limit, to("two")))
	assert.Equal(t, []string{"real"}, names(t, elsewhere))
}

func BenchmarkUpdate(b *testing.B) {
	dir := b.TempDir()
	name := filepath.Join(dir, "a")
	texts := [2]string{strings.Repeat("a", 24<<10), strings.Repeat("b", 24<<10)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := file.Update(b.Context(), dir, name, limit, to(texts[i%2])); err != nil {
			b.Fatal(err)
		}
	}
}

// Several that make one directory at once all find it made.
func TestMakeDir(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { assert.NoError(t, file.MakeDir(dir)) })
	}
	all.Wait()
	assert.DirExists(t, dir)
	inTheWay := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(inTheWay, nil, 0o644))
	require.Error(t, file.MakeDir(filepath.Join(inTheWay, "g")))
}

func TestLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	assert.False(t, file.Locked(dir), "nobody ever locked it")
	tree, err := file.Lock(t.Context(), dir)
	require.NoError(t, err)
	assert.True(t, file.Locked(dir))
	tree.Unlock()
	assert.False(t, file.Locked(dir))
	again, err := file.Lock(t.Context(), dir)
	require.NoError(t, err, "to look is not to lock")
	again.Unlock()
}
