package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/registrytest"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/bundle"
	"github.com/hal0ai/hal0-go/runtime"
)

// Pin an image, carry it to where no registry is, run it, and see it drift: on
// real podman and a real registry.
func TestImages(t *testing.T) {
	s := service.Service(t)
	reg := registrytest.Start(t)
	root, ref := s.StubRoot(t), reg.Host+"/hal0/server:v1"
	push := func(version string) string {
		return string(reg.Push(t, "hal0/server:v1", registrytest.Image(t, "linux/amd64", version+" of "+reg.Host, root)))
	}
	first := push("one")
	home := t.TempDir()
	write(t, home, "etc/hal0/profiles.toml", fmt.Sprintf("[profile.stub]\nimage = %q\ndevice_class = \"cpu\"\n", ref))
	write(t, home, "etc/hal0/slots/one.toml", "port = 8105\ndevice = \"cpu\"\nprofile = \"stub\"\n[model]\ndefault = \"/mnt/m.gguf\"\n")
	write(t, home, "etc/hal0/manifest.json", fmt.Sprintf("{\n  \"_schema\": \"hal0.manifest.v1\",\n  \"toolbox_images\": {\n    \"stub\": {\"tag\": %q, \"digest\": \"\", \"_notes\": \"kept\"}\n  }\n}\n", ref))
	box := func(args ...string) []string { return append(args, "--home", home, "--podman", s.URI) }
	must := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := mini(t, box(args...)...)
		require.Zero(t, code, stderr)
		return stdout
	}
	verdict := func(code int, args ...string) manifest.Verdict {
		t.Helper()
		got, stdout, stderr := mini(t, box(append([]string{"check"}, args...)...)...)
		require.Equal(t, code, got, stderr)
		fields := strings.Fields(strings.Split(stdout, "\n")[1])
		require.Equal(t, "stub", fields[0])
		return manifest.Verdict(fields[1])
	}

	assert.Equal(t, manifest.Unpublished, verdict(0))
	code, stdout, _ := mini(t, box("manifest", "lock", "--check")...)
	assert.Equal(t, 3, code)
	assert.Contains(t, stdout, "+    \"stub\": {\"tag\": \""+ref+"\", \"digest\": \""+first+"\", \"_notes\": \"kept\"}\n")
	assert.Contains(t, must("manifest", "lock"), "manifest.json is changed\n")
	assert.Contains(t, must("manifest", "lock", "--check"), "says so already")
	assert.Contains(t, must("manifest", "show"), first)
	assert.Equal(t, manifest.Absent, verdict(0))

	archive := filepath.Join(t.TempDir(), "images.tar")
	pinned := reg.Host + "/hal0/server@" + first
	assert.Contains(t, must("images", "save", archive), pinned)
	stdin := must("images", "save", "-")
	file, err := os.ReadFile(archive)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(file, []byte(stdin)), "the same, and nothing else, on standard output")
	loaded := object[[]bundle.Image](t, box("images", "load", archive, "--json")...)
	require.Len(t, loaded, 1)
	assert.Equal(t, pinned, loaded[0].Ref)
	assert.Equal(t, manifest.Match, verdict(0, "--registry"))

	link := filepath.Join(t.TempDir(), "link.tar")
	require.NoError(t, os.Symlink(archive, link))
	must("images", "save", link)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.Equal(t, os.ModeSymlink, info.Mode().Type(), "a link stays one")
	must("images", "save", "/dev/null")
	info, err = os.Lstat("/dev/null")
	require.NoError(t, err)
	assert.Equal(t, os.ModeDevice|os.ModeCharDevice, info.Mode().Type(), "a device is written to, not replaced")

	second := push("two")
	assert.Equal(t, manifest.Match, verdict(0), "locally nothing has changed")
	assert.Equal(t, manifest.Drift, verdict(3, "--registry"))
	must("manifest", "lock")
	assert.Contains(t, must("manifest", "show"), second)
	pulled := object[[]struct {
		Slot  string
		Image runtime.Image
	}](t, box("pull", "one", "--json")...)
	require.Len(t, pulled, 1)
	assert.Contains(t, pulled[0].Image.RepoDigests, reg.Host+"/hal0/server@"+second)
	code, stdout, stderr := mini(t, box("pull", "--all")...)
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "one  ")
	assert.NotContains(t, stderr, "\r", "no bar where there is no terminal")

	reg.Fail(registrytest.Status(404))
	assert.Equal(t, manifest.Drift, verdict(3, "--registry"))
	code, stdout, _ = mini(t, box("manifest", "lock", "--check")...)
	assert.Equal(t, 3, code, "a pinned image that is not served any more is no network failure")
	assert.NotContains(t, stdout, "says so already")
	reg.Fail(registrytest.Status(500))
	assert.Equal(t, manifest.Unreachable, verdict(3, "--registry"))
	code, stdout, stderr = mini(t, box("manifest", "lock")...)
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "kept: stub: ")
	assert.Contains(t, stderr, "no registry told the digest of stub")
	assert.Contains(t, must("manifest", "show"), second, "a pin is never lost")
	code, _, stderr = mini(t, box("images", "load", archive)...)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "image is not pinned: the archive holds "+pinned+"; pinned of it: "+second)
}

func TestImageUsage(t *testing.T) {
	t.Parallel()
	home, _ := speakerBox(t)
	out := filepath.Join(home, "images.tar")
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no slot":         {[]string{"pull"}, 2, "name the slots, or give --all"},
		"both":            {[]string{"pull", "tts", "--all"}, 2, "name the slots, or give --all"},
		"bad policy":      {[]string{"up", "tts", "--verify", "maybe"}, 2, "want one of enforce, warn, off"},
		"no such slot":    {[]string{"images", "save", out, "nope"}, 1, `slot nope: no such slot`},
		"no such archive": {[]string{"images", "load", out}, 1, "no such file or directory"},
		"schema":          {[]string{"schema", "slots"}, 2, "want one of slot, profiles, manifest, settings, registry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := mini(t, append(tc.args, "--home", home)...)
			assert.Equal(t, tc.code, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, tc.want)
		})
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(home)
		require.NoError(t, err)
		assert.Len(t, left, 1, "no part of an archive is left")
	})
}

func TestSchema(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"slot", "profiles", "manifest", "settings", "registry"} {
		schema := object[map[string]any](t, "schema", kind)
		assert.Equal(t, "https://json-schema.org/draft/2020-12/schema", schema["$schema"])
	}
}
