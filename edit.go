package hal0

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/edit"
	"github.com/hal0ai/hal0-go/internal/file"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/slot"
)

// Errors of edits.
var (
	// ErrReadOnly: the box was opened with [WithFiles], and can only be edited
	// with [DryRun].
	ErrReadOnly = errors.New("the box's files are read only")
	// ErrLocked: another program held the lock of the box's files until the
	// context ended.
	ErrLocked = file.ErrLocked
	// ErrChanging: another program, one that knows no lock, kept changing the
	// file.
	ErrChanging = file.ErrChanging
)

// An Edit sets or removes one key of a file.
//
// Key is the key as the file names it, dotted for one in a table, such as
// "slots.port_range_end". Value is a string, bool, int or float64, a value of a
// type made from one of those, or one that writes itself as text; nil removes
// the key.
type Edit = edit.Edit

// Set returns the [Edit] that sets a key.
func Set(key string, value any) Edit { return Edit{Key: key, Value: value} }

// Unset returns the [Edit] that removes a key. One that is not there is fine.
func Unset(key string) Edit { return Edit{Key: key} }

// An EditOption changes how an edit of a box's files is carried out.
type EditOption func(*editing)

type editing struct{ dry, apply bool }

func makeEditing(opts []EditOption) editing {
	var e editing
	for _, opt := range opts {
		opt(&e)
	}
	return e
}

// DryRun makes an edit write nothing, take no lock and make no directory. The
// [Change] says what would be.
func DryRun() EditOption { return func(e *editing) { e.dry = true } }

// A Change is what an edit did to a file, or would do. As JSON it is an object
// with file, changed, diff and notes.
type Change struct {
	// File is the path of the file.
	File string
	// Before and After are its text; nil where there is no file.
	Before, After []byte
	// Notes tell what was done beside what was asked for, or why: the facts of a
	// slot that followed others, the steps of a migration.
	Notes []string
}

// Changed reports whether the file is another one after the edit.
func (c Change) Changed() bool {
	return (c.Before == nil) != (c.After == nil) || !bytes.Equal(c.Before, c.After)
}

// Diff returns the change as a unified diff with three lines of context; "" when
// nothing changed. A file that is not there is called /dev/null.
func (c Change) Diff() string {
	label := func(text []byte) string {
		if text == nil {
			return "/dev/null"
		}
		return c.File
	}
	return udiff.Unified(label(c.Before), label(c.After), string(c.Before), string(c.After))
}

// MarshalJSON implements [json.Marshaler].
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		File    string   `json:"file"`
		Changed bool     `json:"changed"`
		Diff    string   `json:"diff"`
		Notes   []string `json:"notes,omitempty"`
	}{c.File, c.Changed(), c.Diff(), c.Notes})
}

// SetSettings changes keys of hal0.toml and leaves the rest of the file as it
// is, the tables of other programs among it. The keys are those of [Settings]:
// slots.port_range_start, slots.port_range_end, slots.max_slots and
// models.store. A file that is not there is made.
//
// Every edit of a box works like this. It waits for the lock of the box's
// configuration directory, which must be there, until ctx ends ([ErrLocked]);
// reads the box again; refuses an edit that would leave the file with a problem
// that it did not have, as [ValidationErrors]; and replaces the file as a whole
// or, with an error, not at all. Mode, owner and symbolic links are kept.
//
// The Box itself does not change: open it again to see the edit. Edits may be
// made concurrently, also by several programs.
func (b *Box) SetSettings(ctx context.Context, edits []Edit, opts ...EditOption) (Change, error) {
	name := b.home.Settings()
	return b.edit(ctx, name, opts, func(old []byte, _ *Box) ([]byte, error) {
		ops := make([]edit.Op, len(edits))
		for i, e := range edits {
			if !slices.Contains(settingKeys, e.Key) {
				return nil, conf.InFile(conf.UnknownKey(e.Key, settingKeys), name)
			}
			ops[i] = e.Op()
			if err := e.Once(edits[:i], ops[i].Path...); err != nil {
				return nil, conf.InFile(err, name)
			}
		}
		text, err := edit.TOML(old, ops...)
		return text, conf.InFile(err, name)
	})
}

// settingKeys are the keys of hal0.toml that are hal0's.
var settingKeys = []string{"slots.port_range_start", "slots.port_range_end", "slots.max_slots", "models.store"}

// edit is the one way in which a file of the box changes: a slot's, hal0.toml,
// profiles.toml or manifest.json. It returns what it did.
//
// change says what the file becomes. It is given the file's text, nil when there
// is no file, and the box as it is at that moment; everything that the result
// depends on must come from those two. It returns the new text, or nil for no
// file, and has no effects, because it is called again when the file changes
// underneath. When it returns old, nothing is written. Its error ends the edit
// and is returned as it is.
//
// All the while the configuration directory is locked, so that no other edit
// comes between what change saw of the box and what it made of it: a port that
// it found free is still free.
//
// The result is loaded as Open would. Problems that old did not have refuse it,
// so change need not look for those; it must look for what only shows across
// files.
func (b *Box) edit(ctx context.Context, name string, opts []EditOption, change func(old []byte, box *Box) ([]byte, error)) (Change, error) {
	done := Change{File: name}
	do := func(old []byte) ([]byte, error) {
		now, err := open(b.home, b.opts)
		if err != nil {
			return nil, err
		}
		done.Before = old
		if done.After, err = change(bytes.Clone(old), now); err != nil {
			return nil, err
		}
		return done.After, b.admit(name, old, done.After)
	}
	var err error
	switch {
	case makeEditing(opts).dry:
		err = b.dryRun(name, do)
	case b.opts.files != nil:
		err = fmt.Errorf("%s: %w", name, ErrReadOnly)
	default:
		err = file.Update(ctx, b.home.Config, name, maxConfig, do)
	}
	if err != nil {
		return Change{}, err
	}
	return done, nil
}

// dryRun hands the file to do and leaves it alone.
func (b *Box) dryRun(name string, do func(old []byte) ([]byte, error)) error {
	old, err := b.read(name, maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err = do(old)
	return err
}

// admit returns the problems of a file's new text that the old one did not have.
func (b *Box) admit(name string, old, text []byte) error {
	worse := conf.Worse(b.load(name, old), b.load(name, text))
	if !strings.HasPrefix(name, b.home.Slots()+"/") { // whose keys may stand in two places
		worse = conf.OnDisk(worse, name, old)
	}
	return worse.Err()
}

// load returns the problems of a file's text.
func (b *Box) load(name string, text []byte) error {
	var err error
	switch {
	case text == nil:
	case name == b.home.Settings():
		_, err = parseSettings(name, text)
	case name == b.home.Profiles():
		_, err = profile.Parse(name, text)
	case name == b.home.Manifest():
		_, err = manifest.Parse(name, text)
	case name == b.home.Hardware():
		_, err = device.ParseHardware(name, text)
	default:
		_, err = slot.Parse(name, text, b.opts.providers)
	}
	return err
}
