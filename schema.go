package hal0

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
