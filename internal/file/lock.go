// Package file changes files so that nothing is lost: one program at a time,
// and each file as a whole or not at all.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ErrLocked is the error of [Lock] when somebody else held the lock all along.
var ErrLocked = errors.New("locked by another program")

// LockName is the file in a tree's directory whose lock (flock, exclusive)
// programs hold while they change files of the tree. It stays there, empty.
const LockName = ".hal0.lock"

// A Tree is a directory with the files below it, locked. What several files
// must agree on, such as that no port is used twice, holds under one lock.
type Tree struct {
	dir  string
	lock *os.File
}

// Lock waits until this program alone may change files in dir, or until ctx
// ends, which is [ErrLocked]. It also keeps apart goroutines of one program.
// dir must be there, and who may write in it can take the lock. Temporary files
// that a killed program left in dir, or in a directory in it, are removed.
func Lock(ctx context.Context, dir string) (*Tree, error) {
	name := filepath.Join(dir, LockName)
	begun := time.Now()
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		lock, err := tryLock(name)
		if err == nil {
			t := &Tree{dir, lock}
			t.sweep()
			return t, nil
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s: %w: make the directory first", dir, fs.ErrNotExist)
		case !errors.Is(err, ErrLocked):
			return nil, fmt.Errorf("%s: can't be locked: %w", name, reason(err))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w for %s: %w", name, ErrLocked, time.Since(begun).Round(time.Millisecond), context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// Unlock lets others in. The tree can't be used any more.
func (t *Tree) Unlock() { _ = t.lock.Close() } // which can't fail: nothing was written

// Locked reports whether somebody holds the lock of dir at this moment. It is false
// where that can't be told. Who takes the lock meanwhile waits a moment longer.
func Locked(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, LockName), os.O_RDONLY|noFollow, 0) //nolint:gosec // the tree's lock
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // nothing was written
	return flocked(f)
}

// tryLock opens and locks a lock file.
func tryLock(name string) (*os.File, error) {
	f, err := openLock(name)
	if err != nil {
		return nil, err
	}
	err = flock(f)
	if err == nil && !sameFile(f, name) {
		err = ErrLocked // somebody removed the file: whoever comes next would lock another one
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// openLock opens the lock file. A new one belongs to the directory's owner, and
// can be written by whom the directory can.
func openLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|noFollow, 0) //nolint:gosec // the tree's lock
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	dir, err := os.Stat(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, 0o600) //nolint:gosec // the tree's lock
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrLocked // somebody is just making it
	}
	if err != nil {
		return nil, err
	}
	writers := dir.Mode().Perm() & 0o222
	if err := errors.Join(giveTo(f, dir), f.Chmod(writers|writers<<1)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// sameFile reports whether name is still the open file.
func sameFile(f *os.File, name string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(name)
	return err == nil && os.SameFile(open, there)
}

// reason returns what the operating system said, without its words for which
// file and which call: errors name the file that the caller knows.
func reason(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
