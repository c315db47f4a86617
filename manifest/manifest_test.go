package manifest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/manifest"
)

const hex = "5f4c8a08a269077d8d24b1a93cfa39aebd1bfa10c868048796e8d2e5f589fcad"

// The seed page's table, with the digests that are known.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	want := map[string][2]string{
		"vulkan":  {"ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server", ""},
		"rocm":    {"ghcr.io/hal0ai/amd-strix-halo-toolboxes:rocm-7.2.4-rocmfp4-server", ""},
		"flm":     {"ghcr.io/hal0ai/hal0-toolbox-flm:0.9.43", "sha256:" + hex},
		"kokoro":  {"ghcr.io/hal0ai/hal0-toolbox-kokoro:v1", "sha256:1ac80acc00a2e9d578b077fa0a3f2c3e3f32f4f3da5080f346838e1c5a540456"},
		"comfyui": {"docker.io/kyuz0/amd-strix-halo-comfyui@sha256:0066678ae9043f69a1c8c7699e70626ceffd35c1a8ca03227a05640ad0241ed2", "sha256:0066678ae9043f69a1c8c7699e70626ceffd35c1a8ca03227a05640ad0241ed2"},
	}
	got := map[string][2]string{}
	for _, p := range manifest.Embedded().Images() {
		got[p.Name] = [2]string{p.Ref, p.Digest.String()}
		assert.Equal(t, p.Digest != "", p.Published())
	}
	assert.Equal(t, want, got)
}

func TestPin(t *testing.T) {
	t.Parallel()
	m, err := manifest.Parse("manifest.json", []byte(`{"_schema":"hal0.manifest.v1","version":"9","channel":"edge","_note":["any","thing"],
		"toolbox_images":{"_comment":"not an image",
		"flm":{"tag":"ghcr.io/hal0ai/flm:0.9.43","digest":"sha256:`+hex+`","_notes":"n"},
		"hub":{"tag":"kyuz0/comfy","digest":null},
		"port":{"tag":"localhost:5000/a/b:v1"},
		"kyuz0/comfy":{"tag":"localhost:5000/named/as/a/ref:v1"}}}`))
	require.NoError(t, err)
	assert.Equal(t, "9", m.Version)
	assert.Equal(t, "edge", m.Channel)
	require.Len(t, m.Images(), 4)
	for name, tc := range map[string]struct{ ref, entry, launch string }{
		"as written":             {"ghcr.io/hal0ai/flm:0.9.43", "flm", "ghcr.io/hal0ai/flm@sha256:" + hex},
		"by its digest":          {"ghcr.io/hal0ai/flm@sha256:" + hex, "flm", "ghcr.io/hal0ai/flm@sha256:" + hex},
		"tag and digest":         {"ghcr.io/hal0ai/flm:other@sha256:" + hex, "flm", "ghcr.io/hal0ai/flm@sha256:" + hex},
		"unpublished":            {"kyuz0/comfy:latest", "hub", "kyuz0/comfy"},
		"normalised":             {"docker.io/kyuz0/comfy:latest", "hub", "kyuz0/comfy"},
		"a registry with a port": {"localhost:5000/a/b:v1", "port", "localhost:5000/a/b:v1"},
		"another tag":            {"ghcr.io/hal0ai/flm:0.9.44", "", ""},
		"another digest":         {"ghcr.io/hal0ai/flm@sha256:" + strings.Repeat("a", 64), "", ""},
		"not a reference":        {"Not A Ref", "", ""},
		"the short name":         {"flm", "flm", "ghcr.io/hal0ai/flm@sha256:" + hex},
		"short, unpublished":     {"hub", "hub", "kyuz0/comfy"},
		"a name before a ref":    {"kyuz0/comfy", "kyuz0/comfy", "localhost:5000/named/as/a/ref:v1"},
		"no such name":           {"vulkan", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pin, ok := m.Pin(tc.ref)
			assert.Equal(t, tc.entry != "", ok)
			assert.Equal(t, tc.entry, pin.Name)
			assert.Equal(t, tc.launch, pin.Launch)
		})
	}
	var none *manifest.Manifest
	_, ok := none.Pin("x")
	assert.False(t, ok, "nil knows no image")
}

func TestParseReportsEveryProblem(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ doc, want string }{
		"not JSON":     {"{\n  \"a\": tru\n}", "manifest.json:2:"},
		"other schema": {`{"_schema":"hal0.manifest.v9"}`, `manifest.json:1:2: _schema: unknown schema "hal0.manifest.v9": want hal0.manifest.v1`},
		"no tag":       {`{"toolbox_images":{"a":{"digest":""}}}`, "manifest.json:1:20: toolbox_images.a.tag: is required"},
		"bad tag":      {`{"toolbox_images":{"a":{"tag":"A B"}}}`, `manifest.json:1:25: toolbox_images.a.tag: "A B" is not an image reference (invalid reference format`},
		"short digest": {
			`{"toolbox_images":{"a":{"tag":"x/y:1","digest":"sha256:abc"}}}`,
			`manifest.json:1:39: toolbox_images.a.digest: "sha256:abc" is not a digest: want sha256: and 64 hexadecimal digits, or "" for an image that is not published`,
		},
		"sha512":      {`{"toolbox_images":{"a":{"tag":"x/y:1","digest":"sha512:` + strings.Repeat("a", 128) + `"}}}`, "is not a digest"},
		"placeholder": {`{"toolbox_images":{"a":{"tag":"x/y:1","digest":"sha256:` + strings.Repeat("0", 64) + `"}}}`, "is not a digest"},
		"two digests": {`{"toolbox_images":{"a":{"tag":"x/y@sha256:` + hex + `","digest":"sha256:` + strings.Repeat("a", 64) + `"}}}`, "toolbox_images.a.digest: is sha256:aaa"},
		"one tag, two digests": {
			`{"toolbox_images":{"a":{"tag":"x/y:1","digest":"sha256:` + hex + `"},"b":{"tag":"docker.io/x/y:1"}}}`,
			`manifest.json:1:123: toolbox_images.b.digest: is "", but a pins the same tag to "sha256:` + hex + `"`,
		},
		"no name": {`{"toolbox_images":{"":{"tag":"x/y:1"}}}`, `manifest.json:1:20: toolbox_images."": has no name: want a short one, such as vulkan`},
		"a login": {
			`{"toolbox_images":{"a":{"tag":"https://me:hunter2@ghcr.io/x:1"}}}`,
			`"https://xxxxx@ghcr.io/x:1" is not an image reference (it may hold a login, which has no place there): want registry/`,
		},
		"a login, a short digest": {
			`{"toolbox_images":{"a":{"tag":"https://me:hunter2@ghcr.io/x@sha256:abc"}}}`, `"https://xxxxx@ghcr.io/x@sha256:abc" is not`,
		},
		"a short digest in the tag": {`{"toolbox_images":{"a":{"tag":"x/y@sha256:abc"}}}`, `"x/y@sha256:abc" is not an image reference (`},
		"a login, no scheme":        {`{"toolbox_images":{"a":{"tag":"me:hunter2@ghcr.io/x:1"}}}`, `toolbox_images.a.tag: "xxxxx@ghcr.io/x:1" is not`},
		"digest a number":           {`{"toolbox_images":{"a":{"tag":"x/y:1","digest":7}}}`, "toolbox_images.a.digest: must be a string, got 7"},
		"image a string":            {`{"toolbox_images":{"a":"x/y:1"}}`, `toolbox_images.a: must be a table, got the string "x/y:1"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := manifest.Parse("manifest.json", []byte(tc.doc))
			require.Error(t, err)
			assert.Contains(t, err.Error(), tc.want)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	flm, ok := manifest.Embedded().Pin("flm")
	require.True(t, ok)
	for ref, want := range map[string]manifest.Pin{
		"flm":                       flm,
		flm.Launch:                  flm,
		"x/y:1":                     {Ref: "x/y:1", Launch: "x/y:1"},
		"x/y:1@sha256:" + hex:       {Ref: "x/y:1@sha256:" + hex, Launch: "x/y:1@sha256:" + hex, Digest: "sha256:" + hex},
		"localhost/a@sha256:" + hex: {Ref: "localhost/a@sha256:" + hex, Launch: "localhost/a@sha256:" + hex, Digest: "sha256:" + hex},
	} {
		pin, err := manifest.Embedded().Resolve(ref)
		require.NoError(t, err)
		assert.Equal(t, want, pin)
		assert.Equal(t, want.Name != "", pin.Managed())
	}
	var none *manifest.Manifest
	_, err := none.Resolve("x/y@sha256:" + strings.Repeat("0", 64))
	assert.ErrorContains(t, err, "is not a digest")
}

func TestEmbeddedText(t *testing.T) {
	t.Parallel()
	text := manifest.EmbeddedText()
	m, err := manifest.Parse("manifest.json", text)
	require.NoError(t, err)
	assert.Equal(t, manifest.Embedded().Images(), m.Images())
	clear(text)
	assert.NotEqual(t, text, manifest.EmbeddedText(), "the text is the caller's")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"toolbox_images":{"flm":{"tag":"ghcr.io/hal0ai/flm:0.9.43","digest":"sha256:` + hex + `"}}}`))
	f.Add([]byte(`{"toolbox_images":{"a":{"tag":"x","digest":null},"_c":1},"_n":[]}`))
	f.Add([]byte(`{"toolbox_images":{"x":{"tag":"y"},"y":{"tag":"x"},"x/y:1":{"tag":"x:1@sha256:` + hex + `"}}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := manifest.Parse("manifest.json", doc)
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, p := range m.Images() {
			names[p.Name] = true
			if got, ok := m.Pin(p.Name); !ok || got != p {
				t.Fatalf("pin named %q is %+v, %v, want %+v", p.Name, got, ok, p)
			}
			if p.Published() && !strings.HasSuffix(p.Launch, "@"+p.Digest.String()) {
				t.Fatalf("%+v is not launched by its digest", p)
			}
		}
		for _, p := range m.Images() {
			for _, ref := range []string{p.Ref, p.Launch} {
				if got, ok := m.Pin(ref); !names[ref] && (!ok || got.Digest != p.Digest) {
					t.Fatalf("pin of %q is %+v, %v, want the digest of %+v", ref, got, ok, p)
				}
			}
		}
	})
}

func FuzzRef(f *testing.F) {
	for _, ref := range []string{"ubuntu", "ghcr.io/a/b:c", "localhost:5000/x@sha256:" + hex, "A/b", "a:b@sha512:00"} {
		f.Add(ref)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		named, err := manifest.ParseRef(ref)
		var none *manifest.Manifest
		pin, err2 := none.Resolve(ref)
		if (err == nil) != (err2 == nil) || err == nil && pin.Published() != strings.Contains(ref, "@") {
			t.Fatalf("%q: %v, %v, pinned to %q", ref, err, err2, pin.Digest)
		}
		if err != nil {
			return
		}
		again, err := manifest.ParseRef(named.String())
		if err != nil || again.String() != named.String() {
			t.Fatalf("%q is %q, which is %v, %v", ref, named, again, err)
		}
	})
}
