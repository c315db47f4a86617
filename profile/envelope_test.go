package profile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/profile"
)

const envelopeText = `{
  "kind": "hal0.profile",
  "schema_version": 1,
  "checksum": "sha256:eb9e592d8ca4a6464c1ecf17e991c21638b02cd22cab19b132906635696ba248",
  "profile": {
    "name": "mine",
    "image": "localhost/llama:1",
    "flags": "--chat-template-kwargs '{\"a\": \"<b>\"}'",
    "mtp": true,
    "device_class": "gpu",
    "backend": "vulkan",
    "intent": "MoE · fast\u2028",
    "quant": "",
    "cloned_from": "vulkan"
  }
}
`

func mine(t *testing.T) profile.Profile {
	t.Helper()
	flags, err := profile.ParseFlags(`--chat-template-kwargs '{"a": "<b>"}'`)
	require.NoError(t, err)
	return profile.Profile{
		Name: "mine", Image: "localhost/llama:1", Flags: flags, MTP: true, Class: "gpu", Backend: "vulkan",
		Intent: "MoE · fast\u2028", ClonedFrom: "vulkan",
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	data, err := profile.Export(mine(t))
	require.NoError(t, err)
	assert.Equal(t, strings.Split(envelopeText, "\n"), strings.Split(string(data), "\n"))
	// The canonical form that the checksum is over, as documented.
	canonical := `{"backend":"vulkan","cloned_from":"vulkan","device_class":"gpu","flags":"--chat-template-kwargs '{\"a\": \"<b>\"}'",` +
		`"image":"localhost/llama:1","intent":"MoE · fast` + "\u2028" + `","mtp":true,"name":"mine","quant":""}`
	assert.Contains(t, string(data), fmt.Sprintf(`"sha256:%x"`, sha256.Sum256([]byte(canonical))))
	back, err := profile.Import("mine.json", data)
	require.NoError(t, err)
	assert.Equal(t, mine(t), back)
}

// The seeds go out and come back, without what only hal0's bench knows.
func TestExportSeeds(t *testing.T) {
	t.Parallel()
	for _, p := range profile.Seeds().List() {
		data, err := profile.Export(p)
		require.NoError(t, err)
		back, err := profile.Import("x.json", data)
		require.NoError(t, err)
		p.Seed, p.TPS, p.RTF = false, 0, 0
		assert.Equal(t, p, back)
	}
}

// How the JSON is laid out does not matter, and what is the default may be left
// out.
func TestImportOfAnotherLayout(t *testing.T) {
	t.Parallel()
	data, err := profile.Export(profile.Profile{Name: "plain", Image: "x"})
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, data))
	text := compact.String()
	for _, left := range []string{`,"mtp":false`, `,"backend":"none"`, `,"intent":""`, `,"device_class":"gpu"`} {
		require.Contains(t, text, left)
		text = strings.Replace(text, left, "", 1)
	}
	p, err := profile.Import("x.json", []byte(text))
	require.NoError(t, err)
	assert.Equal(t, profile.Profile{Name: "plain", Image: "x", Class: "gpu", Backend: "none"}, p)
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ from, to, want string }{
		"another kind":  {`"hal0.profile"`, `"hal0.slot"`, `m.json:2:3: kind: is "hal0.slot", want "hal0.profile": this is no exported profile`},
		"no kind":       {`"kind": "hal0.profile",`, ``, `m.json:1:1: kind: is required`},
		"a newer one":   {`"schema_version": 1`, `"schema_version": 2, "new": {}`, `m.json:3:3: schema_version: is 2, and this program reads version 1: use one that is as new as the export`},
		"an older one":  {`"schema_version": 1`, `"schema_version": -1`, `m.json:3:3: schema_version: is -1, and this program reads version 1: use one that is as new as the export`},
		"checksum":      {`llama:1`, `llama:2`, `m.json:4:3: checksum: is "` + strings.Split(envelopeText, `"`)[9] + `", but the profile's is "sha256:`},
		"no checksum":   {`"checksum"`, `"check"`, "m.json:1:1: checksum: is required\nm.json:4:3: check: unknown key, did you mean \"checksum\"?"},
		"unknown key":   {`"quant"`, `"quants"`, `m.json:13:5: profile.quants: unknown key, did you mean "quant"?`},
		"no name":       {`"mine"`, `""`, `m.json:6:5: profile.name: must not be empty`},
		"a bad name":    {`"mine"`, `"Mine"`, `m.json:6:5: profile.name: "Mine" is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit`},
		"no such class": {`"gpu"`, `"tpu"`, `m.json:10:5: profile.device_class: unknown device_class "tpu": want one of gpu, cpu, npu, img`},
		"a bad type":    {`true`, `1`, `m.json:9:5: profile.mtp: must be true or false, got 1`},
		"not JSON":      {`{`, ``, `m.json:2:`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, envelopeText, tc.from)
			_, err := profile.Import("m.json", []byte(strings.Replace(envelopeText, tc.from, tc.to, 1)))
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), tc.want), err.Error())
		})
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(envelopeText))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := profile.Import("x.json", data)
		if err != nil {
			return
		}
		out, err := profile.Export(p)
		if err != nil {
			t.Fatalf("%q is imported as %+v, which can't be exported: %v", data, p, err)
		}
		if back, err := profile.Import("x.json", out); err != nil || back.Name != p.Name || back.Flags.String() != p.Flags.String() {
			t.Fatalf("%q comes back as %+v, %v", data, back, err)
		}
	})
}
