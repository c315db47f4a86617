package slot

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/edit"
	"github.com/hal0ai/hal0-go/internal/enum"
)

// An Edit sets or removes one key of a slot file.
//
// Key is the dotted name, such as "model.context_size" or
// "server.env.HSA_OVERRIDE_GFX_VERSION", whether the file has a [slot] table or
// not. "image" is the image, "image.default_size" a setting of the [image] table,
// which can't be removed whole as others can.
//
// Value is what the key is set to: a string, bool, int or float64, a value of a
// type made from one of those, or one that writes itself as text; for
// "server.env" a map[string]string. Nil removes the key, and one that is not
// there is fine.
type Edit = edit.Edit

// ParseEdit reads "key=value" as people type it: the value is read as what the
// key holds, and needs no quotes. The error names the key, what was found and
// what is allowed.
func ParseEdit(text string) (Edit, error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		return Edit{}, conf.ValidationErrors{conf.At(conf.ErrSyntax, fmt.Sprintf("%q has no =: write for example role=primary or model.context_size=65536", text))}
	}
	path := strings.Split(key, ".")
	typ, err := settable(path)
	if err != nil {
		return Edit{}, err
	}
	if value == "" && !slices.Equal(path[:len(path)-1], []string{"server", "env"}) {
		return Edit{}, conf.ValidationErrors{conf.At(conf.ErrValue, "has no value; to remove the key, unset it", path...)}
	}
	v, err := readAs(typ, value)
	if err != nil {
		return Edit{}, conf.ValidationErrors{unreadable(err, path)}
	}
	return Edit{Key: key, Value: v}, nil
}

func unreadable(err error, path []string) conf.ValidationError {
	if errors.Is(err, enum.ErrUnknown) {
		return conf.NotOneOf(err, path...)
	}
	return conf.At(conf.ErrValue, err.Error(), path...)
}

// A slotKey is a key that slot files may have.
type slotKey struct {
	path  []string
	typ   reflect.Type
	field []int // of Slot
}

// slotKeys returns the keys in the order of [Slot], without the old ones.
func slotKeys() []slotKey { return keysOf(reflect.TypeFor[Slot](), slotKey{}) }

func keysOf(table reflect.Type, above slotKey) []slotKey {
	var keys []slotKey
	for f := range table.Fields() {
		name, typ := f.Tag.Get("koanf"), f.Type
		switch name {
		case imageSettings:
			name = "image"
		case "backend", "runtime":
			continue
		}
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		k := slotKey{slices.Concat(above.path, []string{name}), typ, slices.Concat(above.field, f.Index)}
		if typ.Kind() == reflect.Struct && !isText(typ) {
			keys = append(keys, keysOf(typ, k)...)
		} else {
			keys = append(keys, k)
		}
	}
	return keys
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// settable returns the type of a key that an edit may set.
func settable(path []string) (reflect.Type, error) {
	refuse := func(class error, format string, args ...any) error {
		return conf.ValidationErrors{conf.At(class, fmt.Sprintf(format, args...), path...)}
	}
	var below, names []string
	for _, k := range slotKeys() {
		switch {
		case slices.Equal(k.path, path):
			return k.typ, nil
		case k.typ.Kind() == reflect.Map && len(path) == len(k.path)+1 && slices.Equal(k.path, path[:len(k.path)]):
			return k.typ.Elem(), nil
		case len(k.path) > len(path) && slices.Equal(k.path[:len(path)], path):
			below = append(below, strings.Join(k.path, "."))
		}
		names = append(names, strings.Join(k.path, "."))
	}
	for _, k := range oldKeys {
		if slices.Equal(k.old, path) && below == nil {
			return nil, refuse(conf.ErrUnknownKey, "is an old name: set %s", strings.Join(k.now, "."))
		}
	}
	key := strings.Join(path, ".")
	switch near := nearest(key, names); {
	case below != nil:
		return nil, refuse(conf.ErrType, "is a table: set %s", list(below, "or"))
	case key == "backend":
		return nil, refuse(conf.ErrUnknownKey, "is an old key: set device")
	case key == "runtime":
		return nil, refuse(conf.ErrUnknownKey, "is an old key without a meaning: every slot runs in a container")
	case near != "":
		return nil, refuse(conf.ErrUnknownKey, "unknown key, did you mean %q?", near)
	}
	return nil, conf.ValidationErrors{conf.UnknownKey(key, names)}
}

// nearest returns the key that was probably meant, by its whole name or by the
// last part of it.
func nearest(key string, names []string) string {
	if near := conf.Closest(key, names); near != "" {
		return near
	}
	last := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	lasts := make([]string, len(names))
	for i, name := range names {
		lasts[i] = last(name)
	}
	if i := slices.Index(lasts, conf.Closest(last(key), lasts)); i >= 0 {
		return names[i]
	}
	return ""
}

// readAs reads text as a value of a type, as it is written to a file.
func readAs(typ reflect.Type, text string) (any, error) {
	if isText(typ) {
		v := reflect.New(typ)
		u, _ := v.Interface().(encoding.TextUnmarshaler)
		err := u.UnmarshalText([]byte(text))
		return v.Elem().Interface(), err
	}
	switch typ.Kind() {
	case reflect.Bool:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("must be true or false, got %q", text)
		}
		return text == "true", nil
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("must be an integer, got %q", text)
		}
		return n, nil
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("must be a number, got %q", text)
		}
		return x, nil
	case reflect.String:
		return text, nil
	default:
		return nil, errors.New("is a table: set its keys one by one")
	}
}
