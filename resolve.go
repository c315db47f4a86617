package hal0

import (
	"errors"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/gguf"
	"github.com/hal0ai/hal0-go/slot"
)

// A Resolution is one slot's plan, or why there is none.
type Resolution struct {
	Slot string
	Plan slot.Plan
	// Err holds the slot's problems as [ValidationErrors]; nil when Plan stands.
	Err error
}

// Resolve returns the slot's plan: what would be launched, and why. It looks at
// the model's file but starts nothing and needs no runtime. The error holds
// every problem found, as [ValidationErrors] with file and line, or is
// [ErrNoSlot].
func (b *Box) Resolve(name string, opts ...CallOption) (slot.Plan, error) {
	c := b.call(opts)
	return b.resolve(name, &c)
}

// ResolveAll resolves every slot file of the box, sorted by name. One slot
// without a plan does not hide the others.
func (b *Box) ResolveAll(opts ...CallOption) []Resolution {
	c := b.call(opts)
	all := make([]Resolution, len(b.slots))
	for i := range b.slots {
		all[i].Slot = b.slots[i].name
		all[i].Plan, all[i].Err = b.resolve(b.slots[i].name, &c)
	}
	return all
}

func (b *Box) resolve(name string, c *call) (slot.Plan, error) {
	e, err := b.entry(name)
	if err != nil {
		return slot.Plan{}, err
	}
	if len(b.broken) > 0 {
		return slot.Plan{}, b.broken
	}
	plan, err := e.file.Resolve(b.inputs(&e.file.Slot, c))
	return plan, b.blameRegistry(err)
}

// inputs are what a slot of the box is resolved against.
func (b *Box) inputs(s *slot.Slot, c *call) slot.Inputs {
	return slot.Inputs{
		Profiles: b.profiles, Providers: b.opts.providers, Manifest: b.manifest, Registry: b.registry,
		ModelFile: b.models.look(slot.ModelPath(*s, b.registry)),
		Host:      b.host, Paths: b.paths, Listen: c.listen,
	}
}

// blameRegistry adds to problems of a slot's model that the registry could not be
// read.
func (b *Box) blameRegistry(err error) error {
	if b.registryErr == nil {
		return err
	}
	problems := conf.Problems(err)
	for i, p := range problems {
		if len(p.Keys) > 0 && p.Keys[0] == "model" {
			problems[i].Message += "; the model registry could not be read: " + b.registryErr.Error()
		}
	}
	return problems.Err()
}

// modelFiles looks at model files and remembers their headers as long as size
// and time of change stay the same.
type modelFiles struct {
	root fs.FS // nil: nobody looks

	mu      sync.Mutex
	headers map[string]modelHeader
}

type modelHeader struct {
	size    int64
	changed time.Time
	file    slot.ModelFile
}

// look returns what is known of a model's file; nil when there is none to look
// at.
func (m *modelFiles) look(name string) *slot.ModelFile {
	if m.root == nil || !path.IsAbs(name) {
		return nil
	}
	on, err := view{root: m.root}.find(name)
	if err != nil {
		return &slot.ModelFile{Err: err}
	}
	info, err := fs.Stat(m.root, below(on))
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(name + " is not a regular file")
	}
	if err != nil {
		return &slot.ModelFile{Err: err}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if h, ok := m.headers[name]; ok && h.size == info.Size() && h.changed.Equal(info.ModTime()) {
		return &h.file
	}
	h := modelHeader{size: info.Size(), changed: info.ModTime(), file: m.read(below(on))}
	if m.headers == nil {
		m.headers = map[string]modelHeader{}
	}
	m.headers[name] = h
	return &h.file
}

// read reads a model's header. A file of another format has no window to tell.
func (m *modelFiles) read(rel string) slot.ModelFile {
	f, err := m.root.Open(rel)
	if err != nil {
		return slot.ModelFile{Err: err}
	}
	defer f.Close() //nolint:errcheck // only read
	header, err := gguf.ReadHeader(f)
	if err != nil {
		return slot.ModelFile{Err: err}
	}
	return slot.ModelFile{ContextLength: header.ContextLength}
}
