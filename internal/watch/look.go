package watch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links one path may lead through, as on Linux.
const maxLinks = 40

// A Look is one look at files. Whatever it finds on the way to them is watched
// from before it is read, so that [Watcher.Wait] tells when another look would
// find something else.
type Look struct {
	w       *Watcher
	dirs    entries
	found   map[string]found // directories, by the path they were asked for by
	touched map[string]bool
	missed  bool
	err     error

	// Of the path at hand: how many links it led through, and whether a notice
	// named a part of it.
	links int
	hit   bool
}

// A found is where a directory is.
type found struct {
	real string
	hit  bool
}

// Look begins a look, which [Look.End] ends.
func (w *Watcher) Look() *Look {
	l := &Look{w: w, dirs: entries{}, found: map[string]found{}, touched: w.touched, missed: w.missed}
	w.touched, w.missed = map[string]bool{}, false
	return l
}

// End has nothing watched any more but what this look found. The error is for
// directories that can't be watched.
func (l *Look) End() error {
	for dir := range l.w.dirs {
		if _, ok := l.dirs[dir]; !ok {
			_ = l.w.notify.Remove(dir) // it may be gone, which is fine
		}
	}
	l.w.dirs = l.dirs
	return l.err
}

// Dir looks for the directory at path, which is absolute, for all of its
// entries. They are to be listed after the call.
func (l *Look) Dir(path string) {
	l.links = 0
	if real, info := l.follow(path); info != nil && info.IsDir() {
		l.watch(real)
		l.dirs[real] = nil
	}
}

// Stat returns what is at path, which is absolute, behind all symbolic links;
// nil when nothing is, or when it can't be told. touched is true when it, or
// anything on the way to it, may not be what the last look found, whatever info
// says.
func (l *Look) Stat(path string) (info fs.FileInfo, touched bool) {
	l.links, l.hit = 0, l.missed
	_, info = l.follow(path)
	return info, l.hit
}

// follow returns the path without symbolic links of what is at path, and what
// it is.
func (l *Look) follow(path string) (real string, info fs.FileInfo) {
	above, name := split(path)
	if name == "" {
		info, _ = os.Lstat(above)
		return above, info
	}
	dir := l.dir(above)
	if dir == "" {
		return "", nil
	}
	if name == ".." {
		return l.follow(filepath.Dir(dir))
	}
	l.need(dir, name)
	real = filepath.Join(dir, name)
	l.hit = l.hit || l.touched[real]
	info, err := os.Lstat(real)
	if err != nil {
		return "", nil
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return real, info
	}
	target, err := os.Readlink(real)
	if l.links++; err != nil || l.links > maxLinks {
		return "", nil
	}
	if !filepath.IsAbs(target) {
		target = dir + "/" + target // not cleaned: x/.. may be elsewhere
	}
	return l.follow(target)
}

// dir returns the real path of a directory, "" when there is none.
func (l *Look) dir(path string) string {
	f, ok := l.found[path]
	if !ok {
		before := l.hit
		l.hit = false
		real, info := l.follow(path)
		if info != nil && info.IsDir() {
			f.real = real
		}
		f.hit = l.hit
		l.hit = before
		if f.real != "" {
			l.found[path] = f
		}
	}
	l.hit = l.hit || f.hit
	return f.real
}

// split takes the last name off a path; it is "" for the root.
func split(path string) (above, name string) {
	for {
		path = strings.TrimRight(path, "/")
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return filepath.VolumeName(path) + "/", ""
		}
		if above, name = path[:i+1], path[i+1:]; name != "." {
			return above, name
		}
		path = above
	}
}

// need has an entry of a real directory watched.
func (l *Look) need(dir, name string) {
	names, ok := l.dirs[dir]
	if !ok {
		l.watch(dir)
		names = map[string]bool{}
		l.dirs[dir] = names
	}
	if names != nil {
		names[name] = true
	}
}

func (l *Look) watch(dir string) {
	if err := l.w.watch(dir); err != nil && l.err == nil {
		l.err = err
	}
}
