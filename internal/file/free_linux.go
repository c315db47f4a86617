package file

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// FreeMB returns how many MiB a program without privileges could still write
// below dir, or below its nearest ancestor that is there.
func FreeMB(dir string) (int, error) {
	var st syscall.Statfs_t
	err := syscall.Statfs(dir, &st)
	if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		return FreeMB(filepath.Dir(dir))
	}
	if err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int(st.Bavail * uint64(st.Bsize) >> 20), nil //nolint:gosec // far below the limits of int
}
