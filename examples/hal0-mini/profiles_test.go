package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProfileEdits(t *testing.T) {
	t.Parallel()
	home, _ := speakerBox(t)
	file := filepath.Join(home, "etc/hal0/profiles.toml")
	must := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := mini(t, append(args, "--home", home)...)
		require.Zero(t, code, stderr)
		return stdout
	}
	assert.Equal(t, file+" is made\n", must("profiles", "clone", "vulkan", "mine", "flags=-fa on -b 1024", "mtp=true"))
	assert.Contains(t, must("profiles", "edit", "mine", "intent=Long prompts", "--unset", "mtp", "--dry-run"), "-mtp = true\n")
	must("profiles", "edit", "mine", "intent=Long prompts", "--unset", "mtp")
	list := object[[]struct {
		Name, Flags, Intent string
		MTP, Seed           bool
		ClonedFrom          string   `json:"cloned_from"`
		UsedBy              []string `json:"used_by"`
	}](t, "profiles", "--json", "--home", home)
	require.Len(t, list, 8, "the seeds are still served")
	last := list[7]
	assert.Equal(t, "mine", last.Name)
	assert.Equal(t, "-fa on -b 1024", last.Flags)
	assert.Equal(t, "vulkan", last.ClonedFrom)
	assert.False(t, last.MTP)
	assert.False(t, last.Seed)
	assert.True(t, list[0].Seed)

	exported := must("profiles", "export", "mine")
	write(t, home, "mine.json", exported)
	envelope := filepath.Join(home, "mine.json")
	assert.Equal(t, file+" is changed\n", must("profiles", "import", envelope, "--name", "yours"))
	assert.Equal(t, file+" is changed\n", must("profiles", "delete", "mine"))
	write(t, home, "mine.json", strings.Replace(exported, "1024", "2048", 1))

	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a seed":          {[]string{"profiles", "edit", "rocm", "mtp=true"}, "rocm"},
		"a seed deleted":  {[]string{"profiles", "delete", "tts"}, "tts"},
		"unknown key":     {[]string{"profiles", "edit", "yours", "flag=-fa"}, `flag: unknown key, did you mean "flags"?`},
		"taken":           {[]string{"profiles", "clone", "vulkan", "yours"}, "yours"},
		"tampered":        {[]string{"profiles", "import", envelope}, "checksum"},
		"no such profile": {[]string{"profiles", "export", "nope"}, `"nope"`},
	} {
		code, stdout, stderr := mini(t, append(tc.args, "--home", home)...)
		assert.Equal(t, 1, code, name)
		assert.Empty(t, stdout, name)
		assert.Contains(t, stderr, tc.want, name)
	}
	code, _, stderr := mini(t, "profiles", "frobnicate", "--home", home)
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, `unknown command "frobnicate"`)
}
