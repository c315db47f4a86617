package device

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// maxText bounds how many bytes of a file are read. The largest is
// /proc/cpuinfo, with 1.6 KB a thread.
const maxText = 4 << 20

// A tree is the file tree of a box, and what could not be read of it so far.
// Files that are not there are nothing to tell of.
type tree struct {
	root fs.FS
	errs []error
}

func (t *tree) note(err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.errs = append(t.errs, err)
	}
}

// failed notes that name can't be looked at.
func (t *tree) failed(name string, err error) {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	if err != nil {
		t.note(fmt.Errorf("/%s: %w", name, err))
	}
}

// notef notes what is wrong with a file.
func (t *tree) notef(name, format string, args ...any) {
	t.note(fmt.Errorf("/%s: %s", name, fmt.Sprintf(format, args...)))
}

// err returns everything that was noted.
func (t *tree) err() error {
	if len(t.errs) == 0 {
		return nil
	}
	return fmt.Errorf("detect hardware: %w", errors.Join(t.errs...))
}

// text returns the text of a file, "" when there is none.
func (t *tree) text(name string) string {
	data, err := conf.ReadFS(t.root, name, maxText)
	t.note(err)
	return string(data)
}

// line returns the text of a file that holds one line.
func (t *tree) line(name string) string { return clean(t.text(name)) }

// mebibytes returns what a file counts in bytes, in MiB.
func (t *tree) mebibytes(name string) int {
	s := t.line(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.notef(name, "is %q, want a number of bytes", cut(s))
		return 0
	}
	return int(n >> 20)
}

// pciID returns what a file holds as 0x and four hexadecimal digits, 0 when
// there is no such file.
func (t *tree) pciID(name string) int {
	s := t.line(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 16)
	if err != nil {
		t.notef(name, "is %q, want a PCI id such as 0x1002", cut(s))
		return 0
	}
	return int(n)
}

// count returns a number of the pairs that were read from a file, 0 when it is
// not among them.
func (t *tree) count(name string, values map[string]string, key string) int {
	s, ok := values[key]
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		t.notef(name, "%s is %q, want a number", key, cut(s))
		return 0
	}
	return int(n)
}

// names returns the names in a directory that begin with prefix, sorted.
func (t *tree) names(dir, prefix string) []string {
	entries, err := fs.ReadDir(t.root, dir)
	t.failed(dir, err)
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// link returns the last element of what a symbolic link leads to, "" when name
// is none or the tree can't tell.
func (t *tree) link(name string) string {
	target, err := fs.ReadLink(t.root, name)
	if err != nil {
		return ""
	}
	return path.Base(target)
}

// isNode reports whether name is a device node. In a tree copied from another
// box a plain file stands for one.
func (t *tree) isNode(name string) bool {
	info, err := fs.Stat(t.root, name)
	t.failed(name, err)
	return err == nil && (info.Mode()&fs.ModeCharDevice != 0 || info.Mode().IsRegular())
}

// clean makes one printable line of what firmware and drivers say: neither
// control characters nor bytes that are not UTF-8 get into a file of ours.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}

// cut keeps a long text from filling the screen.
func cut(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
