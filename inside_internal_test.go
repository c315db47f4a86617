package hal0

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func link(to string) *fstest.MapFile {
	return &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(to)}
}

func TestView(t *testing.T) {
	t.Parallel()
	file := &fstest.MapFile{Data: []byte("x")}
	tree := fstest.MapFS{
		"data/store/m/a.gguf": file, "srv/b.gguf": file, "srv/inner/c.gguf": file, "srv/deep/d.gguf": file,
		"mnt/store":              link("/data/store"),          // the mount's own source is a link
		"data/store/rel.gguf":    link("m/a.gguf"),             // within the mount
		"data/store/up.gguf":     link("m/../m/a.gguf"),        //
		"data/store/abs.gguf":    link("/mnt/store/m/a.gguf"),  // by the path that the container has too
		"data/store/host.gguf":   link("/data/store/m/a.gguf"), // by a path that only the host has
		"data/store/out.gguf":    link("/srv/b.gguf"),
		"data/store/chain.gguf":  link("rel.gguf"),
		"data/store/loop.gguf":   link("loop2.gguf"),
		"data/store/loop2.gguf":  link("loop.gguf"),
		"data/store/gone.gguf":   link("none.gguf"),
		"data/store/dir":         link("m"),
		"data/store/escape.gguf": link("../../srv/b.gguf"),
	}
	store := runtime.Mount{Source: "/mnt/store", Target: "/mnt/store"}
	for name, tc := range map[string]struct {
		mounts []runtime.Mount
		path   string
		want   string // where it is on the host
		err    string
	}{
		"the host's own view":               {nil, "/mnt/store/rel.gguf", "/data/store/m/a.gguf", ""},
		"the root":                          {nil, "/", "/", ""},
		"a link of the host":                {nil, "/mnt/store/host.gguf", "/data/store/m/a.gguf", ""},
		"a file":                            {[]runtime.Mount{store}, "/mnt/store/m/a.gguf", "/data/store/m/a.gguf", ""},
		"the mount itself":                  {[]runtime.Mount{store}, "/mnt/store", "/data/store", ""},
		"a relative link":                   {[]runtime.Mount{store}, "/mnt/store/rel.gguf", "/data/store/m/a.gguf", ""},
		"a link by way of above":            {[]runtime.Mount{store}, "/mnt/store/up.gguf", "/data/store/m/a.gguf", ""},
		"a link of a link":                  {[]runtime.Mount{store}, "/mnt/store/chain.gguf", "/data/store/m/a.gguf", ""},
		"a linked directory":                {[]runtime.Mount{store}, "/mnt/store/dir/a.gguf", "/data/store/m/a.gguf", ""},
		"an absolute link":                  {[]runtime.Mount{store}, "/mnt/store/abs.gguf", "/data/store/m/a.gguf", ""},
		"a path of the host alone":          {[]runtime.Mount{store}, "/mnt/store/host.gguf", "", "/mnt/store/host.gguf leads to /data/store/m/a.gguf: the container can't see it: no mount shows /data/store/m/a.gguf"},
		"out of the mount":                  {[]runtime.Mount{store}, "/mnt/store/out.gguf", "", "/mnt/store/out.gguf leads to /srv/b.gguf: the container can't see it: no mount shows /srv/b.gguf"},
		"out of the mount, relative":        {[]runtime.Mount{store}, "/mnt/store/escape.gguf", "", "/mnt/store/escape.gguf leads to /srv/b.gguf: the container can't see it: no mount shows /srv/b.gguf"},
		"into another mount":                {[]runtime.Mount{store, {Source: "/srv", Target: "/srv"}}, "/mnt/store/out.gguf", "/srv/b.gguf", ""},
		"another target":                    {[]runtime.Mount{{Source: "/srv", Target: "/models"}}, "/models/b.gguf", "/srv/b.gguf", ""},
		"the innermost mount":               {[]runtime.Mount{{Source: "/srv", Target: "/a"}, {Source: "/srv/inner", Target: "/a/deep"}}, "/a/deep/c.gguf", "/srv/inner/c.gguf", ""},
		"the innermost mount, in any order": {[]runtime.Mount{{Source: "/srv/inner", Target: "/a/deep"}, {Source: "/srv", Target: "/a"}}, "/a/deep/c.gguf", "/srv/inner/c.gguf", ""},
		"not mounted":                       {[]runtime.Mount{store}, "/srv/b.gguf", "", "the container can't see it: no mount shows /srv/b.gguf"},
		"a name that begins alike":          {[]runtime.Mount{store}, "/mnt/store2/a", "", "the container can't see it: no mount shows /mnt/store2/a"},
		"no mounts at all":                  {[]runtime.Mount{}, "/srv/b.gguf", "", "the container can't see it: no mount shows /srv/b.gguf"},
		"not there":                         {[]runtime.Mount{store}, "/mnt/store/none.gguf", "", "/data/store/none.gguf: file does not exist"},
		"a link to nowhere":                 {[]runtime.Mount{store}, "/mnt/store/gone.gguf", "", "/mnt/store/gone.gguf leads to /mnt/store/none.gguf: /data/store/none.gguf: file does not exist"},
		"a circle":                          {[]runtime.Mount{store}, "/mnt/store/loop.gguf", "", "/mnt/store/loop.gguf: its symbolic links lead in a circle"},
		"a mount of nothing":                {[]runtime.Mount{{Source: "/none", Target: "/none"}}, "/none/a", "", "/none: file does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, tree))
			for where, root := range map[string]fs.FS{"memory": tree, "disk": os.DirFS(dir)} {
				got, err := view{root: root, mounts: tc.mounts}.find(tc.path)
				if tc.err == "" {
					require.NoError(t, err, where)
					assert.Equal(t, tc.want, got, where)
					continue
				}
				require.Error(t, err, where)
				if where == "memory" {
					require.EqualError(t, err, tc.err)
				}
			}
		})
	}
}
