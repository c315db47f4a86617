package manifest

import (
	"regexp"

	"github.com/distribution/reference"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/schema"
)

// A digest is what matches the first and not the second; see [ParseDigest].
const (
	digestPattern      = `^sha256:[a-f0-9]{64}$`
	placeholderPattern = `sha256:0{64}$`
)

var digestRE, placeholderRE = regexp.MustCompile(digestPattern), regexp.MustCompile(placeholderPattern)

// JSONSchema returns the JSON Schema of manifest.json, always the same. Whatever
// [Parse] accepts, it accepts; it refuses what Parse refuses but for what a schema
// can't say: a key that is written twice, a reference that is too long or nothing
// but a digest's digits, and a digest that contradicts another.
func JSONSchema() []byte {
	refPattern := "^" + reference.NameRegexp.String() + "(:" + reference.TagRegexp.String() + ")?(@" + digestPattern[1:len(digestPattern)-1] + ")?$"
	s := schema.Of[file](schema.Rules{Unknown: conf.Ignore, Null: true, Notes: map[string]schema.Note{
		"_schema":                 {Text: "The version of the format.", Enum: []string{Schema}, Empty: true},
		"version":                 {Text: "The release that pins the images."},
		"channel":                 {Text: "The channel of the release.", Examples: []any{"stable"}},
		"toolbox_images":          {Text: "The images, by their short name. Keys that begin with _ are comments."},
		"toolbox_images.*":        {Text: "One image. Other keys are comments."},
		"toolbox_images.*.tag":    {Text: "The image reference.", Pattern: refPattern, Not: placeholderPattern, Examples: []any{"ghcr.io/hal0ai/hal0-toolbox-flm:0.9.43"}},
		"toolbox_images.*.digest": {Text: "The digest of the release's image; empty while it is not published, so that it is launched by its tag.", Pattern: digestPattern, Not: placeholderPattern, Empty: true},
		"toolbox_images.*._notes": {Text: "For people."},
	}})
	s.Dialect, s.Title = schema.Dialect, "hal0 manifest"
	s.Description = "The container images that a hal0 release was made with. Keys that are not known are comments."
	images := s.Properties["toolbox_images"]
	images.PatternProperties = map[string]*schema.Schema{"^_": {}}
	images.PropertyNames = &schema.Schema{AnyOf: []*schema.Schema{{Pattern: "^_"}, images.PropertyNames}}
	return s.JSON()
}
