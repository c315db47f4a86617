package conf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds how deep JSON may be nested.
const maxDepth = 100

// ParseJSON parses a JSON file that holds one object; file is what errors call
// it. A key that is written twice is an error.
func ParseJSON(file string, data []byte) (*Document, error) {
	if err := checkText(file, data); err != nil {
		return nil, err
	}
	ix := newIndex(data)
	w := jsonWalk{dec: json.NewDecoder(bytes.NewReader(data)), data: data}
	w.dec.UseNumber()
	v, err := w.value(ix.root, 0)
	if err == nil {
		err = w.end()
	}
	if err != nil {
		return nil, w.syntax(file, err)
	}
	raw, ok := v.(map[string]any)
	if !ok {
		return nil, syntax(file, data, 0, "must be a JSON object, beginning with {")
	}
	return &Document{file: file, raw: raw, index: func() *index { return ix }}, nil
}

// A jsonError is a problem that encoding/json does not see.
type jsonError struct {
	offset  int
	message string
}

func (p jsonError) Error() string { return p.message }

// A jsonWalk reads JSON token by token and notes where each key stands.
type jsonWalk struct {
	dec  *json.Decoder
	data []byte
}

// syntax returns the problem that err is. One that encoding/json sees stands at
// the value or key that it read last: the offset that it tells counts only
// part of what came before.
func (w *jsonWalk) syntax(file string, err error) error {
	var own jsonError
	switch {
	case errors.As(err, &own):
		return syntax(file, w.data, own.offset, own.message)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return syntax(file, w.data, len(w.data), "ends too early: a value or a closing brace is missing")
	}
	return syntax(file, w.data, w.next(), err.Error())
}

// end refuses anything behind the value.
func (w *jsonWalk) end() error {
	at := w.next()
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return jsonError{at, "something follows the closing brace: a file holds one object"}
	}
	return nil
}

// next returns the offset of what comes next, behind space, commas and colons.
func (w *jsonWalk) next() int {
	at := int(w.dec.InputOffset())
	for at < len(w.data) && bytes.IndexByte([]byte(" \t\r\n,:"), w.data[at]) >= 0 {
		at++
	}
	return at
}

// value reads one value, which stands at n. depth counts what it is nested in.
func (w *jsonWalk) value(n *node, depth int) (any, error) {
	at := w.next()
	if depth > maxDepth {
		return nil, jsonError{at, fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
	}
	token, err := w.dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return w.object(n, depth)
		}
		return w.array(n, depth)
	case json.Number:
		return number(t, at)
	default:
		return t, nil
	}
}

// number keeps integers exact; one that is written as such and does not fit is
// no float.
func number(n json.Number, at int) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || !strings.ContainsAny(n.String(), ".eE") {
		return nil, jsonError{at, "the number " + cut(n.String()) + " is too large"}
	}
	return f, nil
}

func (w *jsonWalk) object(n *node, depth int) (any, error) {
	table := map[string]any{}
	for w.dec.More() {
		at := w.next()
		token, err := w.dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		if n.below[key] != nil {
			return nil, jsonError{at, fmt.Sprintf("key %q is written twice", key)}
		}
		v, err := w.value(n.child(key, at), depth+1)
		if err != nil {
			return nil, err
		}
		if v != nil { // null is the same as nothing
			table[key] = v
		}
	}
	_, err := w.dec.Token()
	return table, err
}

func (w *jsonWalk) array(n *node, depth int) (any, error) {
	list := []any{}
	for w.dec.More() {
		v, err := w.value(n.elem(w.next()), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := w.dec.Token()
	return list, err
}
