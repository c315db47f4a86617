package profile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/edit"
	"github.com/hal0ai/hal0-go/internal/enum"
)

// Errors of edits, for [errors.Is].
var (
	// ErrSeed: a seed can't be changed or deleted, nor its name be taken.
	ErrSeed = errors.New("is a seed")
	// ErrExists: there is a profile of that name.
	ErrExists = errors.New("profile exists")
	// ErrNoProfile: there is no profile of that name.
	ErrNoProfile = errors.New("no such profile")
)

// An Edit sets or removes one key of a profile. Key is image, flags, mtp,
// device_class, backend, intent or quant. Value is a string, a bool for mtp, or a
// value of the field of [Profile]; nil removes the key, which image can't do
// without.
type Edit = edit.Edit

// keys are those of a profile that an edit may name.
var keys = []string{"image", "flags", "mtp", "device_class", "backend", "intent", "quant"}

// ParseEdit reads "key=value" as people type it; the value needs no quotes.
func ParseEdit(text string) (Edit, error) {
	key, value, ok := strings.Cut(text, "=")
	problem := func(class error, format string, args ...any) (Edit, error) {
		return Edit{}, conf.ValidationErrors{conf.At(class, fmt.Sprintf(format, args...), strings.Split(key, ".")...)}
	}
	switch {
	case !ok:
		return Edit{}, conf.ValidationErrors{conf.At(conf.ErrSyntax, fmt.Sprintf("%q has no =: write for example mtp=true or flags=-fa on", text))}
	case !slices.Contains(keys, key):
		return Edit{}, conf.ValidationErrors{conf.UnknownKey(key, keys)}
	case value == "":
		return problem(conf.ErrValue, "has no value; to remove the key, unset it")
	case key != "mtp":
		return Edit{Key: key, Value: value}, nil
	case value != "true" && value != "false":
		return problem(conf.ErrType, "must be true or false, got %q", value)
	}
	return Edit{Key: key, Value: value == "true"}, nil
}

// Create returns a profiles.toml with p added at its end; keys that are zero in p
// are left out. file is what errors call it and data what it says, nil when there
// is none: then the result begins with the seeds, which a box without the file
// serves. Lines that are not concerned stay as they are.
//
// The error is a [conf.ValidationErrors] with the file's line and column, and
// matches [ErrSeed] or [ErrExists] where that is the reason. A profile that would
// not load is one. Create is pure, as [Clone], [Update] and [Delete] are.
func Create(file string, data []byte, p Profile) ([]byte, error) {
	t, err := open(file, data)
	if err == nil {
		err = t.free(p.Name)
	}
	if err != nil {
		return nil, err
	}
	ops := []edit.Op{edit.Set(p.Image, "profile", p.Name, "image")}
	for _, e := range []struct {
		key   string
		value any
		set   bool
	}{
		{"flags", p.Flags, p.Flags.String() != ""},
		{"mtp", p.MTP, p.MTP},
		{"device_class", p.class(), true},
		{"backend", p.backend(), p.backend() != device.BackendNone},
		{"intent", p.Intent, p.Intent != ""},
		{"quant", p.Quant, p.Quant != ""},
		{"cloned_from", p.ClonedFrom, p.ClonedFrom != ""},
	} {
		if e.set {
			ops = append(ops, edit.Set(e.value, "profile", p.Name, e.key))
		}
	}
	return t.edited(ops)
}

// Clone returns a profiles.toml with a copy of the profile from, called to, and
// changed by edits, which may be none. The copy says what it was cloned from.
// file, data and the error are as for [Create]; that there is no profile from is
// [ErrNoProfile].
func Clone(file string, data []byte, from, to string, edits []Edit) ([]byte, error) {
	t, err := open(file, data)
	if err != nil {
		return nil, err
	}
	p, err := t.get(from)
	if err != nil {
		return nil, err
	}
	p.Name, p.ClonedFrom = to, from
	text, err := Create(file, data, p)
	if err != nil || len(edits) == 0 {
		return text, err
	}
	text, err = Update(file, text, to, edits)
	if err != nil {
		err = conf.OnDisk(conf.Problems(err), file, data).Err() // the clone is in no file yet
	}
	return text, err
}

// Update returns a profiles.toml with the keys of a profile changed that edits
// name, and its other keys as they are. file, data and the error are as for
// [Create]: [ErrSeed] for a seed, [ErrNoProfile] for what is not there, and a
// problem that the profile did not have before.
func Update(file string, data []byte, name string, edits []Edit) ([]byte, error) {
	t, err := open(file, data)
	if err == nil {
		err = t.own(name, "changed")
	}
	if err != nil {
		return nil, err
	}
	ops := make([]edit.Op, len(edits))
	for i, e := range edits {
		switch {
		case e.Key == "cloned_from":
			return nil, t.problem(conf.ErrValue, nil, "is set by cloning, and can't be changed", name, e.Key)
		case !slices.Contains(keys, e.Key):
			return nil, conf.ValidationErrors{t.locate(conf.UnknownKey(e.Key, keys, "profile", name))}
		}
		ops[i] = e.Op("profile", name)
		if err := e.Once(edits[:i], ops[i].Path...); err != nil {
			return nil, t.onDisk(conf.InFile(err, t.file))
		}
	}
	return t.edited(ops)
}

// Delete returns a profiles.toml without a profile; a comment above it stays.
// Whether a slot uses it is for the caller to know. file, data and the error are
// as for [Update].
func Delete(file string, data []byte, name string) ([]byte, error) {
	t, err := open(file, data)
	if err == nil {
		err = t.own(name, "deleted")
	}
	if err != nil {
		return nil, err
	}
	return t.edited([]edit.Op{edit.Unset("profile", name)})
}

// A text is a profiles.toml that is edited.
type text struct {
	file    string
	data    []byte
	missing bool // data is the seeds, and there is no file
	catalog Catalog
	err     error // the problems of data
}

// open reads a profiles.toml for an edit. Only one that can't be read at all is
// an error.
func open(file string, data []byte) (text, error) {
	t := text{file: file, data: data}
	if t.missing = data == nil; t.missing {
		t.data = seedsTOML
	}
	t.catalog, t.err = Parse(file, t.data)
	if errors.Is(t.err, conf.ErrSyntax) {
		return t, t.err
	}
	return t, nil
}

// edited carries ops out and checks the result.
func (t *text) edited(ops []edit.Op) ([]byte, error) {
	after, err := edit.TOML(t.data, ops...)
	if err != nil {
		return nil, t.onDisk(conf.InFile(err, t.file))
	}
	_, err = Parse(t.file, after)
	if worse := conf.Worse(t.err, err); len(worse) > 0 {
		return nil, t.onDisk(worse)
	}
	return after, nil
}

// onDisk gives problems the positions that they have in the file.
func (t *text) onDisk(err error) error {
	data := t.data
	if t.missing {
		data = nil
	}
	return conf.OnDisk(conf.Problems(err), t.file, data).Err()
}

// get returns a profile.
func (t *text) get(name string) (Profile, error) {
	p, err := t.catalog.Get(name)
	if errors.Is(err, enum.ErrUnknown) {
		unknown := conf.NotOneOf(err, "profile", name)
		unknown.Err = ErrNoProfile
		return p, conf.ValidationErrors{t.locate(unknown)}
	}
	return p, err
}

// free returns an error unless a new profile can have the name.
func (t *text) free(name string) error {
	if err := CheckName(name); err != nil {
		return t.problem(conf.ErrValue, err, err.Error(), name)
	}
	if isSeed(name) {
		return t.problem(conf.ErrConflict, ErrSeed, "is the name of a seed: choose another one", name)
	}
	if t.catalog.doc.Has("profile", name) {
		return t.problem(conf.ErrConflict, ErrExists, "there is a profile of that name: choose another one", name)
	}
	return nil
}

// own returns an error unless there is a profile of that name, with or without
// problems, that is no seed.
func (t *text) own(name, verb string) error {
	if isSeed(name) {
		return t.problem(conf.ErrConflict, ErrSeed, fmt.Sprintf("is a seed and can't be %s: clone it under a new name", verb), name)
	}
	if t.catalog.doc.Has("profile", name) {
		return nil
	}
	_, err := t.get(name)
	return err
}

// problem returns a problem of a profile, or of a key of it.
func (t *text) problem(class, cause error, message string, path ...string) error {
	p := conf.At(class, message, append([]string{"profile"}, path...)...)
	p.Err = cause
	return conf.ValidationErrors{t.locate(p)}
}

// locate gives a problem of a profile its position, if the file has the profile.
func (t *text) locate(p conf.ValidationError) conf.ValidationError {
	if t.missing || !t.catalog.doc.Has(p.Keys[:2]...) {
		p.File = t.file
		return p
	}
	return t.catalog.Locate(p)
}
