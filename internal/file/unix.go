//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// noFollow opens a file itself, and neither what a link there leads to nor
// waiting for a pipe.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// flock locks an open file for this opening of it, without waiting.
func flock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

// flocked reports whether another opening of a file has it locked.
func flocked(f *os.File) bool {
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

func owner(info fs.FileInfo) (uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), int(st.Gid)
	}
	return 0, 0 // no file of this system
}

// GID returns the id of the group that a file belongs to. ok is false for what
// is no file of this system.
func GID(info fs.FileInfo) (gid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Gid), true
}

func sameOwner(a, b fs.FileInfo) bool {
	uid, gid := owner(a)
	uid2, gid2 := owner(b)
	return uid == uid2 && gid == gid2
}

// chown gives f the owner and group of like.
func chown(f *os.File, like fs.FileInfo) error {
	now, err := f.Stat()
	if err != nil || sameOwner(now, like) {
		return err
	}
	uid, gid := owner(like)
	if err := f.Chown(uid, gid); err != nil {
		return fmt.Errorf("it belongs to user %d and group %d, and would not any more (%w): edit it as that user or as root", uid, gid, reason(err))
	}
	return nil
}

// giveTo gives f the owner and group of like, where this program may.
func giveTo(f *os.File, like fs.FileInfo) error {
	err := chown(f, like)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
