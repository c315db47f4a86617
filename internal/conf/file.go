package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ReadFile reads a regular file of at most limit bytes, following symbolic
// links. It does not block on a pipe or device. Its error is a
// [ValidationError] of class [ErrUnreadable].
func ReadFile(name string, limit int64) ([]byte, error) {
	data, _, err := ReadFileInfo(name, limit)
	return data, err
}

// ReadFileInfo is [ReadFile] and returns what the file that was read is.
func ReadFileInfo(name string, limit int64) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0) //nolint:gosec // the caller's file
	if errors.Is(err, fs.ErrNotExist) {
		if info, lerr := os.Lstat(name); lerr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, nil, refuse(name, "is a symbolic link to a file that is not there", nil)
		}
	}
	return read(name, f, err, limit)
}

// ReadFS is [ReadFile] over a file system. Errors write the name as it is from
// the root.
func ReadFS(fsys fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, irregular("/"+name, info)
	}
	f, err := fsys.Open(name)
	data, _, err := read("/"+name, f, err, limit)
	return data, err
}

func irregular(name string, info fs.FileInfo) error {
	return refuse(name, fmt.Sprintf("is not a regular file (%s)", info.Mode().Type()), nil)
}

func read(name string, f fs.File, err error, limit int64) ([]byte, fs.FileInfo, error) {
	if err != nil {
		return nil, nil, unreadable(name, err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, nil, unreadable(name, err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil, nil, refuse(name, "is a directory, want a file", nil)
	case !mode.IsRegular():
		return nil, nil, irregular(name, info)
	case info.Size() > limit:
		return nil, nil, tooLarge(name, info.Size(), limit)
	}
	data := make([]byte, info.Size()+1)
	n, err := io.ReadFull(f, data)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return data[:n], info, nil
	case err != nil:
		return nil, nil, unreadable(name, err)
	}
	data, err = rest(name, f, data, limit)
	return data, info, err
}

// rest reads what was added to the file since it was opened.
func rest(name string, f io.Reader, data []byte, limit int64) ([]byte, error) {
	more, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, unreadable(name, err)
	}
	data = append(data, more...)
	if int64(len(data)) > limit {
		return nil, tooLarge(name, int64(len(data)), limit)
	}
	return data, nil
}

func tooLarge(name string, size, limit int64) error {
	return refuse(name, fmt.Sprintf("has %d bytes, at most %d are read", size, limit), nil)
}

// unreadable puts the common reasons into words.
func unreadable(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse(name, "is not there", err)
	case errors.Is(err, fs.ErrPermission):
		return refuse(name, "can't be read: permission denied", err)
	case errors.Is(err, syscall.ELOOP):
		return refuse(name, "can't be read: its symbolic links lead in a circle", err)
	}
	return refuse(name, "can't be read: "+err.Error(), err)
}

func refuse(name, message string, err error) error {
	return ValidationError{File: name, Message: message, Class: ErrUnreadable, Err: err}
}
