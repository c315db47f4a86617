package slot

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/edit"
	"github.com/hal0ai/hal0-go/provider"
)

// An Update is what a slot file becomes.
type Update struct {
	// Text is the whole file.
	Text []byte
	// File is what Text says; nil when it keeps problems that it had.
	File *File
	// Followed are the edits that nobody asked for: facts that followed those that
	// were set, and old keys that a new one stands for.
	Followed []Edit
}

// Edited returns what the slot file named name, which says data, becomes by
// edits. Lines that are not concerned stay as they are, in both shapes of a
// slot file, and so do keys that hal0 does not know; they can be removed and
// not set.
//
// Device, type, profile and provider keep agreeing: what edits name wins, and
// the others follow where there is one right answer. The error says what keeps
// the result from loading or, unless it is disabled, from being launched beside
// the other slots; a file that had such a problem already may keep it only
// while it is disabled. A file that could not be loaded may be mended one key at
// a time: it is then only looked at whether nothing got worse, and nothing
// follows. Nothing is half done: with an error there is no Update.
//
// Edited is pure and may be called concurrently.
func Edited(name string, data []byte, edits []Edit, around Surroundings) (Update, error) {
	in := &around.Inputs
	if in.Providers.Len() == 0 {
		in.Providers = builtin
	}
	u := Update{Text: data}
	if err := u.run(name, edits, around); err != nil {
		return Update{}, onDisk(err, name, data)
	}
	return u, nil
}

func (u *Update) run(name string, edits []Edit, around Surroundings) error {
	in := &around.Inputs
	before, had := Parse(name, u.Text, in.Providers)
	stale, err := staleKeys(name, u.Text, edits)
	if err != nil {
		return err
	}
	if err := u.apply(name, slices.Concat(edits, stale)); err != nil {
		return err
	}
	if err := u.load(name, in); err != nil {
		return conf.Worse(had, err).Err()
	}
	follow, err := u.File.follow(edits, in)
	if err != nil {
		return err
	}
	u.Followed = slices.Concat(stale, follow)
	if err := u.apply(name, follow); err != nil {
		return err
	}
	if err := u.load(name, in); err != nil {
		return err
	}
	return u.File.worse(before, around).Err()
}

// staleKeys removes the old names of keys that edits name by today's.
func staleKeys(name string, data []byte, edits []Edit) ([]Edit, error) {
	doc, err := conf.ParseTOML(name, data)
	if err != nil {
		return nil, err
	}
	names := func(path []string) bool {
		return slices.ContainsFunc(edits, func(e Edit) bool { return e.Key == strings.Join(path, ".") })
	}
	var stale []Edit
	for _, k := range oldKeys {
		if names(k.now) && !names(k.old) && doc.Has(place(doc, k.old, len(k.old) > 1)...) {
			stale = append(stale, Edit{Key: strings.Join(k.old, ".")})
		}
	}
	return stale, nil
}

// apply carries edits out.
func (u *Update) apply(name string, edits []Edit) error {
	ops, err := operations(name, u.Text, edits)
	if err != nil {
		return err
	}
	u.Text, err = edit.TOML(u.Text, ops...)
	return conf.InFile(err, name)
}

// load reads the text.
func (u *Update) load(name string, in *Inputs) (err error) {
	u.File, err = Parse(name, u.Text, in.Providers)
	return err
}

// onDisk gives problems of an edited text their positions in the text that it was
// made from: that is the file which people can look at.
func onDisk(err error, name string, data []byte) error {
	doc, syntax := conf.ParseTOML(name, data)
	if syntax != nil {
		return err
	}
	f := File{doc: doc}
	_ = f.arrange() // what is wrong is in err, if it still is
	problems := conf.Problems(err)
	for i, p := range problems {
		if p.File == name && len(p.Keys) > 0 {
			p.Line = 0
			problems[i] = doc.Locate(p)
		}
	}
	problems.Sort()
	return problems
}

// operations says edits in terms of a file's text.
func operations(name string, data []byte, edits []Edit) ([]edit.Op, error) {
	doc, err := conf.ParseTOML(name, data)
	if err != nil {
		return nil, err
	}
	ops := make([]edit.Op, 0, len(edits))
	var problems conf.ValidationErrors
	for i, e := range edits {
		op, err := operation(doc, e)
		if err == nil {
			err = e.Once(edits[:i], op.Path...)
		}
		ops = append(ops, op)
		for _, p := range conf.Problems(err) {
			problems = append(problems, doc.Locate(p))
		}
	}
	return ops, problems.Err()
}

func operation(doc *conf.Document, e Edit) (edit.Op, error) {
	path := strings.Split(e.Key, ".")
	at := place(doc, path, len(path) > 1)
	if e.Value == nil {
		_, err := settable(path)
		if _, there := doc.Value(at...); errors.Is(err, conf.ErrType) || err != nil && !there {
			at = place(doc, path, true) // a table, also one that hal0 does not know
		}
		if _, there := doc.Value(at...); there || errors.Is(err, conf.ErrType) {
			err = nil
		}
		return edit.Unset(at...), err
	}
	_, err := settable(path)
	return edit.Set(e.Value, at...), err
}

// place returns where a file has a key, or where it is to have it: beside the
// other keys of its table, else under [slot] if there is such a table. The image
// and the table [image] share a name, so they may have to stand apart: table
// tells whether the first key of path is to be one.
func place(doc *conf.Document, path []string, table bool) []string {
	top, nested := path[:1:1], []string{"slot", path[0]}
	slot, _ := doc.Value("slot")
	keys, hasSlot := slot.(map[string]any)
	order := [][]string{top, nested}
	if hasSlot && (!table || slices.ContainsFunc(slices.Collect(maps.Values(keys)), isTable)) {
		order = [][]string{nested, top}
	}
	for _, at := range order { // where it is
		if v, ok := doc.Value(at...); ok && isTable(v) == table {
			return append(at, path[1:]...)
		}
	}
	for _, at := range order { // where there is room
		if !doc.Has(at...) {
			return append(at, path[1:]...)
		}
	}
	return append(order[0], path[1:]...)
}

func isTable(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// follow returns the edits that keep the slot's facts in agreement after edits,
// which f has already.
func (f *File) follow(edits []Edit, in *Inputs) ([]Edit, error) {
	var mask uint
	for _, e := range edits {
		key := e.Key
		if key == "backend" { // stands for the device
			key = "device"
		}
		if i := slices.Index(factKeys[:], key); i >= 0 {
			mask |= 1 << i
		}
	}
	if mask == 0 {
		return nil, nil
	}
	now, _ := f.facts()
	x, err := choices{in.Profiles, in.Providers}.follow(now.part(mask), now)
	if err != nil {
		return nil, f.locate(err, *in)
	}
	return f.differences(now, x), nil
}

// facts returns what the slot's facts are, of which profile and provider may be
// left to their defaults, and those that the file says.
func (f *File) facts() (now, said facts) {
	s := &f.Slot
	said = facts{s.Device, s.Type, s.Profile, s.Provider}
	return said.over(facts{device: device.Default, typ: provider.LLM}), said
}

// differences returns the edits that make the file say x instead of now. What
// it leaves to a default stays left.
func (f *File) differences(now, x facts) []Edit {
	var edits []Edit
	was, is := now.values(), x.values()
	for i, key := range factKeys {
		if was[i] != "" && was[i] != is[i] {
			edits = append(edits, Edit{Key: key, Value: is[i]})
		}
	}
	if f.Slot.Backend != "" && (f.doc.Has("device") || now.device != x.device) {
		edits = append(edits, Edit{Key: "backend"})
	}
	return edits
}

// worse returns the problems that keep the slot from being launched and that an
// edit may not leave: all of them, but for those that before had if the slot is
// disabled, and for conflicts with other slots that before had. A port that it had
// not before has to be one that a new slot could have.
func (f *File) worse(before *File, around Surroundings) conf.ValidationErrors {
	var had error
	var conflicts conf.ValidationErrors
	if before != nil {
		conflicts = before.conflicts(around.Slots)
		if !f.Slot.IsEnabled() {
			_, had = before.Resolve(around.Inputs)
		}
	}
	plan, err := f.Resolve(around.Inputs)
	problems := append(conf.Worse(had, err), conf.Worse(conflicts.Err(), f.conflicts(around.Slots).Err())...)
	if len(problems) > 0 || !f.Slot.IsEnabled() || before == nil || before.Slot.Port == f.Slot.Port {
		return problems
	}
	if why := around.taken(f.Slot.Port, plan.Provider); why != "" {
		problems = append(problems, f.Locate(conf.At(conf.ErrConflict, why+": choose another", "port")))
	}
	return problems
}
