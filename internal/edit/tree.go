package edit

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// below returns a path with one more segment.
func below(path []string, key string) []string { return append(slices.Clone(path), key) }

// begins reports whether path is prefix or below it.
func begins(path, prefix []string) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}

// plain makes op's value one that is no named type, and returns it as a parser
// does.
func plain(op *Op, syn syntax) (any, error) {
	if err := checkPath(op.Path); err != nil {
		return nil, err
	}
	v := reflect.ValueOf(op.Value)
	if t, ok := op.Value.(encoding.TextMarshaler); ok && (v.Kind() != reflect.Pointer || !v.IsNil()) {
		text, err := t.MarshalText()
		if err != nil {
			return nil, err
		}
		op.Value = string(text)
		return syn.node(op.Value)
	}
	for _, typ := range plainTypes {
		if v.Kind() == typ.Kind() && v.CanConvert(typ) {
			op.Value = v.Convert(typ).Interface()
			break
		}
	}
	return syn.node(op.Value)
}

var plainTypes = []reflect.Type{
	reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int64](), reflect.TypeFor[float64](),
	reflect.TypeFor[[]string](), reflect.TypeFor[map[string]string](),
}

func checkPath(path []string) error {
	if len(path) == 0 {
		return errors.New("an edit needs the key that it is for")
	}
	return checkText(path...)
}

func checkText(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return fmt.Errorf("%q is not UTF-8, and can't be written", s)
		}
	}
	return nil
}

func paths(ops []Op) string {
	all := make([]string, len(ops))
	for i, op := range ops {
		all[i] = strings.Join(op.Path, ".")
	}
	return strings.Join(all, ", ")
}

// get returns the value at path.
func get(tree map[string]any, path []string) (any, bool) {
	var v any = tree
	for _, key := range path {
		table, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = table[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// update does to a parsed document what op does to its text.
func update(tree map[string]any, op Op, node any) {
	last := len(op.Path) - 1
	for _, key := range op.Path[:last] {
		table, ok := tree[key].(map[string]any)
		if !ok {
			if op.Value == nil {
				return
			}
			table = map[string]any{}
			tree[key] = table
		}
		tree = table
	}
	if op.Value == nil {
		delete(tree, op.Path[last])
	} else {
		tree[op.Path[last]] = node
	}
}

// prune removes the tables above path that hold nothing: whether one is left
// when its last key is gone depends on how it was written.
func prune(tree map[string]any, path []string) {
	table, ok := tree[path[0]].(map[string]any)
	if !ok || len(path) == 1 {
		return
	}
	prune(table, path[1:])
	if len(table) == 0 {
		delete(tree, path[0])
	}
}

// equal compares parsed documents; a number that is none equals itself.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, v := range a {
			if w, ok := b[key]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.IsNaN(a) && math.IsNaN(b))
	}
	return reflect.DeepEqual(a, b)
}
