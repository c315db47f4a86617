package conf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/internal/enum"
)

// The classes of problems, and ErrInvalid, which matches every one.
var (
	ErrInvalid    = errors.New("invalid configuration")
	ErrSyntax     = errors.New("syntax error")
	ErrUnknownKey = errors.New("unknown key")
	ErrType       = errors.New("wrong type")
	ErrValue      = errors.New("value not allowed")
	ErrRequired   = errors.New("missing key")
	ErrConflict   = errors.New("contradiction")
	ErrUnreadable = errors.New("unreadable file")
)

// A ValidationError is one problem at one key of a file.
type ValidationError struct {
	File string `json:"file"`
	// Line and Column count from 1, Column in characters; 0 when not known.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Path is the key as the file writes it, such as "model.context_size".
	Path string `json:"path"`
	// Message tells what was found, what is allowed, what to do.
	Message string `json:"message"`
	// Code names the kind of a warning, such as "slot.unknown-key"; "" for what
	// is an error.
	Code string `json:"code,omitempty"`
	// Found and Allowed are the same as data, for a value outside a set.
	Found   string   `json:"found,omitempty"`
	Allowed []string `json:"allowed,omitempty"`
	// Class is one of the sentinels of this package, Err the cause, if any.
	Class error `json:"-"`
	Err   error `json:"-"`
	// Keys is the path in segments, by the names that a program reads them under.
	Keys []string `json:"-"`
}

// Error returns "file:line:column: path: message", without what is not known.
func (e ValidationError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 && e.File != "" {
		b.WriteByte(':')
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d", e.Line, e.Column)
	}
	for _, part := range []string{e.Path, e.Message} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	return b.String()
}

// Unwrap returns ErrInvalid, the class and the cause.
func (e ValidationError) Unwrap() []error {
	all := []error{ErrInvalid}
	for _, err := range []error{e.Class, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// As lets [errors.As] find a *ValidationError too.
func (e ValidationError) As(target any) bool {
	p, ok := target.(**ValidationError)
	if ok {
		*p = &e
	}
	return ok
}

// ValidationErrors are several problems.
type ValidationErrors []ValidationError

// Error returns one line a problem.
func (es ValidationErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems.
func (es ValidationErrors) Unwrap() []error {
	all := make([]error, len(es))
	for i, e := range es {
		all[i] = e
	}
	return all
}

// Sort orders by file, line, column and path.
func (es ValidationErrors) Sort() {
	slices.SortStableFunc(es, func(a, b ValidationError) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Path, b.Path))
	})
}

// Err returns es, or nil when there is no problem.
func (es ValidationErrors) Err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

// InFile returns the problems that err holds with their file's name, where they
// have none.
func InFile(err error, file string) error {
	all := Problems(err)
	for i := range all {
		if all[i].File == "" {
			all[i].File = file
		}
	}
	return all.Err()
}

// Worse returns the problems of after that before did not have, wherever they
// stand.
func Worse(before, after error) ValidationErrors {
	had := map[string]int{}
	for _, p := range Problems(before) {
		had[p.Path+"\x00"+p.Message]++
	}
	return slices.DeleteFunc(Problems(after), func(p ValidationError) bool {
		had[p.Path+"\x00"+p.Message]--
		return had[p.Path+"\x00"+p.Message] >= 0
	})
}

// OnDisk gives problems of an edited text the positions that their keys have in
// the text that it was made from, the TOML file that people can look at: those
// of their tables, for new keys, and none where that is new too. data is nil
// when there is no file.
func OnDisk(problems ValidationErrors, file string, data []byte) ValidationErrors {
	doc, err := ParseTOML(file, data)
	for i, p := range problems {
		if p.File != file || len(p.Keys) == 0 || err != nil {
			continue
		}
		p.Line, p.Column = 0, 0
		if doc.Has(p.Keys...) || len(p.Keys) > 1 && doc.Has(p.Keys[:len(p.Keys)-1]...) {
			p = doc.Locate(p)
		}
		problems[i] = p
	}
	problems.Sort()
	return problems
}

// Problems returns the problems that err holds; one without a position for an
// error of another kind, none for nil.
func Problems(err error) ValidationErrors {
	var all ValidationErrors
	var one ValidationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &all):
		return slices.Clone(all)
	case errors.As(err, &one):
		return ValidationErrors{one}
	}
	return ValidationErrors{{Message: err.Error(), Err: err}}
}

// At returns a problem at a key, without file and position; see
// [Document.Locate].
func At(class error, message string, path ...string) ValidationError {
	return ValidationError{Path: pathText(path), Keys: path, Message: message, Class: class}
}

// NotOneOf returns the problem of a word outside its set, as an [enum.Error] has
// it, at a key.
func NotOneOf(err error, path ...string) ValidationError {
	p := At(ErrValue, err.Error(), path...)
	p.Err = err
	var unknown *enum.Error
	if errors.As(err, &unknown) {
		p.Found, p.Allowed = unknown.Found, unknown.Allowed
		p.Message = "unknown " + unknown.Error()
		if near := Closest(unknown.Found, unknown.Allowed); near != "" {
			p.Message += fmt.Sprintf(", did you mean %q?", near)
		}
	}
	return p
}

// UnknownKey returns the problem of a dotted key, below a table's path, that is
// none of known.
func UnknownKey(key string, known []string, above ...string) ValidationError {
	return At(ErrUnknownKey, wantOneOf(key, known), append(slices.Clone(above), strings.Split(key, ".")...)...)
}

func wantOneOf(key string, known []string) string {
	if near := Closest(key, known); near != "" {
		return fmt.Sprintf("unknown key, did you mean %q?", near)
	}
	return "unknown key, want one of " + strings.Join(known, ", ")
}

// pathText writes a path as TOML does, list indexes in brackets.
func pathText(path []string) string {
	var b strings.Builder
	for _, s := range path {
		if _, err := strconv.Atoi(s); err == nil && b.Len() > 0 {
			b.WriteString("[" + s + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		if IsBare(s) {
			b.WriteString(s)
		} else {
			b.WriteString(strconv.Quote(s))
		}
	}
	return b.String()
}

// IsBare reports whether a key needs no quotes in TOML.
func IsBare(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}
