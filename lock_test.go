package hal0_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/registrytest"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/registry"
)

// writeManifest makes a box with that manifest.json, or none for "", and returns
// its root.
func writeManifest(t testing.TB, text string) string {
	t.Helper()
	root := t.TempDir()
	name := hal0.HomeAt(root).Manifest()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	if text != "" {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o640))
	}
	return root
}

func openAt(t testing.TB, root string, r manifest.Registry) *hal0.Box {
	t.Helper()
	box, err := hal0.Open(hal0.HomeAt(root), hal0.WithHost(device.Host{}), hal0.WithRegistry(r))
	require.NoError(t, err)
	return box
}

// untidy is a manifest.json as people leave it; the verbs are digests.
const untidy = `{
  "_schema": "hal0.manifest.v1",   "_comment": ["kept", 1.50],
  "version": "9",
    "toolbox_images": {
    "moved":  { "_notes": "a\u0301", "digest": "%[1]s", "tag": "x.io/moved:v1" , "mine": {"b":1, "a":2} },
    "new": {"tag": "x.io/new:v1"},
    "null": {"tag": "x.io/null:v1", "digest": null},
    "empty": {"tag": "x.io/empty:v1", "digest": ""},
    "same": {"tag": "x.io/same:v1", "digest": "%[1]s"},
    "one": {"tag": "x.io/one:v1", "digest": "%[1]s"},
    "gone": {"tag": "x.io/gone:v1", "digest": "%[1]s"},
    "never": {"tag": "x.io/never:v1", "digest": ""},
    "silent": {"tag": "x.io/silent:v1", "digest": "%[1]s"},
    "fixed": {"tag": "x.io/fixed@%[1]s"}
  },
  "others": null
}
`

// locking is a registry for untidy.
type locking struct{ aRegistry }

func (r locking) Digest(ctx context.Context, ref string) (digest.Digest, error) {
	if ref == "x.io/silent:v1" {
		return "", &manifest.RegistryError{Ref: ref, Class: manifest.ErrNoAnswer, Reason: "nothing within 10s"}
	}
	if strings.Contains(ref, "fixed") {
		panic("asked about an image that is pinned by its own reference")
	}
	return r.aRegistry.Digest(ctx, ref)
}

func serving() locking {
	other := manifest.Served{Digest: otherDigest}
	return locking{aRegistry{
		"x.io/moved:v1": other, "x.io/new:v1": other, "x.io/null:v1": other, "x.io/empty:v1": other,
		"x.io/same:v1": {Digest: pinnedDigest},
		"x.io/one:v1":  {Digest: otherDigest, Instances: []manifest.Instance{{Digest: pinnedDigest, Platform: host}}},
	}}
}

func TestLockManifest(t *testing.T) {
	t.Parallel()
	before := fmt.Sprintf(untidy, pinnedDigest)
	root := writeManifest(t, before)
	name := hal0.HomeAt(root).Manifest()
	box := openAt(t, root, serving())
	preview, err := box.LockManifest(t.Context(), hal0.DryRun())
	require.NoError(t, err)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, before, string(text), "nothing is written")
	assert.True(t, preview.Drifted())

	done, err := box.LockManifest(t.Context())
	require.NoError(t, err)
	assert.Equal(t, preview, done, "it does what it said")
	assert.Equal(t, fmt.Sprintf(`--- %[1]s
+++ %[1]s
@@ -2,10 +2,10 @@
   "_schema": "hal0.manifest.v1",   "_comment": ["kept", 1.50],
   "version": "9",
     "toolbox_images": {
-    "moved":  { "_notes": "a\u0301", "digest": "%[2]s", "tag": "x.io/moved:v1" , "mine": {"b":1, "a":2} },
-    "new": {"tag": "x.io/new:v1"},
-    "null": {"tag": "x.io/null:v1", "digest": null},
-    "empty": {"tag": "x.io/empty:v1", "digest": ""},
+    "moved":  { "_notes": "a\u0301", "digest": "%[3]s", "tag": "x.io/moved:v1" , "mine": {"b":1, "a":2} },
+    "new": {"tag": "x.io/new:v1", "digest": "%[3]s"},
+    "null": {"tag": "x.io/null:v1", "digest": "%[3]s"},
+    "empty": {"tag": "x.io/empty:v1", "digest": "%[3]s"},
     "same": {"tag": "x.io/same:v1", "digest": "%[2]s"},
     "one": {"tag": "x.io/one:v1", "digest": "%[2]s"},
     "gone": {"tag": "x.io/gone:v1", "digest": "%[2]s"},
`, name, pinnedDigest, otherDigest), done.Change.Diff())
	text, err = os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, string(done.Change.After), string(text))

	kept := map[string]string{}
	for _, e := range done.Entries {
		if e.Err != nil {
			assert.Equal(t, e.Before, e.After, e.Name)
			kept[e.Name] = e.Err.Error()
		}
	}
	assert.Equal(t, map[string]string{
		"gone":   "x.io/gone:v1: the registry does not serve it",
		"never":  "x.io/never:v1: the registry does not serve it",
		"silent": "x.io/silent:v1: the registry gives no answer: nothing within 10s",
	}, kept)

	again, err := openAt(t, root, serving()).LockManifest(t.Context())
	require.NoError(t, err)
	assert.False(t, again.Drifted())
	assert.False(t, again.Change.Changed())
}

// The release's manifest is written out and locked where a box has none.
func TestLockManifestOfTheRelease(t *testing.T) {
	t.Parallel()
	root := writeManifest(t, "")
	box := openAt(t, root, aRegistry{})
	preview, err := box.LockManifest(t.Context(), hal0.DryRun())
	require.NoError(t, err)
	assert.NoFileExists(t, hal0.HomeAt(root).Manifest())
	assert.True(t, preview.Change.Changed())
	assert.False(t, preview.Drifted(), "that it has to be written out is no drift")
	_, err = box.LockManifest(t.Context())
	require.NoError(t, err)
	text, err := os.ReadFile(hal0.HomeAt(root).Manifest())
	require.NoError(t, err)
	assert.Equal(t, string(manifest.EmbeddedText()), string(text), "no pin is lost though the registry serves nothing")
	assert.Empty(t, openAt(t, root, nil).Problems())
}

// editing is a registry that is asked while somebody edits the manifest.
type editing struct {
	locking
	edit func()
}

func (r editing) Digest(ctx context.Context, ref string) (digest.Digest, error) {
	if ref == "x.io/moved:v1" {
		r.edit()
	}
	return r.locking.Digest(ctx, ref)
}

func TestLockManifestRefuses(t *testing.T) {
	t.Parallel()
	good := fmt.Sprintf(untidy, pinnedDigest)
	edited := strings.Replace(good, "x.io/same:v1", "x.io/same:v2", 1)
	for title, tc := range map[string]struct {
		text string
		open func(root string) *hal0.Box
		ctx  func(context.Context) context.Context
		want error
		left string
	}{
		"no registry": {text: good, open: func(root string) *hal0.Box { return openAt(t, root, nil) }, want: hal0.ErrNoRegistry},
		"a bad file":  {text: `{"toolbox_images":{"a":{}}}`, want: hal0.ErrRequired},
		"an edit meanwhile": {text: good, open: func(root string) *hal0.Box {
			return openAt(t, root, editing{serving(), func() { _ = os.WriteFile(hal0.HomeAt(root).Manifest(), []byte(edited), 0o600) }})
		}, want: hal0.ErrChanging, left: edited},
		"the end of the context": {text: good, ctx: func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx
		}, want: context.Canceled},
		"files in memory": {text: good, open: func(root string) *hal0.Box {
			box, err := hal0.Open(hal0.HomeAt(root), hal0.WithFiles(os.DirFS("/")), hal0.WithHost(device.Host{}), hal0.WithRegistry(serving()))
			require.NoError(t, err)
			return box
		}, want: hal0.ErrReadOnly},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			root := writeManifest(t, tc.text)
			box, ctx, left := openAt(t, root, serving()), t.Context(), tc.text
			if tc.open != nil {
				box = tc.open(root)
			}
			if tc.ctx != nil {
				ctx = tc.ctx(ctx)
			}
			if tc.left != "" {
				left = tc.left
			}
			_, err := box.LockManifest(ctx)
			require.ErrorIs(t, err, tc.want)
			text, err := os.ReadFile(hal0.HomeAt(root).Manifest())
			require.NoError(t, err)
			assert.Equal(t, left, string(text), "the file is as it was")
		})
	}
}

// What a registry lets slip is in nothing that a lock shows.
func TestLockManifestShowsNoCredential(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]registrytest.Fault{
		"login": registrytest.Login, "token": registrytest.Token(200), "no token": registrytest.Token(401), "token endpoint down": registrytest.Token(500), "broken": registrytest.Status(500),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := registrytest.Start(t)
			d := r.Push(t, "hal0/server:v1", registrytest.Image(t, host, "1", nil))
			r.Fail(fault)
			client, err := registry.New()
			require.NoError(t, err)
			defer client.Close()
			box := openAt(t, writeManifest(t, fmt.Sprintf(`{"toolbox_images":{"server":{"tag":"%s/hal0/server:v1","digest":""}}}`, r.Host)), client)
			lock, err := box.LockManifest(t.Context())
			require.NoError(t, err)
			require.Len(t, lock.Entries, 1)
			assert.Equal(t, name == "token", lock.Entries[0].After == d)
			text, err := json.Marshal(lock)
			require.NoError(t, err)
			for _, secret := range registrytest.Secrets() {
				assert.NotContains(t, fmt.Sprintf("%s %+v %v", text, lock, lock.Entries[0].Err), secret)
			}
		})
	}
}
