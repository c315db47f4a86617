package hal0

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/hal0ai/hal0-go/runtime"
)

// errHidden: a container can't see a file that the host has.
var errHidden = errors.New("the container can't see it")

// A view is the files that a container sees: those that its mounts show of the
// host's tree. With no mounts it is the host's own view.
type view struct {
	root   fs.FS
	mounts []runtime.Mount
}

// maxLinks is how many symbolic links the kernel follows on the way to a file.
const maxLinks = 40

// find returns where on the host the file is that name leads to inside. Links are
// followed as they are there: one to a path that no mount shows leads nowhere,
// whatever the host has at that path.
func (v view) find(name string) (string, error) {
	seen := name
	for range maxLinks {
		on, next, err := v.walk(seen)
		if err != nil {
			if seen != name {
				err = fmt.Errorf("%s leads to %s: %w", name, seen, err)
			}
			return "", err
		}
		if next == "" {
			return on, nil
		}
		seen = next
	}
	return "", fmt.Errorf("%s: its symbolic links lead in a circle", name)
}

// walk goes along the parts of a path to where it ends on the host, or to the
// first link, and then returns where that leads inside.
func (v view) walk(name string) (on, next string, err error) {
	source, target, err := v.mount(name)
	if err != nil {
		return "", "", err
	}
	on, inside := source, target
	rest := strings.Split(strings.Trim(strings.TrimPrefix(name, target), "/"), "/")
	for i, part := range rest {
		if part == "" {
			break // the mount itself
		}
		on, inside = path.Join(on, part), path.Join(inside, part)
		info, err := fs.Lstat(v.root, below(on))
		if err != nil {
			return "", "", pathError(on, err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		to, err := fs.ReadLink(v.root, below(on))
		if err != nil {
			return "", "", pathError(on, err)
		}
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(inside), to)
		}
		return "", path.Join(append([]string{to}, rest[i+1:]...)...), nil
	}
	return on, "", nil
}

// mount returns the mount that shows a path, the innermost, by where its source is
// on the host.
func (v view) mount(name string) (source, target string, err error) {
	if v.mounts == nil {
		return "/", "/", nil
	}
	best := -1
	for i, m := range v.mounts {
		shows := name == m.Target || strings.HasPrefix(name, m.Target+"/")
		if shows && (best < 0 || len(m.Target) > len(v.mounts[best].Target)) {
			best = i
		}
	}
	if best < 0 {
		return "", "", fmt.Errorf("%w: no mount shows %s", errHidden, name)
	}
	source, err = view{root: v.root}.find(v.mounts[best].Source)
	return source, v.mounts[best].Target, err
}

// size returns the size of the file that name leads to inside.
func (v view) size(name string) (int64, error) {
	on, err := v.find(name)
	if err != nil {
		return 0, err
	}
	info, err := fs.Stat(v.root, below(on))
	switch {
	case err != nil:
		return 0, pathError(on, err)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is not a regular file", on)
	}
	return info.Size(), nil
}

// pathError names the file that an error is about as the host does.
func pathError(name string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// below returns an absolute path as file systems rooted at "/" name it.
func below(name string) string {
	if rel := strings.TrimPrefix(path.Clean(name), "/"); rel != "" {
		return rel
	}
	return "."
}
