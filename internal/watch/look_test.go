package watch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree makes files (text), directories (ending in /) and links (->target) below
// a new directory, which has no link on its way.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for i := 0; i < len(names); i += 2 {
		name, what := filepath.Join(root, names[i]), names[i+1]
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		switch {
		case what == "/":
			require.NoError(t, os.MkdirAll(name, 0o755))
		case len(what) > 2 && what[:2] == "->":
			require.NoError(t, os.Symlink(what[2:], name))
		default:
			require.NoError(t, os.WriteFile(name, []byte(what), 0o644))
		}
	}
	return root
}

func watcher(t *testing.T) *Watcher {
	t.Helper()
	w, err := New()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.Close()) })
	return w
}

// What is found is what the operating system finds, and every directory on the
// way is watched for the names that lead on.
func TestStat(t *testing.T) {
	t.Parallel()
	root := tree(t, "a/b/file", "x", "up", "->a/b/..", "abs", "->/", "circle", "->circle", "two", "->one", "one", "->two/x",
		"a/back", "->../a/b", "into", "->a/b/file", "chain", "->chain2", "chain2", "->into", "nowhere", "->a/c/d", "dots", "->./a/./b//", "a/b/empty", "/")
	for path, dirs := range map[string]map[string][]string{
		"a/b/file":           {"": {"a"}, "a": {"b"}, "a/b": {"file"}},
		"a//b/./file":        {"": {"a"}, "a": {"b"}, "a/b": {"file"}},
		"a/b/none":           {"": {"a"}, "a": {"b"}, "a/b": {"none"}},
		"a/none/none":        {"": {"a"}, "a": {"none"}},
		"a/b/file/none":      {"": {"a"}, "a": {"b"}, "a/b": {"file"}},
		"up/b/file":          {"": {"up", "a"}, "a": {"b"}, "a/b": {"file"}},
		"a/back/../b/file":   {"": {"a"}, "a": {"back", "b"}, "a/b": {"file"}},
		"into":               {"": {"into", "a"}, "a": {"b"}, "a/b": {"file"}},
		"chain":              {"": {"chain", "chain2", "into", "a"}, "a": {"b"}, "a/b": {"file"}},
		"dots/file":          {"": {"dots", "a"}, "a": {"b"}, "a/b": {"file"}},
		"nowhere":            {"": {"nowhere", "a"}, "a": {"c"}},
		"circle":             {"": {"circle"}},
		"circle/x":           {"": {"circle"}},
		"two":                {"": {"two", "one"}},
		"a/b/empty":          {"": {"a"}, "a": {"b"}, "a/b": {"empty"}},
		"a/b/empty/../file":  {"": {"a"}, "a": {"b"}, "a/b": {"empty", "file"}},
		"../../../../../etc": nil,
		"abs/etc/.":          nil,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := watcher(t)
			l := w.Look()
			info, touched := l.Stat(root + "/" + path)
			require.NoError(t, l.End())
			assert.False(t, touched)
			want, err := os.Stat(root + "/" + path)
			if assert.Equal(t, err == nil, info != nil) && err == nil {
				assert.True(t, os.SameFile(want, info))
			}
			if dirs == nil {
				return
			}
			got := entries{}
			for dir, names := range w.dirs {
				if rel, err := filepath.Rel(root, dir); err == nil && filepath.IsLocal(rel) {
					got[rel] = names
				}
			}
			wanted := entries{}
			for dir, names := range dirs {
				wanted[filepath.Clean(dir)] = map[string]bool{}
				for _, n := range names {
					wanted[filepath.Clean(dir)][n] = true
				}
			}
			assert.Equal(t, wanted, got)
			assert.ElementsMatch(t, w.notify.WatchList(), keys(w.dirs), "they are watched, and nothing else is")
		})
	}
}

func keys(m entries) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}

// A notice touches what it names, whatever is below it, and whatever leads
// through it; a look has it once.
func TestTouched(t *testing.T) {
	t.Parallel()
	root := tree(t, "a/b/one", "1", "a/b/two", "2", "c/three", "3", "link", "->a/b/one", "way", "->a")
	paths := []string{"a/b/one", "a/b/two", "c/three", "link", "way/b/two", "a/none"}
	for notice, want := range map[string][]string{
		"a/b/one": {"a/b/one", "link"},
		"a/b/two": {"a/b/two", "way/b/two"},
		"a/b":     {"a/b/one", "a/b/two", "link", "way/b/two"},
		"way":     {"way/b/two"},
		"link":    {"link"},
		"a/none":  {"a/none"},
		"a/other": nil,
		"":        paths,
	} {
		t.Run(notice, func(t *testing.T) {
			t.Parallel()
			w := watcher(t)
			look := func() []string {
				l := w.Look()
				var all []string
				for _, p := range paths {
					if _, touched := l.Stat(filepath.Join(root, p)); touched {
						all = append(all, p)
					}
				}
				require.NoError(t, l.End())
				return all
			}
			assert.Empty(t, look())
			assert.Equal(t, want != nil, w.touch(filepath.Join(root, notice)))
			assert.Equal(t, want, look())
			assert.Empty(t, look(), "once")
			w.missed = true
			assert.Equal(t, paths, look(), "it may have been any")
			assert.Empty(t, look(), "once")
		})
	}
}

// Looks that find less watch less.
func TestEndForgets(t *testing.T) {
	t.Parallel()
	root := tree(t, "a/b/file", "x", "c/file", "x")
	w := watcher(t)
	l := w.Look()
	l.Dir(root + "/a/b")
	l.Stat(root + "/a/b/file")
	l.Stat(root + "/c/file")
	require.NoError(t, l.End())
	assert.Contains(t, w.notify.WatchList(), root+"/a/b")
	assert.Contains(t, w.notify.WatchList(), root+"/c")
	assert.True(t, w.touch(root+"/a/b/anything"), "the whole directory was asked for")

	require.NoError(t, os.RemoveAll(root+"/a"))
	l = w.Look()
	l.Dir(root + "/a/b")
	require.NoError(t, l.End())
	assert.Contains(t, w.notify.WatchList(), root)
	assert.NotContains(t, w.notify.WatchList(), root+"/c")
	assert.NotContains(t, w.notify.WatchList(), root+"/a/b")
}
