package hal0

import (
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
	"github.com/hal0ai/hal0-go/internal/schema"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/slot"
)

// A FileKind is what a file of a box is for.
type FileKind string

// The kinds of files.
const (
	SlotFile     FileKind = "slot"     // slots/NAME.toml
	ProfilesFile FileKind = "profiles" // profiles.toml
	ManifestFile FileKind = "manifest" // manifest.json
	SettingsFile FileKind = "settings" // hal0.toml
	RegistryFile FileKind = "registry" // registry/registry.toml
)

var fileKinds = []FileKind{SlotFile, ProfilesFile, ManifestFile, SettingsFile, RegistryFile}

// FileKinds returns every kind of file, all of which have a [Schema]. The slice
// is the caller's.
func FileKinds() []FileKind { return append([]FileKind(nil), fileKinds...) }

// Schema returns the JSON Schema (2020-12) of a kind of file, for editors and
// for checks without this library. Its text is always the same. What the library
// reads without a problem, it accepts; what the library refuses, it refuses but
// for what a schema can't say, which the function of each package tells
// ([slot.JSONSchema] and others).
//
// Of the options only [WithProviders] matters: a slot may name those providers
// too. The error is for a kind that there is not, and lists them.
func Schema(kind FileKind, opts ...Option) ([]byte, error) {
	switch kind {
	case SlotFile:
		return slot.JSONSchema(makeOptions(opts).providers), nil
	case ProfilesFile:
		return profile.JSONSchema(), nil
	case ManifestFile:
		return manifest.JSONSchema(), nil
	case SettingsFile:
		return settingsSchema(), nil
	case RegistryFile:
		return slot.RegistryJSONSchema(), nil
	}
	_, err := enum.Parse("schema", fileKinds, string(kind))
	return nil, err
}

func settingsSchema() []byte {
	d := defaultSettings()
	s := schema.Of[Settings](schema.Rules{Unknown: conf.Ignore, Notes: map[string]schema.Note{
		"slots":                  {Text: "Bounds of the slots."},
		"slots.port_range_start": {Text: "The first port that is handed to new slots.", Default: d.Slots.PortRangeStart},
		"slots.port_range_end":   {Text: "The last port that is handed to new slots.", Default: d.Slots.PortRangeEnd},
		"slots.max_slots":        {Text: "How many slots there may be; 0 is no bound.", Default: d.Slots.MaxSlots},
		"models":                 {Text: "Where models are."},
		"models.store":           {Text: "The absolute path of the model store; the variable HAL0_MODEL_STORE wins over it.", Default: defaultStore, Pattern: conf.PathPattern, Not: conf.PathNotPattern, Empty: true},
	}})
	s.Dialect, s.Title = schema.Dialect, "hal0 settings"
	s.Description = "hal0.toml. Other tables belong to other programs."
	return s.JSON()
}
