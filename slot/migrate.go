package slot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/edit"
	"github.com/hal0ai/hal0-go/provider"
)

// A Migration is what an older slot file becomes.
type Migration struct {
	// Text is the whole file, in today's keys.
	Text []byte
	// Steps tell what was done, one step each; none for a file of today.
	Steps []string
}

// Migrated returns what the slot file named name, which says data, is in today's
// keys:
//
//   - backend becomes the device that it stood for, or goes where there is a
//     device
//   - a provider that is a backend's word becomes the device, and llama.cpp
//     becomes llama-server
//   - keys under an old name get today's: model.ctx_size, idle_timeout_seconds,
//     and a model that is a text; where a file has both, they must say the same
//   - runtime goes: every slot runs in a container
//   - a slot without a profile gets the one that it is launched with, and the
//     facts that its old words imply: flm the NPU, kokoro text to speech
//
// A key that is renamed keeps its place and the comment on its line; other lines
// stay as they are. Migrating a file of today, or one that was migrated, changes
// nothing. The error says what keeps the file from being migrated; it is then to
// be left alone. A slot that is migrated may still lack what a launch needs, such
// as a model that is there.
//
// Migrated is pure and may be called concurrently.
func Migrated(name string, data []byte, in Inputs) (Migration, error) {
	if in.Providers.Len() == 0 {
		in.Providers = builtin
	}
	m := migrator{name: name, in: &in, text: data}
	for _, step := range []func(*migrator) error{
		(*migrator).read, (*migrator).oldKeys, (*migrator).backend, (*migrator).provider, (*migrator).facts,
	} {
		if err := step(&m); err != nil {
			return Migration{}, conf.InFile(err, name)
		}
	}
	return Migration{m.text, m.steps}, nil
}

// A migrator carries one Migrated from step to step. Until the last step, every
// line keeps its number, so that problems stand where the file on disk has them.
type migrator struct {
	name  string
	in    *Inputs
	text  []byte
	steps []string

	doc     *conf.Document // as the file has its keys
	file    File           // as Slot has them
	edits   []Edit         // for the last step: they add and remove lines
	implied facts
	label   bool // the provider was a backend's word, and names no provider
}

func (m *migrator) did(format string, args ...any) {
	m.steps = append(m.steps, fmt.Sprintf(format, args...))
}

// read looks at the file in both ways.
func (m *migrator) read() error {
	var err error
	if m.doc, err = conf.ParseTOML(m.name, m.text); err != nil {
		return err
	}
	m.file.doc, err = conf.ParseTOML(m.name, m.text)
	if err != nil {
		return err
	}
	return m.file.arrange().Err()
}

// word returns the text of a key.
func (m *migrator) word(key string) string {
	v, _ := m.file.doc.Value(key)
	s, _ := v.(string)
	return s
}

// rename renames a key in place.
func (m *migrator) rename(to []string, path ...string) error {
	var err error
	m.text, err = edit.RenameTOML(m.text, to, place(m.doc, path, len(path) > 1)...)
	return err
}

// set sets a key that has a line already.
func (m *migrator) set(value, key string) error {
	doc, err := conf.ParseTOML(m.name, m.text)
	if err == nil {
		m.text, err = edit.TOML(m.text, edit.Set(value, place(doc, []string{key}, false)...))
	}
	return err
}

func (m *migrator) oldKeys() error {
	for _, k := range append([]oldKey{modelText}, oldKeys...) {
		at := place(m.doc, k.old, len(k.old) > 1)
		if v, ok := m.doc.Value(at...); !ok || isTable(v) {
			continue
		}
		old, now := strings.Join(k.old, "."), strings.Join(k.now, ".")
		if m.doc.Has(place(m.doc, k.now, len(k.now) > 1)...) {
			m.edits = append(m.edits, Edit{Key: old})
			m.did("%s goes: %s says the same", old, now)
			continue
		}
		if err := m.rename(k.now[len(k.old)-1:], k.old...); err != nil {
			return err
		}
		m.did("%s becomes %s", old, now)
	}
	return nil
}

// backend turns the key into the device, unless there is one: facts removes it
// then.
func (m *migrator) backend() error {
	word := m.word("backend")
	if word == "" {
		return nil
	}
	if m.file.doc.Has("device") {
		m.did("backend = %q goes: device = %q says where it runs", word, m.word("device"))
		return nil
	}
	d, err := device.FromLegacyBackend(word)
	if err != nil {
		return m.problem(err.Error(), "backend")
	}
	if err := m.imply(word, "backend"); err != nil {
		return err
	}
	if err := m.rename([]string{"device"}, "backend"); err != nil {
		return err
	}
	m.did("backend = %q becomes device = %q", word, d)
	return m.set(string(d), "device")
}

func (m *migrator) problem(message, key string) error {
	return conf.ValidationErrors{m.file.doc.Problem(conf.ErrConflict, message, key)}
}

// imply notes what a word of old says beside the device.
func (m *migrator) imply(word, key string) error {
	if name, err := provider.Parse(word); err == nil {
		m.implied.provider = name
	}
	if typ := m.word("type"); word == moonshine && (typ == "" || typ == string(provider.Transcription) || typ == "stt") {
		return m.problem("moonshine recognized speech on the CPU, which nothing does any more: remove the key, and write type = \"transcription\" and device = \"npu\" for FastFlowLM", key)
	}
	return nil
}

// provider turns a backend's word into the device or, where there is one, into
// the name of the provider there.
func (m *migrator) provider() error {
	word := m.word("provider")
	if _, err := m.in.Providers.Get(provider.Name(word)); err == nil || !isOldProvider(word) {
		return nil
	}
	d, err := device.FromLegacyBackend(word)
	if err != nil {
		m.did("provider = %q becomes provider = %q", word, provider.LlamaServer)
		return m.set(string(provider.LlamaServer), "provider")
	}
	if err := m.imply(word, "provider"); err != nil {
		return err
	}
	said, key := device.Device(m.word("device")), "device"
	if backend := m.word("backend"); said == "" && backend != "" {
		said, _ = device.FromLegacyBackend(backend) // has been checked
		key = "backend"
		if said != d {
			line, _ := m.file.doc.At("backend")
			return m.problem(fmt.Sprintf("is the word for device %s, and backend (line %d) the one for %s: remove one of them", d, line, said), "provider")
		}
	}
	if said != "" {
		m.label = true
		m.did("provider = %q becomes the provider of the profile: %s says where it runs", word, key)
		return m.set(string(provider.DefaultFor(said)), "provider")
	}
	if err := m.rename([]string{"device"}, "provider"); err != nil {
		return err
	}
	m.did("provider = %q becomes device = %q", word, d)
	return m.set(string(d), "device")
}

// facts drops what has no meaning any more, and fills in the profile and what
// the old words imply.
func (m *migrator) facts() error {
	f, err := Parse(m.name, m.text, m.in.Providers)
	if err != nil {
		return err
	}
	if f.Slot.Runtime != "" {
		m.did("runtime goes: every slot runs in a container")
		m.edits = append(m.edits, Edit{Key: "runtime"})
	}
	if len(m.steps) == 0 && f.Slot.Profile != "" {
		return nil
	}
	if err := m.agree(f); err != nil {
		return err
	}
	u := Update{Text: m.text}
	if err := u.apply(m.name, m.edits); err != nil {
		return err
	}
	if err := u.load(m.name, m.in); err != nil {
		return err
	}
	m.text = u.Text
	return nil
}

// agree adds the edits that make the slot's facts agree, with a profile.
func (m *migrator) agree(f *File) error {
	now, said := f.facts()
	if m.label {
		said.provider = ""
	}
	x, err := choices{m.in.Profiles, m.in.Providers}.follow(said.over(m.implied), now)
	if err != nil {
		return f.locate(err, *m.in)
	}
	edits := f.differences(now, x)
	if now.profile == "" {
		edits = append(edits, Edit{Key: "profile", Value: x.profile})
	}
	for _, e := range edits {
		switch {
		case e.Value == nil: // backend, which is told of
		case f.doc.Has(e.Key):
			m.did("%s becomes %q", e.Key, e.Value)
		default:
			m.did("%s = %q is added", e.Key, e.Value)
		}
	}
	m.edits = slices.Concat(m.edits, edits)
	return nil
}
