package manifest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/schematest"
	"github.com/hal0ai/hal0-go/manifest"
)

func load(doc []byte) error {
	_, err := manifest.Parse("manifest.json", doc)
	return err
}

// tagged is a manifest of one image with a tag and, if it is not "", a digest.
func tagged(tag, digest string) schematest.Case {
	if digest != "" {
		digest = `,"digest":` + digest
	}
	return schematest.Case{Doc: `{"toolbox_images":{"a":{"tag":"` + tag + `"` + digest + `}}}`}
}

func bad(c schematest.Case) schematest.Case {
	c.Bad = true
	return c
}

func beyond(why string, c schematest.Case) schematest.Case {
	c.Beyond = why
	return c
}

var schemaCases = map[string]schematest.Case{
	"nothing":                {Doc: `{}`},
	"a list":                 {Doc: `[]`, Bad: true},
	"the format":             {Doc: `{"_schema":"hal0.manifest.v1"}`},
	"no format":              {Doc: `{"_schema":""}`},
	"another format":         {Doc: `{"_schema":"hal0.manifest.v2"}`, Bad: true},
	"a number for a format":  {Doc: `{"_schema":1}`, Bad: true},
	"nulls":                  {Doc: `{"_schema":null,"version":null,"channel":null,"toolbox_images":null}`},
	"version and channel":    {Doc: `{"version":"1","channel":"stable"}`},
	"a number for a version": {Doc: `{"version":1}`, Bad: true},
	"a version in lines":     {Doc: `{"version":"1\n2"}`, Bad: true},
	"comments":               {Doc: `{"_a":[1],"b":{"c":null},"$schema":"x","toolbox_images":{"_c":1,"_d":null,"_\u0007":"x"}}`},
	"images a list":          {Doc: `{"toolbox_images":[]}`, Bad: true},
	"an image a string":      {Doc: `{"toolbox_images":{"a":"x"}}`, Bad: true},
	"an image null":          {Doc: `{"toolbox_images":{"a":null}}`},
	"an image, no tag":       {Doc: `{"toolbox_images":{"a":{"digest":""}}}`, Bad: true},
	"an image, tag null":     {Doc: `{"toolbox_images":{"a":{"tag":null}}}`, Bad: true},
	"an image, empty tag":    bad(tagged("", "")),
	"comments of an image":   {Doc: `{"toolbox_images":{"a":{"tag":"x","_notes":"a\nb","x":1,"_y":[]}}}`},
	"notes null":             {Doc: `{"toolbox_images":{"a":{"tag":"x","_notes":null}}}`},
	"notes a list":           {Doc: `{"toolbox_images":{"a":{"tag":"x","_notes":["a"]}}}`, Bad: true},
	"any short name":         {Doc: `{"toolbox_images":{"A b/ü":{"tag":"x"}}}`},
	"a short name in lines":  {Doc: `{"toolbox_images":{"a\nb":{"tag":"x"}}}`, Bad: true},

	"tag":                      tagged("ghcr.io/hal0ai/hal0-toolbox-flm:0.9.43", ""),
	"tag without a registry":   tagged("kyuz0/comfy", ""),
	"tag of one word":          tagged("ubuntu", ""),
	"tag, port":                tagged("localhost:5000/a/b:v1", ""),
	"tag, address":             tagged("[::1]:5000/a", ""),
	"tag, registry in caps":    tagged("Foo.io/a", ""),
	"tag with a digest":        tagged("x/y@sha256:"+hex, ""),
	"tag and digest":           tagged("x/y:1@sha256:"+hex, ""),
	"tag with spaces":          bad(tagged("A B", "")),
	"tag in capitals":          bad(tagged("x/Y", "")),
	"tag with a scheme":        bad(tagged("https://x.io/y", "")),
	"tag ends with a colon":    bad(tagged("x/y:", "")),
	"tag, short digest":        bad(tagged("x/y@sha256:abc", "")),
	"tag, digest of zeros":     bad(tagged("x/y@sha256:"+strings.Repeat("0", 64), "")),
	"tag, sha512":              bad(tagged("x/y@sha512:"+strings.Repeat("a", 128), "")),
	"tag too long":             bad(tagged("x/y:"+strings.Repeat("a", 129), "")),
	"tag, a very long name":    beyond("it does not count a name with its registry", tagged(strings.Repeat("a", 256), "")),
	"tag, nothing but digits":  beyond("it does not tell an id from a name", tagged(hex, "")),
	"tag, an id in a registry": tagged("x.io/"+hex, ""),

	"digest":              tagged("x", `"sha256:`+hex+`"`),
	"no digest":           tagged("x", `""`),
	"null for a digest":   tagged("x", `null`),
	"digest a number":     bad(tagged("x", `7`)),
	"digest false":        bad(tagged("x", `false`)),
	"short digest":        bad(tagged("x", `"sha256:abc"`)),
	"long digest":         bad(tagged("x", `"sha256:`+hex+`0"`)),
	"digest in capitals":  bad(tagged("x", `"sha256:`+strings.ToUpper(hex)+`"`)),
	"digest, bare":        bad(tagged("x", `"`+hex+`"`)),
	"digest of zeros":     bad(tagged("x", `"sha256:`+strings.Repeat("0", 64)+`"`)),
	"digest, sha512":      bad(tagged("x", `"sha512:`+strings.Repeat("a", 128)+`"`)),
	"digest with a space": bad(tagged("x", `" sha256:`+hex+`"`)),
	"digest, twice":       tagged("x/y@sha256:"+hex, `"sha256:`+hex+`"`),
	"two digests":         beyond("it can't compare two values", tagged("x/y@sha256:"+hex, `"sha256:`+strings.Repeat("a", 64)+`"`)),
	"a key twice":         beyond("who reads JSON keeps one of them", schematest.Case{Doc: `{"version":"1","version":"1"}`}),
	"nested too deeply":   beyond("it does not count", schematest.Case{Doc: strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101)}),
	"a number too large":  beyond("to a schema no number is", schematest.Case{Doc: `{"a":1e999}`}),
}

func TestSchema(t *testing.T) {
	t.Parallel()
	s := schematest.Compile(t, manifest.JSONSchema())
	schematest.Described(t, s)
	schematest.Run(t, schemaCases, load, s.JSON)
	embedded, err := os.ReadFile("manifest.json")
	require.NoError(t, err)
	require.NoError(t, s.JSON(embedded))
}

// Whatever loads is fine by the schema.
func FuzzSchema(f *testing.F) {
	schematest.Fuzz(f, schemaCases, load, schematest.Compile(f, manifest.JSONSchema()).JSON)
}
