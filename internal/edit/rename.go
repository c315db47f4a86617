package edit

import (
	"errors"
	"fmt"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// RenameTOML returns doc with the key at path called to: its value, its place and
// the comment on its line stay. Several segments in to make a dotted key. The
// key must be there with a value of its own, and to must not. doc must be valid
// TOML; the result is parsed again, as that of [TOML] is.
func RenameTOML(doc []byte, to []string, path ...string) ([]byte, error) {
	syn := tomlSyntax{}
	want, err := syn.parse(doc)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkPath(path), checkPath(to)); err != nil {
		return nil, conf.At(conf.ErrValue, err.Error(), path...)
	}
	d := syn.scan(doc, path)
	t, err := d.find(path)
	if err != nil {
		return nil, err
	}
	if t.entry == nil {
		return nil, conf.At(conf.ErrRequired, "is no key with a value, so it can't be renamed", path...)
	}
	last := t.entry.keys[len(t.entry.keys)-1]
	text := apply(doc, []splice{{last.span, dottedText(to)}})
	got, err := syn.parse(text)
	if err != nil {
		return nil, fmt.Errorf("the edited text would not load, so nothing is changed: %w", err)
	}
	value, _ := get(want, path)
	update(want, Unset(path...), nil)
	update(want, Set(value, append(path[:len(path)-1:len(path)-1], to...)...), value)
	if !equal(want, got) {
		return nil, conf.At(conf.ErrConflict, fmt.Sprintf("can't be called %s without changing what else the file says", dottedText(to)), path...)
	}
	return text, nil
}
