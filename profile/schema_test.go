package profile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/schematest"
	"github.com/hal0ai/hal0-go/profile"
)

func load(doc []byte) error {
	_, err := profile.Parse("profiles.toml", doc)
	return err
}

// a is a profiles.toml of one profile with an image and these lines.
func a(lines ...string) schematest.Case {
	return schematest.Case{Doc: "[profile.a]\nimage = \"x\"\n" + strings.Join(lines, "\n") + "\n"}
}

func bad(c schematest.Case) schematest.Case {
	c.Bad = true
	return c
}

func named(name string) schematest.Case {
	return schematest.Case{Doc: "[profile." + name + "]\nimage = \"x\"\n"}
}

var schemaCases = map[string]schematest.Case{
	"nothing":              {},
	"no profiles":          {Doc: "[profile]\n"},
	"an image":             a(),
	"every key":            a(`flags = "-b 1"`, "mtp = true", `device_class = "img"`, `backend = "none"`, `intent = "i"`, `quant = "q"`, `cloned_from = "rocm"`),
	"no image":             {Doc: "[profile.a]\n", Bad: true},
	"an empty image":       {Doc: "[profile.a]\nimage = \"\"\n", Bad: true},
	"an image of any kind": {Doc: "[profile.a]\nimage = \"A B\"\n"}, // judged when it is launched
	"an image a table":     {Doc: "[profile.a.image]\n", Bad: true},
	"a control character":  bad(a(`intent = "a\nb"`)),
	"longest name":         named(strings.Repeat("a", 32)),
	"name too long":        bad(named(strings.Repeat("a", 33))),
	"name in capitals":     bad(named("Rocm")),
	"name with a dot":      bad(named(`"a.b"`)),
	"name with a dash":     named("rocm-dnse_2"),
	"name begins with one": bad(named("-a")),
	"no name":              bad(named(`""`)),
	"one of two is bad":    bad(a("[profile.b]")),
	"unknown key":          bad(a("tps = 50.0")),
	"unknown table":        {Doc: "[other]\n", Bad: true},
	"the plural":           {Doc: "[profiles.a]\nimage = \"x\"\n", Bad: true},
	"a profile a string":   {Doc: "[profile]\na = \"x\"\n", Bad: true},
	"profile a list":       {Doc: "[[profile]]\nimage = \"x\"\n", Bad: true},
	"flags in lines":       a(`flags = """`, "-b 1", `-ub 1"""`),
	"flags in a list":      bad(a(`flags = ["-b"]`)),
	"mtp as text":          bad(a(`mtp = "on"`)),
	"unknown class":        bad(a(`device_class = "tpu"`)),
	"no class":             bad(a(`device_class = ""`)),
	"unknown backend":      bad(a(`backend = "cuda"`)),
	"no backend":           bad(a(`backend = ""`)),
	"flags, an open quote": {Doc: a(`flags = "'"`).Doc, Beyond: "it does not split words as a shell does"},
	"intent a time":        {Doc: a("intent = 07:32:00").Doc, Beyond: "editors take a time for a string"},
}

func TestSchema(t *testing.T) {
	t.Parallel()
	s := schematest.Compile(t, profile.JSONSchema())
	schematest.Described(t, s)
	schematest.Run(t, schemaCases, load, s.TOML)
	seeds, err := os.ReadFile("seeds.toml")
	require.NoError(t, err)
	require.NoError(t, s.TOML(seeds))
}

// Whatever loads is fine by the schema.
func FuzzSchema(f *testing.F) {
	schematest.Fuzz(f, schemaCases, load, schematest.Compile(f, profile.JSONSchema()).TOML)
}
