//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package file

import (
	"errors"
	"io/fs"
	"os"
)

// Files can be read anywhere, but changed only where they can be locked.
const noFollow = 0

func flock(*os.File) error { return errors.ErrUnsupported }

func flocked(*os.File) bool { return false }

// GID is not told by this system.
func GID(fs.FileInfo) (gid int, ok bool) { return 0, false }

func sameOwner(_, _ fs.FileInfo) bool { return true }

func chown(*os.File, fs.FileInfo) error { return nil }

func giveTo(*os.File, fs.FileInfo) error { return nil }
