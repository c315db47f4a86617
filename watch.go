package hal0

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/hal0ai/hal0-go/internal/watch"
	"github.com/hal0ai/hal0-go/slot"
)

// A ChangeKind is what became of a file.
type ChangeKind string

// The kinds of changes.
const (
	Added   ChangeKind = "added"   // there is a file that was not there, and it has no problem
	Changed ChangeKind = "changed" // it says something else, or is rid of its problems
	Removed ChangeKind = "removed" // it is gone
	Invalid ChangeKind = "invalid" // it has problems, and what it said before stands
)

// A FileChange is what became of one file of a box. It must not be changed: the
// watch compares later readings with it.
type FileChange struct {
	Kind ChangeKind `json:"kind"`
	// Of tells what the file is for.
	Of FileKind `json:"of"`
	// File is its absolute path. It is the directory of slot files when that
	// can't be listed, and when it can again.
	File string `json:"file"`
	// Slot is the slot's name; "" for a file that all slots depend on.
	Slot string `json:"slot,omitempty"`
	// Value is what the slot's file says; with [Invalid], what it said when it
	// last had no problem, nil if it never was so. It is nil with [Removed] and
	// without Slot: open the box again to see what the other files say.
	Value *slot.Slot `json:"value,omitempty"`
	// Warnings are about the slot's file: old keys and unknown ones. They belong
	// to Value.
	Warnings []slot.Warning `json:"warnings,omitempty"`
	// Problems are all that the file has, sorted by position; none unless Kind is
	// [Invalid].
	Problems ValidationErrors `json:"problems,omitempty"`
}

// Watch yields what the box at home has, and then what changes in it: in slot
// files, hal0.toml, profiles.toml, manifest.json and the model registry. One
// step of the loop is everything that one look found, files that all slots
// depend on first, then slots by name. The first step comes at once, has
// [Added] or [Invalid] for each file there is, and is empty for an empty box: the
// loop alone tells the box's state, and misses nothing of what happens
// meanwhile.
//
// A change is another value, or other problems or warnings: a file that was
// touched, or got another comment, is none. What has problems keeps its last
// good value. What a file says is all that counts; whether a slot can be
// launched is for [Box.Resolve] of a box that is opened again.
//
// Watch looks once the files have been left alone for a tenth of a second, and
// once a second while they are not; see [WithDebounce]. So a burst of writes is a
// few steps, and the last one is right. A loop that takes its time finds what
// changed meanwhile in one step. Directories may come and go, the home's own
// among them, and any part of a path may be a symbolic link that is switched. A
// look reads only the files that may have changed. What the operating system
// gives no notice of is found at the next change: a mount, a write by another
// hard link of the file, and what another machine writes to a network file
// system.
//
// Options are those of [Open]; [WithProviders] decides which slots are valid.
// [WithFiles] is refused with [errors.ErrUnsupported]: only the operating system
// tells of changes.
//
// The loop ends when ctx does. An error is the last step, and says why watching
// is over: the system's limit of watches, most likely. Nothing is left running
// behind a loop that ended in whichever way. Each loop over the result is a
// watch of its own.
func Watch(ctx context.Context, home Home, opts ...Option) iter.Seq2[[]FileChange, error] {
	o := makeOptions(opts)
	return func(yield func([]FileChange, error) bool) {
		w, err := newWatcher(home, o)
		if err != nil {
			yield(nil, err)
			return
		}
		defer w.wake.Close() //nolint:errcheck // nothing is lost by it
		if err := w.run(ctx, yield); err != nil && ctx.Err() == nil {
			yield(nil, err)
		}
	}
}

// watcher is one watch: what its consumer has been told of each file.
type watcher struct {
	box  *Box // where to read
	wake *watch.Watcher
	seen map[string]*seen // by path
}

func newWatcher(home Home, o options) (*watcher, error) {
	if o.files != nil {
		return nil, fmt.Errorf("watch a box: %w: files given with WithFiles tell nobody when they change", errors.ErrUnsupported)
	}
	var err error
	for _, dir := range []*string{&home.Config, &home.State} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return nil, fmt.Errorf("watch a box: %w", err)
		}
	}
	wake, err := watch.New()
	return &watcher{box: &Box{home: home, opts: o}, wake: wake, seen: map[string]*seen{}}, err
}

// run looks and waits until ctx ends or the consumer has enough.
func (w *watcher) run(ctx context.Context, yield func([]FileChange, error) bool) error {
	for first := true; ctx.Err() == nil; first = false {
		changes, err := w.look()
		if err != nil {
			return err
		}
		if (first || len(changes) > 0) && !yield(changes, nil) {
			return nil
		}
		quiet := w.box.opts.debounce
		if err := w.wake.Wait(ctx, quiet, 10*quiet); err != nil {
			return err
		}
	}
	return nil
}

// look returns what is not as the consumer has been told.
func (w *watcher) look() ([]FileChange, error) {
	l := w.wake.Look()
	var changes []FileChange
	for _, s := range w.sources(l, &changes) {
		if c, ok := w.check(l, s); ok {
			changes = append(changes, c)
		}
	}
	return changes, l.End()
}
