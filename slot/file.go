package slot

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

// A File is a slot file that was read without problems.
type File struct {
	// Slot is what it says.
	Slot Slot
	// Warnings are about the file itself: old keys and unknown ones.
	Warnings []Warning

	doc   *conf.Document
	notes conf.ValidationErrors // the warnings, with their positions
}

// Parse reads a slot file. name is its path, which errors name and whose stem
// is the slot's name. Both shapes load: keys under a [slot] table, and keys at
// top level. The error holds every problem of the file. A key that is not known
// is kept and warned about, except in [npu] and [image], where it is an error.
func Parse(name string, data []byte, providers provider.Set) (*File, error) {
	doc, err := conf.ParseTOML(name, data)
	if err != nil {
		return nil, err
	}
	f := &File{doc: doc}
	problems := f.arrange()
	problems = append(problems, reworded(conf.Problems(doc.Decode(&f.Slot, conf.Keep)))...)
	problems = append(problems, f.unknown()...)
	problems = append(problems, f.check(stem(name), providers, problems)...)
	problems.Sort()
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// reworded says more of some problems, and less of those of the environment: what
// stands there may be a secret.
func reworded(problems conf.ValidationErrors) conf.ValidationErrors {
	for i, p := range problems {
		switch {
		case slices.Contains(p.Keys, "env"):
			problems[i].Message, _, _ = strings.Cut(p.Message, ", got ")
			problems[i].Found = ""
		case len(p.Keys) == 1 && p.Keys[0] == "model" && strings.Contains(p.Message, "got the string"):
			problems[i].Message += ": write it as model.default, as a migration does"
		}
	}
	return problems
}

// ClaimedPort returns the port that a slot file asks for, also one that has
// problems elsewhere; 0 when that can't be told.
func ClaimedPort(data []byte) int {
	doc, err := conf.ParseTOML("", data)
	if err != nil {
		return 0
	}
	_ = unify(doc) // its problems are Parse's to tell
	port, _ := doc.Value("port")
	n, _ := port.(int64)
	return int(n)
}

// imageSettings is the name under which the table [image] is decoded: the key
// may also be a string.
const imageSettings = "image settings"

func stem(name string) string { return strings.TrimSuffix(path.Base(name), ".toml") }

// arrange puts every key where Slot has it.
func (f *File) arrange() conf.ValidationErrors {
	return append(conf.Problems(unify(f.doc)), f.oldKeys()...)
}

// unify brings both shapes of a slot file to one: keys at top level, and the
// settings of [image] apart from the string image.
func unify(doc *conf.Document) error {
	var problems conf.ValidationErrors
	if _, ok := doc.Raw()["image"].(map[string]any); ok {
		doc.Move([]string{imageSettings}, []string{"image"})
	}
	nested, ok := doc.Raw()["slot"].(map[string]any)
	if !ok {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(nested)) {
		to := key
		if _, table := nested[key].(map[string]any); table && key == "image" {
			to = imageSettings
		}
		if doc.Has(to) {
			problems = append(problems, doc.Problem(conf.ErrConflict,
				fmt.Sprintf("is set twice: in [slot] and at the top level (line %d); keep one", lineOf(doc, to)), "slot", key))
			continue
		}
		doc.Move([]string{to}, []string{"slot", key})
	}
	return problems.Err()
}

func lineOf(doc *conf.Document, key string) int {
	line, _ := doc.At(key)
	return line
}

// unknown returns the unknown keys that are errors and warns of the others.
func (f *File) unknown() conf.ValidationErrors {
	var problems conf.ValidationErrors
	for _, u := range f.doc.UnknownKeys() {
		if len(u.Keys) > 1 && (u.Keys[0] == "npu" || u.Keys[0] == imageSettings) {
			problems = append(problems, u)
			continue
		}
		if len(u.Keys) == 1 && u.Keys[0] == "slot" {
			u.Message = "is ignored, as it is no table: a slot's keys stand in the table [slot], or at the top level"
		}
		f.Warnings = append(f.Warnings, warnf(WarnUnknownKey, "%s", u.Error()))
		u.Code = WarnUnknownKey
		f.notes = append(f.notes, u)
	}
	return problems
}

// warn notes a warning about a key.
func (f *File) warn(code, message string, path ...string) {
	f.Warnings = append(f.Warnings, Warning{code, message})
	p := f.doc.Problem(nil, message, path...)
	p.Code = code
	f.notes = append(f.notes, p)
}

// Notes returns the warnings with the position of their keys, sorted. The slice
// is the caller's.
func (f *File) Notes() conf.ValidationErrors {
	notes := slices.Clone(f.notes)
	notes.Sort()
	return notes
}

const envKeyPattern = `^[A-Za-z_][A-Za-z0-9_]*$`

var envKeyRE = regexp.MustCompile(envKeyPattern)

// check applies the rules that one key's type can't express, to keys that are
// not known to have a problem.
func (f *File) check(stem string, providers provider.Set, known conf.ValidationErrors) conf.ValidationErrors {
	var problems conf.ValidationErrors
	add := func(class error, message string, path ...string) {
		problems = append(problems, f.doc.Problem(class, message, path...))
	}
	s := &f.Slot
	if err := profile.CheckName(stem); err != nil {
		add(conf.ErrValue, "the file's name: "+err.Error())
	} else if s.Name != "" && s.Name != stem {
		add(conf.ErrConflict, fmt.Sprintf("is %q, but the file is %s.toml: make them equal", s.Name, stem), "name")
	}
	s.Name = stem
	for _, p := range s.problems(providers) {
		same := func(q conf.ValidationError) bool { return slices.Equal(p.Keys, q.Keys) }
		named := slices.Equal(p.Keys, []string{"name"}) // the stem, which is judged above
		if !named && !slices.ContainsFunc(problems, same) && !slices.ContainsFunc(known, same) {
			problems = append(problems, f.doc.Locate(p))
		}
	}
	if s.Device == "" && s.Backend != "" {
		f.promoteBackend(add)
	}
	return problems
}

// promoteBackend lets the old backend key stand for device.
func (f *File) promoteBackend(add func(class error, message string, path ...string)) {
	d, err := device.FromLegacyBackend(f.Slot.Backend)
	if err != nil {
		add(conf.ErrValue, err.Error(), "backend")
		return
	}
	f.Slot.Device = d
	f.warn(WarnLegacyBackend, fmt.Sprintf("backend = %q is deprecated: write device = %q", f.Slot.Backend, d), "backend")
}

// problems returns what is wrong with a slot by itself, whether it came from a
// file or from a program.
func (s *Slot) problems(providers provider.Set) conf.ValidationErrors {
	var problems conf.ValidationErrors
	add := func(message string, path ...string) {
		problems = append(problems, conf.At(conf.ErrValue, message, path...))
	}
	if err := profile.CheckName(s.Name); err != nil {
		add(err.Error(), "name")
	}
	if s.Port == 0 {
		problems = append(problems, conf.At(conf.ErrRequired, fmt.Sprintf("is required: %d to %d", MinPort, MaxPort), "port"))
	} else if s.Port < MinPort || s.Port > MaxPort {
		add(fmt.Sprintf("must be %d to %d, got %d", MinPort, MaxPort, s.Port), "port")
	}
	if s.Type != "" && !s.Type.Valid() {
		_, err := provider.ParseSlotType(string(s.Type))
		problems = append(problems, conf.NotOneOf(err, "type"))
	}
	if s.Device != "" && !s.Device.Valid() {
		_, err := device.Parse(string(s.Device))
		problems = append(problems, conf.NotOneOf(err, "device"))
	}
	if s.Provider != "" {
		if _, err := providers.Get(s.Provider); err != nil {
			problems = append(problems, noProvider(err, string(s.Provider)))
		}
	}
	if s.ChatTemplate != "" && !templateRE.MatchString(s.ChatTemplate) {
		add(templateMessage(s.ChatTemplate), "chat_template")
	}
	if n := s.Model.ContextSize; n != nil && *n < MinContext {
		add(fmt.Sprintf("must be at least %d, got %d", MinContext, *n), "model", "context_size")
	}
	if len(s.Server.Env) == 0 { // the usual case, and this is on the way of every Resolve
		return problems
	}
	for _, key := range slices.Sorted(maps.Keys(s.Server.Env)) {
		if !envKeyRE.MatchString(key) {
			add(fmt.Sprintf("%q is not the name of an environment variable: want letters, digits and _, not beginning with a digit", key), "server", "env", key)
		}
	}
	return problems
}

const templatePattern = `^[a-z0-9][a-z0-9_-]{0,40}$`

var templateRE = regexp.MustCompile(templatePattern)

func templateMessage(id string) string {
	return fmt.Sprintf("%q is not a chat template: want auto, or the name of a file in the store's chat-templates without .jinja, of 1 to 41 of a-z, 0-9, _ and -", id)
}

// Locate gives each problem that [Resolve] found with a key of this file its
// line and column. A File that was not parsed returns it as it is.
func (f *File) Locate(p conf.ValidationError) conf.ValidationError {
	if f.doc == nil {
		return p
	}
	return f.doc.Locate(p)
}
