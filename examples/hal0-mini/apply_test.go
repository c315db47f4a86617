package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A podmanBox is a box of the slots chat, embed and rerank, and podman for it.
type podmanBox struct {
	t         *testing.T
	home, uri string
}

// newPodmanBox returns one whose servers are stubs. What is up at the end of the
// test is taken down.
func newPodmanBox(t *testing.T) podmanBox {
	t.Helper()
	s := service.Service(t)
	b := podmanBox{t, llamaBox(t, s.StubImage(t)), s.URI}
	t.Cleanup(func() {
		run(context.Background(), b.args("down"), io.Discard, io.Discard) //nolint:usetesting // after the test
	})
	return b
}

func (b podmanBox) args(args ...string) []string {
	return append(args, "--home", b.home, "--podman", b.uri)
}

// run carries out a command line that ends with a code, and returns what it printed.
func (b podmanBox) run(code int, args ...string) (stdout, stderr string) {
	b.t.Helper()
	got, stdout, stderr := mini(b.t, b.args(args...)...)
	require.Equal(b.t, code, got, stdout+stderr)
	return stdout, stderr
}

// steps carries out a command line that prints steps as JSON.
func (b podmanBox) steps(code int, args ...string) map[string]step {
	b.t.Helper()
	stdout, _ := b.run(code, append(args, "--json")...)
	var list []step
	require.NoError(b.t, json.Unmarshal([]byte(stdout), &list), stdout)
	bySlot := map[string]step{}
	for _, s := range list {
		bySlot[s.Slot] = s
	}
	return bySlot
}

// edit replaces a text in a slot's file.
func (b podmanBox) edit(slot, old, with string) {
	b.t.Helper()
	file := filepath.Join(b.home, "etc/hal0/slots", slot+".toml")
	before := text(b.t, file)
	after := strings.Replace(before, old, with, 1)
	require.NotEqual(b.t, before, after)
	require.NoError(b.t, os.WriteFile(file, []byte(after), 0o644))
}

// The whole box follows its files, and what did not change is not touched.
func TestApply(t *testing.T) {
	b := newPodmanBox(t)
	const start = "start   chat: it has no container\nstart   embed: it has no container\nstart   rerank: it has no container\n"
	const up = "chat  ready  http://127.0.0.1:8101\nembed  ready  http://127.0.0.1:8102\nrerank  ready  http://127.0.0.1:8103\n"
	stdout, _ := b.run(3, "diff")
	assert.Equal(t, start, stdout)
	stdout, stderr := b.run(0, "apply", "--parallel", "2")
	assert.Equal(t, start+up, stdout)
	assert.Contains(t, stderr, "chat  warming    container ")
	stdout, _ = b.run(0, "apply")
	assert.Equal(t, "nothing to do\n", stdout)
	stdout, _ = b.run(0, "diff")
	assert.Equal(t, "nothing to do\n", stdout)
	before := b.steps(0, "diff")
	require.Len(t, before, 3)

	b.edit("rerank", "context_size = 512", "context_size = 1024")
	diff, _ := b.run(3, "diff")
	assert.Equal(t, "replace rerank: its container runs another plan\n        command --ctx-size: 512, planned 1024\n", diff)
	stdout, _ = b.run(0, "apply")
	assert.Equal(t, diff+up, stdout)
	inReadme(t, "$ hal0-mini diff\n"+diff+"$ hal0-mini apply 2>/dev/null\n"+stdout)
	after := b.steps(0, "apply")
	assert.Equal(t, before["chat"].Container, after["chat"].Status.Container.ID)
	assert.Equal(t, before["embed"].Container, after["embed"].Status.Container.ID)
	assert.NotEqual(t, before["rerank"].Container, after["rerank"].Status.Container.ID)

	require.NoError(t, os.Remove(filepath.Join(b.home, "etc/hal0/slots/embed.toml")))
	stdout, _ = b.run(0, "apply")
	assert.Equal(t, "stop    embed: it has no slot file\nchat  ready  http://127.0.0.1:8101\nembed  offline\nrerank  ready  http://127.0.0.1:8103\n", stdout)
}

// What is wrong with one slot keeps no other from coming up, and is told.
func TestApplyGoesOnPastErrors(t *testing.T) {
	b := newPodmanBox(t)
	write(t, b.home, "etc/hal0/slots/embed.toml", "port = 80\n")
	const problem = "slots/embed.toml:1:1: port: must be 8081 to 8200, got 80\n"
	stdout, stderr := b.run(3, "apply")
	assert.Contains(t, stdout, "leave   embed: its file can't be made a plan\n")
	assert.Contains(t, stdout, "chat  ready  ")
	assert.Contains(t, stderr, problem)
	stdout, stderr = b.run(3, "diff")
	assert.Equal(t, "leave   embed: its file can't be made a plan\nnothing to do\n", stdout)
	assert.Contains(t, stderr, problem)
	bad := b.steps(3, "diff")["embed"]
	require.Len(t, bad.Errors, 1)
	assert.Equal(t, "port", bad.Errors[0].Path)
	assert.Equal(t, bad.Errors, b.steps(3, "apply")["embed"].Errors)

	write(t, b.home, "etc/hal0/slots/dies.toml", "port = 8104\ndevice = \"cpu\"\nprofile = \"plain\"\n[model]\ndefault = \"tiny-chat\"\n[server]\nenv = { STUB_MODE = \"exit:3\" }\n")
	b.edit("rerank", "context_size = 512", "context_size = 1024")
	got := b.steps(1, "apply")
	require.Len(t, got["dies"].Errors, 1)
	assert.Contains(t, got["dies"].Errors[0].Message, "exited with code 3 while starting")
	assert.Nil(t, got["dies"].Status)
	assert.Equal(t, "ready", string(got["rerank"].Status.State))
	_, stderr = b.run(1, "apply")
	assert.Contains(t, stderr, "slot dies: the server exited with code 3")
	assert.Contains(t, stderr, "hal0-mini: slot dies: ", "the error of the program is of both")
	assert.Contains(t, stderr, problem)
}

func TestApplyUsage(t *testing.T) {
	t.Parallel()
	home, _ := speakerBox(t)
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a slot":       {[]string{"apply", "tts"}, 2, `apply takes no arguments, got "tts"`},
		"diff a slot":  {[]string{"diff", "tts"}, 2, `diff takes no arguments, got "tts"`},
		"none at once": {[]string{"apply", "--parallel", "0"}, 2, "at least 1"},
		"some at once": {[]string{"apply", "--parallel", "some"}, 2, "at least 1"},
		"no time":      {[]string{"apply", "--timeout", "0s"}, 2, "must be a duration above 0, such as 90s or 5m"},
		"less than no": {[]string{"up", "tts", "--timeout", "-3s"}, 2, "must be a duration above 0, such as 90s or 5m"},
		"no podman":    {[]string{"apply", "--podman", "unix://" + home + "/none.sock"}, 1, "container runtime is unavailable"},
		"no diff":      {[]string{"diff", "--podman", "unix://" + home + "/none.sock"}, 1, "container runtime is unavailable"},
		"no look":      {[]string{"observe", "tts"}, 2, `observe takes no arguments, got "tts"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := mini(t, append(tc.args, "--home", home)...)
			assert.Equal(t, tc.code, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, tc.want)
		})
	}
}
