package hal0

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"slices"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/watch"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/slot"
)

// A source is a file that is watched.
type source struct {
	of    FileKind
	slot  string
	file  string
	limit int64
	// parse returns what the file says, in a form that compares with
	// [reflect.DeepEqual].
	parse func(name string, data []byte) (any, error)
}

// sources returns the files to look at, those that are gone among them. A
// directory that can't be listed goes into changes, and its files are let be.
func (w *watcher) sources(l *watch.Look, changes *[]FileChange) []source {
	h := w.box.home
	list := []source{
		{of: SettingsFile, file: h.Settings(), limit: maxConfig, parse: settingsValue},
		{of: ProfilesFile, file: h.Profiles(), limit: maxConfig, parse: profilesValue},
		{of: ManifestFile, file: h.Manifest(), limit: maxConfig, parse: manifestValue},
		{of: RegistryFile, file: h.Registry(), limit: maxRegistry, parse: registryValue},
	}
	l.Dir(h.Slots())
	names, err := w.box.slotNames()
	if c, ok := w.listed(err); ok {
		*changes = append(*changes, c)
	}
	if err != nil {
		return list
	}
	for _, s := range w.seen {
		if s.slot != "" {
			names = append(names, s.slot)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		list = append(list, source{of: SlotFile, slot: name, file: h.Slot(name), limit: maxConfig, parse: w.slotValue})
	}
	return list
}

// listed returns the change of the directory of slot files, if there is one.
func (w *watcher) listed(err error) (FileChange, bool) {
	s := source{of: SlotFile, file: w.box.home.Slots()}
	old, next := w.seen[s.file], &seen{}
	if err != nil {
		next.problems = ValidationErrors{{File: s.file, Message: err.Error(), Class: ErrUnreadable, Err: err}}
	}
	w.seen[s.file] = next
	if old == nil {
		old = &seen{}
	}
	return s.change(old, next)
}

// A seen is what was last found of a file, and what its consumer was told.
type seen struct {
	slot     string      // the slot's name, "" for other files
	info     fs.FileInfo // nil when the file could not be read
	value    any         // of the last reading without problems
	problems ValidationErrors
}

// stands reports whether info is that of the file that was read.
func (s *seen) stands(info fs.FileInfo) bool {
	return s.info != nil && info != nil && os.SameFile(s.info, info) && s.info.Size() == info.Size() &&
		s.info.ModTime().Equal(info.ModTime()) && s.info.Mode() == info.Mode()
}

// check returns the change of one file, if there is one.
func (w *watcher) check(l *watch.Look, s source) (FileChange, bool) {
	old := w.seen[s.file]
	info, touched := l.Stat(s.file)
	if old != nil && !touched && old.stands(info) {
		return FileChange{}, false
	}
	data, err := conf.ReadFile(s.file, s.limit)
	if errors.Is(err, fs.ErrNotExist) {
		delete(w.seen, s.file)
		return FileChange{Kind: Removed, Of: s.of, File: s.file, Slot: s.slot}, old != nil
	}
	next := &seen{slot: s.slot}
	w.seen[s.file] = next
	var value any
	if err == nil {
		next.info = info
		value, err = s.parse(s.file, data)
	}
	switch next.problems = conf.Problems(err); {
	case err == nil:
		next.value = value
	case old != nil:
		next.value = old.value
	}
	return s.change(old, next)
}

// change returns what there is to tell of a file that was found as old, nil for
// not at all, and now as next.
func (s source) change(old, next *seen) (FileChange, bool) {
	c := FileChange{Kind: Changed, Of: s.of, File: s.file, Slot: s.slot, Problems: next.problems}
	if said, ok := next.value.(slotFile); ok {
		c.Value, c.Warnings = &said.slot, said.warnings
	}
	switch {
	case len(next.problems) > 0:
		c.Kind = Invalid
	case old == nil:
		c.Kind = Added
	}
	same := old != nil && old.problems.Error() == next.problems.Error() && reflect.DeepEqual(old.value, next.value)
	return c, !same
}

// slotFile is what a slot file says.
type slotFile struct {
	slot     slot.Slot
	warnings []slot.Warning
}

func (w *watcher) slotValue(name string, data []byte) (any, error) {
	f, err := slot.Parse(name, data, w.box.opts.providers)
	if err != nil {
		return nil, err
	}
	return slotFile{f.Slot, f.Warnings}, nil
}

func settingsValue(name string, data []byte) (any, error) { return parseSettings(name, data) }

func profilesValue(name string, data []byte) (any, error) {
	c, err := profile.Parse(name, data)
	return c.List(), err
}

func manifestValue(name string, data []byte) (any, error) { return manifest.Parse(name, data) }

func registryValue(name string, data []byte) (any, error) {
	r, err := slot.ParseRegistry(name, data)
	models := map[string]slot.Entry{}
	for _, id := range r.IDs() {
		models[id], _, _ = r.Get(id)
	}
	return models, err
}
