// Package watch tells when files may have changed, by whichever way they are
// reached: any part of a path may appear, vanish, be replaced or be a symbolic
// link.
//
// It only wakes its caller up. What changed is for the caller to find out, by
// looking again: a notice can be late, lost or about nothing.
package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A Watcher is used by one goroutine at a time. It must be closed.
type Watcher struct {
	notify *fsnotify.Watcher
	failed chan error // the errors of notify, but not more than one at a time
	dirs   entries    // that the last Look depended on
	// touched are the entries that a notice named since then; missed is set when
	// notices were lost, so that it may have been any.
	touched map[string]bool
	missed  bool
}

// entries are names by the real path of the directory that holds them; a nil
// set stands for every name.
type entries map[string]map[string]bool

// New returns a Watcher that watches nothing.
func New() (*Watcher, error) {
	notify, err := fsnotify.NewWatcher()
	switch {
	case errors.Is(err, syscall.EMFILE):
		return nil, fmt.Errorf("watch files: %w: raise fs.inotify.max_user_instances or end other watchers", err)
	case err != nil:
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watcher{notify: notify, failed: make(chan error, 1)}
	go w.drain()
	return w, nil
}

// drain takes errors as they come. fsnotify sends them with its lock held, so
// one that came while a directory is being added would block both for good.
func (w *Watcher) drain() {
	defer close(w.failed)
	for err := range w.notify.Errors {
		select {
		case w.failed <- err:
		default: // one is enough to look again, and what lasts comes again
		}
	}
}

// Close ends the watching. It returns when nothing runs any more.
func (w *Watcher) Close() error {
	if err := w.notify.Close(); err != nil {
		return err
	}
	for range w.failed { // until drain has ended
	}
	return nil
}

// Wait blocks until something may have changed since the last [Look], and then
// until nothing more has for quiet, but not longer than most. The error is
// ctx's, or says why watching is over.
func (w *Watcher) Wait(ctx context.Context, quiet, most time.Duration) error {
	var calm, late <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-calm:
			return nil
		case <-late:
			return nil
		case e, ok := <-w.notify.Events:
			if !ok {
				return fsnotify.ErrClosed
			}
			if !w.touch(filepath.Clean(e.Name)) {
				continue
			}
		case err := <-w.failed:
			// EINVAL is a directory that was moved and gone before its watch was taken
			// off.
			if !errors.Is(err, fsnotify.ErrEventOverflow) && !errors.Is(err, syscall.EINVAL) {
				return fmt.Errorf("watch files: %w", cmp.Or(err, fsnotify.ErrClosed))
			}
			w.missed = true
		}
		calm = time.After(quiet)
		if late == nil {
			late = time.After(most)
		}
	}
}

// touch notes a notice, and reports whether it is about an entry that the last
// look depended on, or about one of the directories itself.
func (w *Watcher) touch(path string) bool {
	names, ok := w.dirs[filepath.Dir(path)]
	if ok = ok && (names == nil || names[filepath.Base(path)]); !ok {
		_, ok = w.dirs[path]
	}
	if ok {
		w.touched[path] = true
	}
	return ok
}

// watch watches a directory, anew if need be. One that is not there or may not
// be read is left to its parent, which tells when that changes.
func (w *Watcher) watch(dir string) error {
	err := w.notify.Add(dir)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR):
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("watch %s: %w: raise fs.inotify.max_user_watches or end other watchers", dir, err)
	}
	return fmt.Errorf("watch %s: %w", dir, err)
}
