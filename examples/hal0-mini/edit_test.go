package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const speaker = "# the voice of the house\nport = 8084\ntype = \"tts\"\ndevice = \"cpu\" # no GPU\n"

// speakerBox is a box with one slot.
func speakerBox(t *testing.T) (home, file string) {
	t.Helper()
	home = t.TempDir()
	write(t, home, "etc/hal0/slots/tts.toml", speaker)
	return home, filepath.Join(home, "etc/hal0/slots/tts.toml")
}

func text(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(data)
}

func TestSetAndUnset(t *testing.T) {
	t.Parallel()
	home, file := speakerBox(t)
	code, stdout, stderr := mini(t, "set", "tts", "role=voice", "enabled=false", "--home", home)
	require.Zero(t, code, stderr)
	assert.Equal(t, file+" is changed\n", stdout)
	assert.Equal(t, speaker+"role = \"voice\"\nenabled = false\n", text(t, file))
	_, stdout, _ = mini(t, "set", "tts", "role=voice", "--home", home)
	assert.Equal(t, file+" says so already\n", stdout)

	change := object[struct {
		File    string
		Changed bool
		Diff    string
	}](t, "unset", "tts", "role", "enabled", "--home", home, "--dry-run", "--json")
	assert.True(t, change.Changed)
	assert.Contains(t, change.Diff, "-role = \"voice\"\n-enabled = false\n")
	assert.Contains(t, text(t, file), "role", "a dry run changes nothing")
	code, _, stderr = mini(t, "unset", "tts", "role", "enabled", "--home", home)
	require.Zero(t, code, stderr)
	assert.Equal(t, speaker, text(t, file))
}

func TestWhatFollowsIsTold(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := mini(t, "set", "chat", "profile=vulkan", "--demo", "--dry-run")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "note: device follows: gpu-vulkan\n")
	assert.Contains(t, stdout, "-device = \"gpu-rocm\"\n+device = \"gpu-vulkan\"\n")
}

func TestEditsAreRefused(t *testing.T) {
	t.Parallel()
	home, file := speakerBox(t)
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown key":    {[]string{"set", "tts", "prot=1"}, 1, `prot: unknown key, did you mean "port"?`},
		"value":          {[]string{"set", "tts", "port=80"}, 1, "tts.toml:2:1: port: must be 8081 to 8200, got 80"},
		"no value":       {[]string{"set", "tts", "port"}, 1, `"port" has no =`},
		"needed":         {[]string{"unset", "tts", "port"}, 1, "port: is required"},
		"no such slot":   {[]string{"set", "tss", "port=8085"}, 1, `did you mean "tts"?`},
		"too few words":  {[]string{"set", "tts"}, 2, "requires at least 2 arg(s)"},
		"contradiction":  {[]string{"create", "--type", "tts", "--device", "npu"}, 1, "type tts with device cpu"},
		"not a type":     {[]string{"create", "--type", "video"}, 2, "want one of llm, embedding"},
		"apply and dry":  {[]string{"migrate", "--apply", "--dry-run"}, 2, "[apply dry-run]"},
		"a port in use":  {[]string{"create", "--type", "tts", "--device", "cpu", "--port", "8084"}, 1, "8084 is the port of slot tts"},
		"a name in use":  {[]string{"create", "--type", "tts", "--device", "cpu", "--name", "tts"}, 1, "slot tts is there already: tts-2 is free"},
		"a model needed": {[]string{"create", "--device", "cpu"}, 1, "model.default: is required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := mini(t, append(tc.args, "--home", home)...)
			assert.Equal(t, tc.code, code)
			assert.Contains(t, stderr, tc.want)
			assert.Empty(t, stdout)
		})
	}
	t.Cleanup(func() { assert.Equal(t, speaker, text(t, file), "nothing was changed") })
}

func TestCreate(t *testing.T) {
	t.Parallel()
	home, file := speakerBox(t)
	made := filepath.Join(filepath.Dir(file), "tts-2.toml")
	code, stdout, stderr := mini(t, "create", "--type", "tts", "--device", "cpu", "--home", home, "--dry-run")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "--- /dev/null\n+++ "+made+"\n")
	require.NoFileExists(t, made)
	code, stdout, stderr = mini(t, "create", "--type", "tts", "--device", "cpu", "--home", home)
	require.Zero(t, code, stderr)
	assert.Equal(t, "note: picked: name tts-2, port 8081, profile tts, provider kokoro\n"+made+" is made\n", stdout)
	plans := object[[]struct{ Slot, Profile string }](t, "resolve", "--home", home, "--json")
	require.Len(t, plans, 2)
	assert.Equal(t, "tts", plans[1].Profile)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	home, file := speakerBox(t)
	code, stdout, stderr := mini(t, "validate", "--home", home)
	require.Zero(t, code, stderr)
	assert.Equal(t, "0 problems, 0 warnings in 1 slot\n", stdout)
	write(t, home, "etc/hal0/slots/two.toml", "port = 8084\ntype = \"tts\"\ndevice = \"cpu\"\ncolour = \"red\"\n")
	code, stdout, _ = mini(t, "validate", "--home", home)
	assert.Equal(t, 3, code)
	assert.Contains(t, stdout, file+":2:1: port: 8084 is the port of slot two (")
	assert.Contains(t, stdout, "two.toml:4:1: colour: unknown key")
	assert.Contains(t, stdout, "2 problems, 1 warning in 2 slots\n")
	code, stdout, _ = mini(t, "validate", "--home", home, "--json")
	assert.Equal(t, 3, code)
	var report struct{ Problems, Warnings []problem }
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	require.Len(t, report.Problems, 2)
	assert.Equal(t, problem{File: file, Line: 2, Column: 1, Path: "port", Message: report.Problems[0].Message, Allowed: []string{}}, report.Problems[0])
	require.Len(t, report.Warnings, 1)
	assert.Equal(t, "slot.unknown-key", report.Warnings[0].Code)
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	home, _ := speakerBox(t)
	const old = "# old\nport = 8085\nbackend = \"kokoro\"\ntype = \"tts\"\n"
	write(t, home, "etc/hal0/slots/old.toml", old)
	file := filepath.Join(home, "etc/hal0/slots/old.toml")
	code, stdout, stderr := mini(t, "migrate", "--home", home)
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "-backend = \"kokoro\"\n+device = \"cpu\"\n")
	assert.Equal(t, old, text(t, file), "it shows, and writes nothing")
	code, stdout, stderr = mini(t, "migrate", "--home", home, "--apply")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, file+" is changed\n")
	assert.Contains(t, text(t, file), "# old\nport = 8085\ndevice = \"cpu\"\n")
	_, stdout, _ = mini(t, "migrate", "--home", home, "--apply")
	assert.Equal(t, "every slot file is up to date\n", stdout)

	write(t, home, "etc/hal0/slots/odd.toml", "port = 8086\nbackend = \"cuda\"\n")
	code, stdout, _ = mini(t, "migrate", "--home", home, "--json")
	assert.Equal(t, 3, code)
	var rows []struct {
		Slot   string
		Errors []problem
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &rows))
	require.Len(t, rows, 1)
	assert.Equal(t, "odd", rows[0].Slot)
	require.Len(t, rows[0].Errors, 1)
	assert.Equal(t, "backend", rows[0].Errors[0].Path)
}
