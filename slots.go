package hal0

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/slot"
)

// errTaken: another program has made a slot of that name since it was found free.
var errTaken = errors.New("the slot exists")

// Create makes the slot that w asks for, and its file: what w leaves open is
// picked so that the slot can be launched beside the others, see [slot.Pick]. A
// port on which something listens on this host is not free; of a box opened with
// [WithFiles] that is not known.
//
// The error says what can't be had and what can, as [ValidationErrors]; a name
// that is taken is one of them. The Notes of the [Change] tell what was picked.
// Locks, [DryRun] and other errors are as for [Box.SetSettings].
func (b *Box) Create(ctx context.Context, w slot.Wish, opts ...EditOption) (Change, error) {
	for {
		name, err := b.nameFor(w)
		if err != nil {
			return Change{}, err
		}
		change, err := b.create(ctx, name, w, opts)
		if !errors.Is(err, errTaken) {
			return change, err
		}
	}
}

func (b *Box) create(ctx context.Context, name string, w slot.Wish, opts []EditOption) (Change, error) {
	wish := w
	wish.Name = name
	var made slot.Slot
	change, err := b.edit(ctx, b.home.Slot(name), opts, func(old []byte, box *Box) ([]byte, error) {
		if old != nil {
			return nil, errTaken
		}
		var err error
		if made, err = box.pick(wish); err != nil {
			return nil, err
		}
		return made.Text()
	})
	if err == nil {
		change.Notes = append(change.Notes, picked(w, made)...)
	}
	return change, err
}

// picked tells what was picked of what a wish left open, in one note at most.
func picked(w slot.Wish, s slot.Slot) []string {
	var list []string
	for _, one := range []struct {
		open bool
		what string
	}{
		{w.Name == "", "name " + s.Name},
		{w.Port == 0, fmt.Sprintf("port %d", s.Port)},
		{w.Type == "", "type " + string(s.Type)},
		{w.Device == "", "device " + string(s.Device)},
		{w.Profile == "", "profile " + s.Profile},
		{w.Provider == "", "provider " + string(s.Provider)},
	} {
		if one.open {
			list = append(list, one.what)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return []string{"picked: " + strings.Join(list, ", ")}
}

// nameFor returns the name of the slot that w asks for, as the box is now.
func (b *Box) nameFor(w slot.Wish) (string, error) {
	now, err := open(b.home, b.opts)
	if err != nil {
		return "", err
	}
	s, err := now.pick(w)
	return s.Name, err
}

// pick returns the slot that w asks for.
func (b *Box) pick(w slot.Wish) (slot.Slot, error) {
	around, err := b.around("")
	if err != nil {
		return slot.Slot{}, err
	}
	if around.Listening, err = b.listening(); err != nil {
		return slot.Slot{}, err
	}
	if w.Device == "" {
		if around.Recommended, err = b.recommended(); err != nil {
			return slot.Slot{}, err
		}
	}
	s, err := slot.Pick(w, around)
	return s, b.blameRegistry(err)
}

// around is what a slot has to get along with: the other slots and the rules of
// the box. It is an error that a file on which every slot depends has problems.
func (b *Box) around(name string) (slot.Surroundings, error) {
	around := slot.Surroundings{
		Inputs: b.inputs(&slot.Slot{}, &call{}), Ports: map[string]int{},
		First: b.settings.Slots.PortRangeStart, Last: b.settings.Slots.PortRangeEnd, MaxSlots: b.settings.Slots.MaxSlots,
	}
	for _, e := range b.slots {
		if e.name == name {
			continue
		}
		around.Ports[e.name] = e.port
		if e.err == nil {
			around.Slots = append(around.Slots, e.file)
		}
	}
	return around, b.broken.Err()
}

// listening returns the ports on which something listens on the host that the
// box's files are of, as far as it can be looked at.
func (b *Box) listening() ([]int, error) {
	var root fs.FS
	switch {
	case b.opts.sysroot != nil:
		root = b.opts.sysroot
	case b.opts.files == nil:
		root = os.DirFS("/")
	default:
		return nil, nil
	}
	return listening(root)
}

// UpdateSlot sets and removes keys of a slot's file and leaves the rest as it is:
// comments, order, keys that hal0 does not know. Tables are merged: setting
// "model.context_size" leaves "model.default". The keys are those of [slot.Edit];
// [slot.ParseEdit] reads "key=value".
//
// Device, type, profile and provider keep agreeing: what edits name wins, and the
// others follow where there is one right answer. The Notes of the [Change] tell
// what followed. An edit that would leave a slot that can't be launched, or
// not beside the others, is refused with why, as [ValidationErrors]; of a slot
// that is disabled, or whose file could not be loaded before, only an edit that
// makes it worse. A slot without a file is [ErrNoSlot]. Locks, [DryRun] and other
// errors are as for [Box.SetSettings].
func (b *Box) UpdateSlot(ctx context.Context, name string, edits []Edit, opts ...EditOption) (Change, error) {
	if err := b.known(name); err != nil {
		return Change{}, err
	}
	file := b.home.Slot(name)
	var update slot.Update
	change, err := b.edit(ctx, file, opts, func(old []byte, box *Box) ([]byte, error) {
		if old == nil {
			return nil, box.noSlot(name)
		}
		around, err := box.around(name)
		if err == nil && slices.ContainsFunc(edits, func(e Edit) bool { return e.Key == "port" }) {
			around.Listening, err = b.listening()
		}
		if err != nil {
			return nil, err
		}
		update, err = slot.Edited(file, old, edits, around)
		return update.Text, box.blameRegistry(err)
	})
	for _, e := range update.Followed {
		if err == nil {
			change.Notes = append(change.Notes, followed(e))
		}
	}
	return change, err
}

// followed tells of an edit that nobody asked for.
func followed(e Edit) string {
	if e.Value == nil {
		return e.Key + " is removed: it is an old key"
	}
	return fmt.Sprintf("%s follows: %v", e.Key, e.Value)
}

// A Migration is what became of one slot's file in [Box.Migrate].
type Migration struct {
	// Slot is the stem of the file.
	Slot string
	// Change is what was done, or would be; its Notes are the steps.
	Change Change
	// Err is why the file was left alone, or nil.
	Err error
}

// Apply makes [Box.Migrate] write what it would change.
func Apply() EditOption { return func(e *editing) { e.apply = true } }

// Migrate brings slot files of older boxes to today's keys, see [slot.Migrated].
// It writes nothing unless told to with [Apply]: the changes say what would be
// done. They are sorted by slot; a file that needs nothing is not among them. One
// that can't be migrated is left alone, and told of, while the others go on.
// Migrating again changes nothing.
//
// The error is what keeps every file from being migrated: a lock, ctx, a file on
// which every slot depends.
func (b *Box) Migrate(ctx context.Context, opts ...EditOption) ([]Migration, error) {
	if !makeEditing(opts).apply {
		opts = append(opts[:len(opts):len(opts)], DryRun())
	}
	var all []Migration
	for _, name := range b.Names() {
		m, err := b.migrate(ctx, name, opts)
		if err != nil {
			return all, err
		}
		if m.Err != nil || m.Change.Changed() {
			all = append(all, m)
		}
	}
	return all, nil
}

// migrate migrates one file. Its error is about the box.
func (b *Box) migrate(ctx context.Context, name string, opts []EditOption) (Migration, error) {
	m := Migration{Slot: name}
	if len(b.broken) > 0 {
		return m, b.broken
	}
	file := b.home.Slot(name)
	migrated := func(old []byte, box *Box) (done slot.Migration, err error) {
		if old != nil && len(box.broken) == 0 {
			return slot.Migrated(file, old, box.inputs(&slot.Slot{}, &call{}))
		}
		return slot.Migration{Text: old}, nil
	}
	data, err := b.read(file, maxConfig)
	if err != nil {
		m.Err = err
		return m, nil
	}
	if done, err := migrated(data, b); err != nil || len(done.Steps) == 0 {
		m.Err = err
		return m, nil
	}
	var done slot.Migration
	m.Change, m.Err = b.edit(ctx, file, opts, func(old []byte, box *Box) (text []byte, err error) {
		done, err = migrated(old, box)
		return done.Text, err
	})
	if m.Err == nil {
		m.Change.Notes = done.Steps
	}
	if errors.Is(m.Err, ErrReadOnly) || errors.Is(m.Err, ErrLocked) || ctx.Err() != nil {
		return m, m.Err
	}
	return m, nil
}
