package file

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// Temporary files are named after the file that they will be. Whoever writes one
// holds its lock, so that one without a writer can be told.
const tempMark = ".hal0-tmp-"

var tempRE = regexp.MustCompile(`^\..+\.hal0-tmp-[A-Z2-7]{26}$`)

// writeTemp returns a temporary file beside target that holds text, on the disk,
// with the mode and owner of old, or of a new file if that is nil.
func writeTemp(target string, old fs.FileInfo, text []byte) (*os.File, error) {
	f, err := createTemp(target, old == nil)
	if err != nil {
		return nil, err
	}
	if err = adopt(f, old); err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = os.Remove(f.Name())
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// createTemp creates a temporary file and locks it.
func createTemp(target string, public bool) (*os.File, error) {
	mode := fs.FileMode(0o600) // until it has the old file's
	if public {
		mode = 0o644
	}
	for {
		name := filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+tempMark+rand.Text())
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, mode) //nolint:gosec // beside the target
		if err != nil {
			return nil, err
		}
		err = flock(f)
		if err == nil && sameFile(f, name) {
			return f, nil
		}
		_ = f.Close() // swept between creation and lock
		_ = os.Remove(name)
		if err != nil && !errors.Is(err, ErrLocked) {
			return nil, err
		}
	}
}

// adopt gives a file the mode and owner of old, or, when that is nil, the owner
// of its directory.
func adopt(f *os.File, old fs.FileInfo) error {
	if old == nil {
		dir, err := os.Stat(filepath.Dir(f.Name()))
		if err != nil {
			return err
		}
		return giveTo(f, dir)
	}
	if err := chown(f, old); err != nil {
		return err
	}
	return f.Chmod(old.Mode())
}

// sweep removes what killed programs left in the tree's directory and in those
// in it. That it fails keeps nobody from working.
func (t *Tree) sweep() {
	names, _ := os.ReadDir(t.dir)
	for _, n := range names {
		if n.IsDir() {
			sweepDir(filepath.Join(t.dir, n.Name()))
		}
	}
	sweepDir(t.dir)
}

func sweepDir(dir string) {
	names, _ := os.ReadDir(dir)
	for _, n := range names {
		if n.Type().IsRegular() && tempRE.MatchString(n.Name()) {
			sweepFile(filepath.Join(dir, n.Name()))
		}
	}
}

// sweepFile removes a temporary file that nobody is writing.
func sweepFile(name string) {
	f, err := os.OpenFile(name, os.O_RDWR|noFollow, 0) //nolint:gosec // of our name, and not followed
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if flock(f) == nil && sameFile(f, name) {
		_ = os.Remove(name)
	}
}
