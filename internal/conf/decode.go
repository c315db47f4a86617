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

	"github.com/go-viper/mapstructure/v2"

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
// left out; the rest is decoded. A document is decoded once.
func (d *Document) Decode(out any, unknown Unknown) error {
	w := walk{doc: d, unknown: unknown}
	w.table(d.raw, reflect.TypeOf(out).Elem(), nil)
	dec, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: out, TagName: "koanf", MatchName: sameKey})
	if err == nil {
		err = dec.Decode(d.raw)
	}
	if err != nil {
		w.add(ErrType, err.Error(), nil) // the walk lets nothing through that does not fit
	}
	w.problems = append(w.problems, d.check(out, w.problems)...)
	d.unknown = w.kept
	d.unknown.Sort()
	w.problems.Sort()
	return w.problems.Err()
}

func sameKey(key, field string) bool { return key == field }

// A walk holds a document against the type that it is decoded into. It takes
// out what does not fit, and replaces words by the typed values that they mean.
type walk struct {
	doc      *Document
	unknown  Unknown
	problems ValidationErrors
	kept     ValidationErrors
}

func (w *walk) add(class error, message string, path []string) {
	w.problems = append(w.problems, w.doc.Problem(class, message, path...))
}

// table checks the keys of a table that becomes a struct or a map.
func (w *walk) table(table map[string]any, typ reflect.Type, path []string) {
	fields := fieldsOf(typ)
	for key, v := range table {
		f, ok := fields.byKey[key]
		switch {
		case typ.Kind() == reflect.Map:
			f = field{typ: typ.Elem()}
			w.key(key, path)
		case !ok:
			w.unknownKey(key, fields.keys, path)
			continue
		}
		if v, ok = w.value(v, f, with(path, key)); ok {
			table[key] = v
		} else {
			delete(table, key)
		}
	}
}

// value returns the value as f takes it; ok is false when it has a problem.
func (w *walk) value(v any, f field, path []string) (fit any, ok bool) {
	typ := f.typ
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if s, isString := v.(string); isString {
		if i := strings.IndexFunc(s, func(r rune) bool { return control(r) && (!f.multiline || r != '\n' && r != '\r') }); i >= 0 {
			w.add(ErrValue, fmt.Sprintf("has the control character %q at byte %d: remove it", s[i], i), path)
			return nil, false
		}
	}
	if isText(typ) {
		return w.text(v, typ, path)
	}
	fit, err := fitting(v, typ)
	if err != nil {
		w.add(ErrType, err.Error(), path)
		return nil, false
	}
	switch v := v.(type) {
	case map[string]any:
		w.table(v, typ, path)
	case []any:
		return w.list(v, field{typ.Elem(), f.multiline}, path), true
	}
	return fit, true
}

func (w *walk) list(list []any, f field, path []string) []any {
	fit := make([]any, 0, len(list))
	for i, v := range list {
		if v, ok := w.value(v, f, with(path, strconv.Itoa(i))); ok {
			fit = append(fit, v)
		}
	}
	return fit
}

// text decodes a word into a type that reads its own text.
func (w *walk) text(v any, typ reflect.Type, path []string) (fit any, ok bool) {
	s, ok := v.(string)
	if !ok {
		w.add(ErrType, typeError{"a string", v}.Error(), path)
		return nil, false
	}
	out := reflect.New(typ)
	u, _ := out.Interface().(encoding.TextUnmarshaler)
	err := u.UnmarshalText([]byte(s))
	if err == nil {
		return out.Elem().Interface(), true
	}
	p := At(ErrValue, err.Error(), path...)
	p.Err = err
	if errors.Is(err, enum.ErrUnknown) {
		p = NotOneOf(err, path...)
	}
	w.problems = append(w.problems, w.doc.Locate(p))
	return nil, false
}

// key checks a key that the file chose itself.
func (w *walk) key(key string, path []string) {
	if strings.ContainsFunc(key, control) {
		w.add(ErrValue, "the key has a control character: remove it", with(path, key))
	}
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func (w *walk) unknownKey(key string, known, path []string) {
	if w.unknown == Ignore {
		return
	}
	message := "unknown key, want one of " + strings.Join(known, ", ")
	if near := Closest(key, known); near != "" {
		message = fmt.Sprintf("unknown key, did you mean %q?", near)
	}
	p := w.doc.Problem(ErrUnknownKey, message, with(path, key)...)
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
	typ       reflect.Type
	multiline bool
}

var fieldCache sync.Map // reflect.Type to fields; types do not change

// fieldsOf returns the fields of a struct type; none for another.
func fieldsOf(typ reflect.Type) fields {
	if typ.Kind() != reflect.Struct {
		return fields{}
	}
	if f, ok := fieldCache.Load(typ); ok {
		return f.(fields)
	}
	f := fields{byKey: map[string]field{}}
	for sf := range typ.Fields() {
		key := sf.Tag.Get("koanf")
		if key == "" || key == "-" {
			continue
		}
		f.byKey[key] = field{sf.Type, sf.Tag.Get("conf") == "multiline"}
		if isBare(key) {
			f.keys = append(f.keys, key)
		}
	}
	slices.Sort(f.keys)
	fieldCache.Store(typ, f)
	return f
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func isText(typ reflect.Type) bool { return reflect.PointerTo(typ).Implements(textUnmarshaler) }

// splitPath splits "models[qwen3.5].path" into its keys.
func splitPath(s string) []string {
	var path []string
	for s != "" {
		switch {
		case s[0] == '.':
			s = s[1:]
			continue
		case s[0] == '[':
			if end := closing(s); end > 0 {
				path, s = append(path, s[1:end]), s[end+1:]
				continue
			}
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

// A typeError is a value of a type that the key does not take.
type typeError struct {
	want string
	got  any
}

func (e typeError) Error() string { return "must be " + e.want + ", got " + describe(e.got) }

// fitting returns a value as a type holds it, without loss.
func fitting(v any, typ reflect.Type) (any, error) {
	kind := reflect.ValueOf(v).Kind()
	switch typ.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, ok := v.(int64)
		if !ok || reflect.Zero(typ).OverflowInt(i) {
			return nil, typeError{"an integer", v}
		}
	case reflect.Float64:
		return float(v)
	case reflect.Bool:
		if kind != reflect.Bool {
			return nil, typeError{"true or false", v}
		}
	case reflect.String:
		if kind != reflect.String {
			return nil, typeError{"a string", v}
		}
	case reflect.Struct, reflect.Map:
		if kind != reflect.Map {
			return nil, typeError{"a table", v}
		}
	case reflect.Slice:
		if kind != reflect.Slice {
			return nil, typeError{"a list", v}
		}
	default:
		return nil, fmt.Errorf("no value fits %s", typ) // a type that no test has decoded
	}
	return v, nil
}

// float accepts an integer that a float holds exactly.
func float(v any) (any, error) {
	const exact = 1 << 53
	switch n := v.(type) {
	case float64:
		if !math.IsNaN(n) && !math.IsInf(n, 0) {
			return n, nil
		}
	case int64:
		if n >= -exact && n <= exact {
			return float64(n), nil
		}
	}
	return nil, typeError{"a number", v}
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

// cut keeps a long string from filling the screen.
func cut(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// Closest returns the word that word is likely meant to be: the only one that
// begins with it, or else the one within two edits and half its length; "" for
// none. Case does not count.
func Closest(word string, words []string) string {
	word = strings.ToLower(word)
	begins := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return word == "" || !strings.HasPrefix(strings.ToLower(w), word) })
	switch len(begins) {
	case 0:
	case 1:
		return begins[0]
	default:
		return ""
	}
	best, least := "", 1+min(2, len(word)/2)
	for _, w := range words {
		if d := distance(word, strings.ToLower(w)); d < least {
			best, least = w, d
		}
	}
	return best
}
