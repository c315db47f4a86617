package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// ErrChanging is the error of an update when the file did not keep still.
var ErrChanging = errors.New("keeps changing")

// tries is how often an update starts over when the file changed underneath.
const tries = 5

// Update locks dir and updates one file in it; see [Tree.Update].
func Update(ctx context.Context, dir, name string, limit int64, change func(old []byte) ([]byte, error)) error {
	t, err := Lock(ctx, dir)
	if err != nil {
		return err
	}
	defer t.Unlock()
	return t.Update(name, limit, change)
}

// Update replaces a file below the tree's directory by what change returns for
// what it says; nil stands for no file, before and after. The replacement is
// atomic and on the disk when Update returns: a crash leaves the old file or the
// new one, and an error the old one. The same text is not written again.
//
// The file keeps its mode and its owner, and a symbolic link stays one: the file
// that it leads to is replaced. A new file has mode 0644, less the umask, and
// the owner of its directory where that is allowed; a directory that is missing
// below the tree's is made. Access control lists and further names of the file
// (hard links) are not kept.
//
// A program that knows no lock may change the file meanwhile. Then change is
// called again with the new text, a few times; in the end it is [ErrChanging].
// Such a program can still be too late: after the last look at the file, in the
// moment before it is replaced.
//
// Files of more than limit bytes are neither read nor written. Update must not
// be called concurrently for one tree.
func (t *Tree) Update(name string, limit int64, change func(old []byte) ([]byte, error)) error {
	if rel, err := filepath.Rel(t.dir, name); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s: is not below %s, which is locked", name, t.dir)
	}
	for range tries {
		target, err := resolve(name)
		if err != nil {
			return err
		}
		old, err := read(target, limit)
		if err != nil {
			return err
		}
		text, err := change(bytes.Clone(old.text))
		if err != nil || old.says(text) {
			return err
		}
		if int64(len(text)) > limit {
			return fmt.Errorf("%s: would have %d bytes, at most %d are allowed", name, len(text), limit)
		}
		again, err := t.put(name, target, old, text, limit)
		if !again {
			return err
		}
	}
	return fmt.Errorf("%s: %w: another program changed it %d times while it was edited, and nothing is written; close it and try again", name, ErrChanging, tries)
}

// put makes target say text, or reports that it is no longer the old file.
func (t *Tree) put(name, target string, old snapshot, text []byte, limit int64) (again bool, err error) {
	same := func() bool {
		now, err := read(target, limit)
		return err == nil && now.equal(old)
	}
	if text == nil {
		if !same() {
			return true, nil
		}
		err = os.Remove(name)
		if err == nil {
			err = syncDir(filepath.Dir(name))
		}
		return false, failed(name, "can't be removed", err)
	}
	if err := MakeDir(filepath.Dir(target)); err != nil {
		return false, failed(name, "its directory can't be made", err)
	}
	sweepDir(filepath.Dir(target)) // which a link may lead to from outside the tree
	temp, err := writeTemp(target, old.info, text)
	if err != nil {
		return false, failed(name, "can't be written", err)
	}
	defer temp.Close() //nolint:errcheck // was synced; closing it ends the lock
	if !same() {
		return true, failed(name, "can't be written", os.Remove(temp.Name()))
	}
	if err := os.Rename(temp.Name(), target); err != nil {
		_ = os.Remove(temp.Name())
		return false, failed(name, "can't be written", err)
	}
	return false, failed(name, "is written, but may not outlast a power cut", syncDir(filepath.Dir(target)))
}

func failed(name, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", name, what, reason(err))
}

// A snapshot is a file as it was read; info is nil when there was none.
type snapshot struct {
	info fs.FileInfo
	text []byte
}

func (s snapshot) says(text []byte) bool {
	return (s.info == nil) == (text == nil) && bytes.Equal(s.text, text)
}

func (s snapshot) equal(o snapshot) bool {
	if s.info == nil || o.info == nil {
		return s.info == o.info
	}
	return os.SameFile(s.info, o.info) && s.info.Mode() == o.info.Mode() && sameOwner(s.info, o.info) && bytes.Equal(s.text, o.text)
}

func read(name string, limit int64) (snapshot, error) {
	text, info, err := conf.ReadFileInfo(name, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return snapshot{}, nil
	case err != nil:
		return snapshot{}, err
	}
	return snapshot{info, text}, nil
}

// resolve returns the file that name leads to, or name when nothing is there. A
// link to nowhere is an error.
func resolve(name string) (string, error) {
	target, err := filepath.EvalSymlinks(name)
	if err == nil {
		return target, nil
	}
	_, lerr := os.Lstat(name)
	switch {
	case errors.Is(lerr, fs.ErrNotExist):
		return name, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: is a symbolic link to a file that is not there: remove the link or make the file", name)
	case strings.Contains(err.Error(), "too many links"):
		return "", fmt.Errorf("%s: its symbolic links lead in a circle", name)
	}
	return "", failed(name, "can't be read", err)
}

// MakeDir makes a directory, and those above it that are missing, each with the
// owner of the one that it is in. One that is there is fine.
func MakeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := MakeDir(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil // somebody else was faster
		}
		return err
	}
	info, err := os.Stat(above)
	if err != nil {
		return err
	}
	f, err := os.Open(dir) //nolint:gosec // just made
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	return errors.Join(giveTo(f, info), syncDir(above))
}

// syncDir waits until what was renamed or removed in a directory is on the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the caller's
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	return d.Sync()
}
