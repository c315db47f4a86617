package conf

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/hal0ai/hal0-go/internal/enum"
)

// Unknown says what Decode does with keys that the target has no field for.
type Unknown int

// What to do with unknown keys.
const (
	Reject Unknown = iota // they are problems
	Keep                  // they are listed by UnknownKeys
	Ignore                // they belong to somebody else
)

// Decode fills out, a pointer to a struct whose fields carry `koanf` and
// `validate` tags, from the document, and returns every problem as
// [ValidationErrors]. Keys match by case; no value is converted to another
// type, cut or rounded. Strings and keys may hold no control character but tab;
// a field tagged `conf:"multiline"` may hold line ends. What has a problem is
// left out; the rest is decoded. Fields are of type int, float64, bool or string,
// of one that reads its own text, or structs, maps, slices and pointers of such.
//
// mapstructure, which koanf decodes with, converts floats, overflows and
// durations without a word, loses the rest of a table that has a problem, and
// takes three times as long.
func (d *Document) Decode(out any, unknown Unknown) error {
	w := walk{doc: d, unknown: unknown}
	w.table(d.raw, reflect.ValueOf(out).Elem(), nil)
	w.problems = append(w.problems, d.check(out, w.problems)...)
	d.unknown = w.kept
	d.unknown.Sort()
	w.problems.Sort()
	return w.problems.Err()
}

// A walk takes the values of a document into a typed value.
type walk struct {
	doc      *Document
	unknown  Unknown
	problems ValidationErrors
	kept     ValidationErrors
}

// A place is a key on the way from the document's root, nil.
type place struct {
	above *place
	key   string
}

func (p *place) path() []string {
	if p == nil {
		return nil
	}
	return append(p.above.path(), p.key)
}

func (w *walk) add(class error, message string, at *place) {
	w.problems = append(w.problems, w.doc.Problem(class, message, at.path()...))
}

// table takes a table into a struct or a map.
func (w *walk) table(table map[string]any, into reflect.Value, at *place) {
	if into.Kind() == reflect.Map {
		w.entries(table, into, at)
		return
	}
	fields := fieldsOf(into.Type())
	for key, v := range table {
		here := place{at, key}
		if f, ok := fields.byKey[key]; ok {
			w.value(v, into.Field(f.index), f.multiline, &here)
		} else {
			w.unknownKey(fields.keys, &here)
		}
	}
}

// entries takes a table into a map, whose keys the file chooses.
func (w *walk) entries(table map[string]any, into reflect.Value, at *place) {
	into.Set(reflect.MakeMapWithSize(into.Type(), len(table)))
	for key, v := range table {
		here := place{at, key}
		if strings.ContainsFunc(key, control) {
			w.add(ErrValue, "the key has a control character: remove it", &here)
		}
		entry := reflect.New(into.Type().Elem()).Elem()
		before := len(w.problems)
		w.value(v, entry, false, &here)
		if _, table := v.(map[string]any); table && entry.Kind() == reflect.Pointer || len(w.problems) == before {
			into.SetMapIndex(reflect.ValueOf(key), entry)
		}
	}
}

// value takes one value. into stays as it is when there is a problem.
func (w *walk) value(v any, into reflect.Value, multiline bool, at *place) {
	if into.Kind() == reflect.Pointer {
		target := reflect.New(into.Type().Elem())
		before := len(w.problems)
		w.value(v, target.Elem(), multiline, at)
		if _, table := v.(map[string]any); table || len(w.problems) == before {
			into.Set(target)
		}
		return
	}
	if s, ok := v.(string); ok {
		if i := strings.IndexFunc(s, func(r rune) bool { return control(r) && (!multiline || r != '\n' && r != '\r') }); i >= 0 {
			w.add(ErrValue, fmt.Sprintf("has the control character %q at byte %d: remove it", s[i], i), at)
			return
		}
	}
	if u, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		w.text(v, u, at)
		return
	}
	switch v := v.(type) {
	case map[string]any:
		if into.Kind() == reflect.Struct || into.Kind() == reflect.Map {
			w.table(v, into, at)
			return
		}
	case []any:
		if into.Kind() == reflect.Slice {
			w.list(v, into, multiline, at)
			return
		}
	}
	if want := set(into, v); want != "" {
		w.add(ErrType, "must be "+want+", got "+describe(v), at)
	}
}

func (w *walk) list(list []any, into reflect.Value, multiline bool, at *place) {
	items := reflect.MakeSlice(into.Type(), len(list), len(list))
	for i, v := range list {
		w.value(v, items.Index(i), multiline, &place{at, strconv.Itoa(i)})
	}
	into.Set(items)
}

// text takes a word into a type that reads its own text.
func (w *walk) text(v any, into encoding.TextUnmarshaler, at *place) {
	s, ok := v.(string)
	if !ok {
		w.add(ErrType, "must be a string, got "+describe(v), at)
		return
	}
	err := into.UnmarshalText([]byte(s))
	if err == nil {
		return
	}
	p := At(ErrValue, err.Error(), at.path()...)
	p.Err = err
	if errors.Is(err, enum.ErrUnknown) {
		p = NotOneOf(err, at.path()...)
	}
	w.problems = append(w.problems, w.doc.Locate(p))
}

func control(r rune) bool { return unicode.IsControl(r) && r != '\t' }

func (w *walk) unknownKey(known []string, at *place) {
	if w.unknown == Ignore {
		return
	}
	p := w.doc.Problem(ErrUnknownKey, wantOneOf(at.key, known), at.path()...)
	if w.unknown == Keep {
		w.kept = append(w.kept, p)
	} else {
		w.problems = append(w.problems, p)
	}
}

// fields are the keys that a struct type knows.
type fields struct {
	byKey map[string]field
	keys  []string // sorted, without those that no file can write
}

type field struct {
	index     int
	multiline bool
}

var fieldCache sync.Map // reflect.Type to fields; types do not change

// fieldsOf returns the fields of a struct type.
func fieldsOf(typ reflect.Type) fields {
	if f, ok := fieldCache.Load(typ); ok {
		return f.(fields) //nolint:forcetypeassert // nothing else is stored
	}
	f := fields{byKey: map[string]field{}}
	for i := range typ.NumField() {
		tag := typ.Field(i).Tag
		key := tag.Get("koanf")
		if key == "" {
			continue
		}
		f.byKey[key] = field{i, tag.Get("conf") == "multiline"}
		if IsBare(key) {
			f.keys = append(f.keys, key)
		}
	}
	slices.Sort(f.keys)
	fieldCache.Store(typ, f)
	return f
}

// set stores a value without loss, or returns what into wants instead.
func set(into reflect.Value, v any) (want string) {
	switch into.Kind() {
	case reflect.Int, reflect.Int64:
		i, ok := v.(int64)
		if !ok || into.OverflowInt(i) {
			return "an integer"
		}
		into.SetInt(i)
	case reflect.Float64:
		f, ok := float(v)
		if !ok {
			return "a number"
		}
		into.SetFloat(f)
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			return "true or false"
		}
		into.SetBool(b)
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			return "a string"
		}
		into.SetString(s)
	case reflect.Slice:
		return "a list"
	default:
		return "a table"
	}
	return ""
}

// float accepts a finite number, also an integer that a float holds exactly.
func float(v any) (float64, bool) {
	const exact = 1 << 53
	switch n := v.(type) {
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	case int64:
		return float64(n), n >= -exact && n <= exact
	}
	return 0, false
}

// describe names a value of a file in the words of the file.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the string %q", cut(v))
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	case int64, float64, bool:
		return fmt.Sprint(v)
	}
	return "the date or time " + fmt.Sprint(v)
}

// splitPath splits "models[qwen3.5].path" into its keys.
func splitPath(s string) []string {
	var path []string
	for s != "" {
		if s[0] == '.' {
			s = s[1:]
			continue
		}
		if end := closing(s); s[0] == '[' && end > 0 {
			path, s = append(path, s[1:end]), s[end+1:]
			continue
		}
		end := len(s)
		if i := strings.IndexAny(s[1:], ".["); i >= 0 {
			end = i + 1
		}
		path, s = append(path, s[:end]), s[end:]
	}
	return path
}

// closing returns the index of the bracket that ends s's first segment: the
// first one that something else, or nothing, follows.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == ']' && (i+1 == len(s) || s[i+1] == '.' || s[i+1] == '[') {
			return i
		}
	}
	return -1
}

// cut keeps a long string from filling the screen.
func cut(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
