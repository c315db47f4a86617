package slot

import (
	"maps"
	"slices"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/profile"
)

// A Registry is the models that a box knows, by id. The zero value knows none.
// It is immutable and may be used concurrently.
type Registry struct {
	entries  map[string]*Entry
	problems map[string]conf.ValidationErrors
	doc      *conf.Document
}

// An Entry is one model of a [Registry]. Keys that hal0 keeps for other
// purposes are not read.
type Entry struct {
	// Path is the absolute path of the model file.
	Path string `json:"path" koanf:"path" validate:"required"`
	// MMProj is the absolute path of the vision projector, or "".
	MMProj string `json:"mmproj,omitempty" koanf:"mmproj"`
	// SizeBytes is the size of the file in bytes.
	SizeBytes int64 `json:"size_bytes,omitempty" koanf:"size_bytes" validate:"min=0"`
	// Capabilities are labels such as "chat" and "vision".
	Capabilities []string `json:"capabilities,omitempty" koanf:"capabilities"`
	// Metadata is what is known of the model itself.
	Metadata Metadata `json:"metadata" koanf:"metadata"`
	// Defaults apply to a slot that serves the model and says nothing else.
	Defaults Defaults `json:"defaults" koanf:"defaults"`
}

// Metadata are facts of a model.
type Metadata struct {
	// ContextLength is the native context window in tokens; 0 when not known.
	ContextLength int `json:"context_length,omitempty" koanf:"context_length" validate:"min=0"`
}

// Defaults are a model's own settings, below a slot's.
type Defaults struct {
	ContextSize  int           `json:"context_size,omitempty" koanf:"context_size" validate:"min=0"`
	ChatTemplate string        `json:"chat_template,omitempty" koanf:"chat_template"`
	ExtraArgs    profile.Flags `json:"extra_args,omitzero" koanf:"extra_args" conf:"multiline"`
	NGPULayers   *int          `json:"n_gpu_layers,omitempty" koanf:"n_gpu_layers" validate:"omitnil,min=-1"`
}

// NewRegistry returns a registry of the given models, by id.
func NewRegistry(models map[string]Entry) Registry {
	r := Registry{entries: make(map[string]*Entry, len(models))}
	for id, e := range models {
		r.entries[id] = &e
	}
	return r
}

type registryFile struct {
	Models map[string]*Entry `koanf:"models" validate:"dive"`
}

// ParseRegistry reads a registry.toml; name is what errors call the file.
// Models with problems are left out, and asking for one returns them. The error
// holds every problem of the file.
func ParseRegistry(name string, data []byte) (Registry, error) {
	doc, err := conf.ParseTOML(name, data)
	if err != nil {
		return Registry{}, err
	}
	var f registryFile
	all := conf.Problems(doc.Decode(&f, conf.Ignore))
	for _, id := range slices.Sorted(maps.Keys(f.Models)) {
		all = append(all, f.Models[id].problems(doc, id)...)
	}
	all.Sort()
	r := Registry{entries: f.Models, problems: map[string]conf.ValidationErrors{}, doc: doc}
	for _, p := range all {
		if len(p.Keys) > 1 && p.Keys[0] == "models" {
			r.problems[p.Keys[1]] = append(r.problems[p.Keys[1]], p)
			delete(r.entries, p.Keys[1])
		}
	}
	return r, all.Err()
}

// problems returns the paths of a model that are not absolute.
func (e *Entry) problems(doc *conf.Document, id string) conf.ValidationErrors {
	var problems conf.ValidationErrors
	for _, p := range []struct{ key, value string }{{"path", e.Path}, {"mmproj", e.MMProj}} {
		if p.value != "" && !conf.IsPlainPath(p.value) {
			problems = append(problems, doc.Problem(conf.ErrValue, conf.NotPlainPath(p.value), "models", id, p.key))
		}
	}
	return problems
}

// IDs returns the ids of the models, sorted.
func (r Registry) IDs() []string { return slices.Sorted(maps.Keys(r.entries)) }

// Get returns the model of that id; ok is false when there is none, and err
// holds the problems of one that did not load.
func (r Registry) Get(id string) (e Entry, ok bool, err error) {
	if p := r.entries[id]; p != nil {
		return *p, true, nil
	}
	return Entry{}, false, r.problems[id].Err()
}

// Locate gives a problem that [Resolve] found in a model's entry its line and
// column in the registry's file. A registry without a file returns it as it is.
func (r Registry) Locate(p conf.ValidationError) conf.ValidationError {
	if r.doc == nil {
		return p
	}
	return r.doc.Locate(p)
}
