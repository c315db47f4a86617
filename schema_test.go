package hal0_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/schematest"
	"github.com/hal0ai/hal0-go/provider"
)

var update = flag.Bool("update", false, "write the golden files")

// The schemas that editors are pointed at are those of the code.
func TestSchemasArePublished(t *testing.T) {
	t.Parallel()
	for _, kind := range hal0.FileKinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			text, err := hal0.Schema(kind)
			require.NoError(t, err)
			schematest.Described(t, schematest.Compile(t, text))
			for _, odd := range []string{`"$ref"`, `"allOf"`, "[[:", `(?i`} {
				assert.NotContains(t, string(text), odd, "not all editors understand it")
			}
			golden := filepath.Join("examples/schemas", string(kind)+".json")
			if *update {
				require.NoError(t, os.WriteFile(golden, text, 0o644))
			}
			published, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(published), string(text), "go test -run TestSchemasArePublished -update . writes it")
		})
	}
}

func TestSchemaOfNothing(t *testing.T) {
	t.Parallel()
	_, err := hal0.Schema("slots")
	require.EqualError(t, err, `schema "slots": want one of slot, profiles, manifest, settings, registry`)
}

// mine is a provider of a program's own.
type mine struct{ provider.Provider }

func (mine) Name() provider.Name { return "mine" }

func TestSchemaTakesProviders(t *testing.T) {
	t.Parallel()
	text, err := hal0.Schema(hal0.SlotFile, hal0.WithProviders(mine{}))
	require.NoError(t, err)
	require.NoError(t, schematest.Compile(t, text).TOML([]byte("port = 8081\nprovider = \"mine\"\n")))
}

func TestSettingsSchema(t *testing.T) {
	t.Parallel()
	load := func(doc []byte) error {
		files := fstest.MapFS{"etc/hal0/hal0.toml": {Data: doc}}
		box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}))
		require.NoError(t, err)
		if len(box.Problems()) > 0 {
			return box.Problems()
		}
		return nil
	}
	text, err := hal0.Schema(hal0.SettingsFile)
	require.NoError(t, err)
	doc := func(bad bool, lines ...string) schematest.Case {
		return schematest.Case{Doc: strings.Join(lines, "\n") + "\n", Bad: bad}
	}
	backwards := doc(false, "[slots]", "port_range_start = 9000", "port_range_end = 8999")
	backwards.Beyond = "it can't compare two values"
	schematest.Run(t, map[string]schematest.Case{
		"nothing":               doc(false),
		"every key":             doc(false, "[slots]", "port_range_start = 8081", "port_range_end = 8099", "max_slots = 0", "[models]", `store = "/srv/models"`),
		"other tables and keys": doc(false, "x = 1", "[slots]", "y = 1", "[other]", "z = 1"),
		"slots a number":        doc(true, "slots = 1"),
		"port 0":                doc(true, "[slots]", "port_range_start = 0"),
		"lowest port":           doc(false, "[slots]", "port_range_start = 1"),
		"highest port":          doc(false, "[slots]", "port_range_end = 65535"),
		"port too high":         doc(true, "[slots]", "port_range_end = 65536"),
		"port as text":          doc(true, "[slots]", `port_range_end = "8099"`),
		"slots below 0":         doc(true, "[slots]", "max_slots = -1"),
		"a relative store":      doc(true, "[models]", `store = "models"`),
		"a store with ..":       doc(true, "[models]", `store = "/srv/../models"`),
		"a store ends in /":     doc(true, "[models]", `store = "/srv/"`),
		"no store":              doc(false, "[models]", `store = ""`),
		"store a list":          doc(true, "[models]", `store = ["/srv"]`),
		"end before start":      backwards,
	}, load, schematest.Compile(t, text).TOML)
}
