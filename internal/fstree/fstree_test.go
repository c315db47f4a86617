package fstree_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/fstree"
)

const text = `A box with one card.
-- dev/kfd --
-- sys/class/drm/card0 -> ../../devices/0000:c6:00.0 --
-- sys/devices/0000:c6:00.0/vendor --
0x1002
-- etc/two-lines --
one

two
`

func TestParse(t *testing.T) {
	t.Parallel()
	tree, err := fstree.Parse(text)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, tree))
	for name, fsys := range map[string]fs.FS{"in memory": tree, "on disk": os.DirFS(dir)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for file, want := range map[string]string{
				"dev/kfd": "", "etc/two-lines": "one\n\ntwo\n", "sys/class/drm/card0/vendor": "0x1002\n",
			} {
				data, err := fs.ReadFile(fsys, file)
				require.NoError(t, err)
				assert.Equal(t, want, string(data), file)
			}
			target, err := fs.ReadLink(fsys, "sys/class/drm/card0")
			require.NoError(t, err)
			assert.Equal(t, "../../devices/0000:c6:00.0", target)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"the same path twice": {"-- a --\n-- a --\n", `"a" is not a path, or is there already`},
		"an absolute path":    {"-- /a --\n", `"/a" is not a path, or is there already`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := fstree.Parse(tc.text)
			require.EqualError(t, err, tc.want)
			file := filepath.Join(t.TempDir(), "tree.txt")
			require.NoError(t, os.WriteFile(file, []byte(tc.text), 0o600))
			_, err = fstree.ReadFile(file)
			require.EqualError(t, err, file+": "+tc.want)
		})
	}
	_, err := fstree.ReadFile(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}
