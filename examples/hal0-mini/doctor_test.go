package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/ggufwrite"
	"github.com/hal0ai/hal0-go/slot"
)

// A slot whose profile has a flag that the image's server does not know, and one that
// is disabled: on real podman and a real llama-server.
func TestDoctor(t *testing.T) {
	s := service.Service(t)
	home, sys := t.TempDir(), t.TempDir()
	var model bytes.Buffer
	require.NoError(t, ggufwrite.Write(&model, ggufwrite.Model{Seed: 1}))
	write(t, sys, "mnt/ai-models/small.gguf", model.String())
	write(t, sys, "proc/meminfo", "MemTotal: 33554432 kB\n")
	for name, text := range map[string]string{
		"chat": "port = 8081\nprofile = \"vulkan\"\n[model]\ndefault = \"/mnt/ai-models/small.gguf\"\ncontext_size = 2048\n",
		"code": "port = 8082\nprofile = \"vulkan\"\nenabled = false\n[model]\ndefault = \"/mnt/ai-models/large.gguf\"\n",
	} {
		write(t, home, "etc/hal0/slots/"+name+".toml", "device = \"cpu\"\nimage = \""+s.LlamaImage(t)+"\"\n"+text)
	}
	args := func(more ...string) []string {
		return append([]string{"doctor", "--home", home, "--sysroot", sys, "--podman", s.URI}, more...)
	}
	code, stdout, stderr := mini(t, args("chat")...)
	assert.Equal(t, 3, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "--no-mmap, which comes from profile vulkan, is not a flag that it has")
	inReadme(t, "$ hal0-mini doctor chat\n"+stdout)
	_, all, _ := mini(t, args()...)
	assert.True(t, strings.HasPrefix(all, strings.TrimSuffix(stdout, "1 error, 1 warning in 1 slot\n")), all)
	assert.Contains(t, all, "code.toml:5:1: enabled: set enabled = true to bring it up\n1 error, 2 warnings in 2 slots\n")

	code, stdout, _ = mini(t, args("code", "--json")...)
	assert.Equal(t, 3, code)
	var found []slot.Finding
	require.NoError(t, json.Unmarshal([]byte(stdout), &found))
	require.NotEmpty(t, found)
	codes := map[string]slot.Severity{}
	for _, f := range found {
		codes[f.Code] = f.Severity
		assert.Equal(t, "code", f.Slot, f.Message)
	}
	assert.Equal(t, slot.SeverityError, codes[slot.FindModelFile], "who is asked for is looked at, disabled or not")
}

// Without podman, what can be looked at is.
func TestDoctorWithoutPodman(t *testing.T) {
	t.Parallel()
	home, _ := speakerBox(t)
	none := []string{"--home", home, "--podman", "unix://" + home + "/none.sock"}
	code, stdout, stderr := mini(t, append(none, "doctor")...)
	assert.Equal(t, 3, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "the box\n  error    runtime.unavailable: ")
	assert.Contains(t, stdout, "images, the flags that their servers accept, and containers can't be looked at\n")
	assert.Contains(t, stdout, "tts\n  error    mount.missing: ")

	code, stdout, stderr = mini(t, append(none, "doctor", "nope")...)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, `no such slot: "nope"`)

	code, stdout, _ = mini(t, "doctor", "--demo")
	assert.Zero(t, code, "warnings alone")
	assert.Contains(t, stdout, "  info     runtime.unavailable: ")
	assert.Contains(t, stdout, "0 errors, 3 warnings in 6 slots\n")
}

// A finding is told with the key to change and what to do, as far as there is.
func TestPrintFindings(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	a := &app{stdout: &out}
	a.printFindings([]slot.Finding{
		{Severity: "info", Code: "a.b", Message: "of the box"},
		{Slot: "chat", Severity: "error", Code: "c.d", Message: "two\nlines", Fix: "mend it\nnow", File: "/f.toml", Line: 2, Column: 3, Path: "port"},
		{Slot: "chat", Severity: "warning", Code: "e.f", Message: "no key", File: "/f.toml", Line: 2, Column: 3},
		{Slot: "tts", Severity: "warning", Code: "g.h", Message: "in no file", Path: "profile.p.flags", Fix: "clone it"},
		{Slot: "tts", Severity: "warning", Code: "i.j", Message: "no place", File: "/f.toml"},
	}, 2)
	assert.Equal(t, `the box
  info     a.b: of the box
chat
  error    c.d: two
           lines
           /f.toml:2:3: port: mend it
           now
  warning  e.f: no key
           /f.toml:2:3
tts
  warning  g.h: in no file
           profile.p.flags: clone it
  warning  i.j: no place
1 error, 3 warnings in 2 slots
`, out.String())
}
