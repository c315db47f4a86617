// Package edit changes single keys of a TOML or JSON file and leaves every byte
// that does not concern them as it is: comments, order, blank lines, quoting
// and line ends survive.
//
// A changed value keeps its place, the comment at the end of its line and, for
// a string, the kind of quotes where they can hold it. An added key goes behind
// the last key of its table, spaced and indented like it; a table that is not
// there is added at the end of the file, or written as its parent is: inline
// or with dotted keys. A removed key takes its own lines along; a comment above
// it stays. A removed table takes its header, the lines down to its last key,
// its sub-tables, and the blank line that set it apart.
package edit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
)

// An Op sets or removes one key.
type Op struct {
	// Path is the key in segments, from the document's root.
	Path []string
	// Value is a string, bool, int, int64, float64, []string or
	// map[string]string, in JSON also [Null]; or a value of a type made from one
	// of those, or of one that writes itself as text. Nil removes the key.
	Value any
}

// An Edit is an [Op] whose key is written with dots, as people do: for files
// whose keys have none.
type Edit struct {
	Key   string
	Value any
}

// Op returns the operation that e stands for, below the table at path.
func (e Edit) Op(path ...string) Op {
	return Op{Path: append(slices.Clone(path), strings.Split(e.Key, ".")...), Value: e.Value}
}

// Once is the problem, at path, that e has the key of an edit before it; nil if it
// has not.
func (e Edit) Once(before []Edit, path ...string) error {
	if slices.ContainsFunc(before, func(other Edit) bool { return other.Key == e.Key }) {
		return conf.At(conf.ErrConflict, "is named twice: name it once", path...)
	}
	return nil
}

// Null is the value null of JSON. TOML has none.
type Null struct{}

// Set sets the key at path to value, adding key and tables that are not there.
// A map[string]string stands for a whole table: keys that it lacks are removed.
// No other value can take a table's place; remove the table first.
func Set(value any, path ...string) Op { return Op{Path: path, Value: value} }

// Unset removes the key or table at path; one that is not there is fine.
func Unset(path ...string) Op { return Op{Path: path} }

// TOML returns doc with ops carried out in order. doc must be valid TOML. A
// path through something that is no table, or through an array of tables, is an
// error. Errors are a [conf.ValidationError] or several, without a file's name;
// see [conf.InFile].
//
// The result is parsed again: it says what doc said but for ops, or there is
// none. doc itself is not changed.
func TOML(doc []byte, ops ...Op) ([]byte, error) {
	if len(doc) == 0 || doc[len(doc)-1] == '\n' || doc[len(doc)-1] == '\r' {
		return run(tomlSyntax{}, doc, ops)
	}
	eol := eolAt(doc, len(doc)) // the last line has no end, and is to have none
	text, err := run(tomlSyntax{}, append(doc[:len(doc):len(doc)], eol...), ops)
	return trimEnd(text, eol), err
}

// JSON is [TOML] for a document that holds one JSON object.
func JSON(doc []byte, ops ...Op) ([]byte, error) { return run(jsonSyntax{}, doc, ops) }

// A syntax is TOML or JSON.
type syntax interface {
	// parse returns what a text says.
	parse(text []byte) (map[string]any, error)
	// scan returns where everything stands that concerns the key at path, in a text
	// that has been parsed.
	scan(text []byte, path []string) *document
	// node returns a value as parse would; it is an error that the syntax has no
	// such value.
	node(value any) (any, error)
	// write returns a value's text. old is the text that it replaces, or "", and
	// eol how lines end there.
	write(value any, old, eol string) string
	// add returns the changes that add a key to where t says.
	add(d *document, t target, op Op) []splice
}

// run carries ops out and checks the result.
func run(syn syntax, doc []byte, ops []Op) ([]byte, error) {
	want, err := syn.parse(doc)
	if err != nil {
		return nil, err
	}
	e := editor{syntax: syn, text: doc, tree: want}
	for _, op := range ops {
		node, err := plain(&op, syn)
		if errors.Is(err, enum.ErrUnknown) {
			return nil, conf.NotOneOf(err, op.Path...)
		}
		if err != nil {
			return nil, conf.At(conf.ErrValue, err.Error(), op.Path...)
		}
		if err := e.do(op); err != nil {
			return nil, asIn(syn, doc, op, err)
		}
		update(want, op, node)
	}
	got, err := syn.parse(e.text)
	if err != nil {
		return nil, fmt.Errorf("the edited text would not load, so nothing is changed: %w", err)
	}
	for _, op := range ops {
		prune(want, op.Path)
		prune(got, op.Path)
	}
	if !equal(want, got) {
		return nil, fmt.Errorf("the text can't be edited without changing what else it says, so nothing is changed (%s)", paths(ops))
	}
	return e.text, nil
}

// asIn returns what is wrong with op at its place in doc. It is err, without a
// place, when only an earlier operation made it wrong.
func asIn(syn syntax, doc []byte, op Op, err error) error {
	tree, _ := syn.parse(doc) // has been parsed before
	first := editor{syntax: syn, text: doc, tree: tree}
	if err := first.do(op); err != nil {
		return err
	}
	var p conf.ValidationError
	if errors.As(err, &p) {
		p.Line, p.Column = 0, 0
		return p
	}
	return err
}

// An editor carries out one operation after the other.
type editor struct {
	syntax
	text []byte
	tree map[string]any // what text said before the current operation
}

func (e *editor) do(op Op) error {
	d := e.scan(e.text, op.Path)
	t, err := d.find(op.Path)
	if err != nil {
		return err
	}
	table, isTable := op.Value.(map[string]string)
	list, isList := op.Value.([]string)
	switch {
	case op.Value == nil:
		return e.remove(d, op.Path)
	case t.array:
		return d.problem(t.at, "is an array of tables, which an edit can't set", op.Path)
	case t.table && isTable:
		return e.setTable(op.Path, table)
	case t.table:
		return d.problem(t.at, "is a table: remove it before setting a single value", op.Path)
	case t.entry == nil:
		e.text = apply(e.text, e.add(d, t, op))
	case isList && t.entry.strings:
		return e.setList(op.Path, list)
	default:
		e.replace(op, t.entry.value)
	}
	return nil
}

// replace writes a value over an old one, unless they say the same.
func (e *editor) replace(op Op, old span) {
	node, _ := e.node(op.Value) // checked by run
	if now, ok := get(e.tree, op.Path); ok && equal(now, node) {
		return
	}
	text := e.write(op.Value, old.of(e.text), eolAt(e.text, old.start))
	e.text = apply(e.text, []splice{{old, text}})
}

// setTable makes the table at path hold what values does.
func (e *editor) setTable(path []string, values map[string]string) error {
	now, _ := get(e.tree, path)
	old, _ := now.(map[string]any)
	var ops []Op
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if old[key] != values[key] {
			ops = append(ops, Set(values[key], below(path, key)...))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if _, keep := values[key]; !keep {
			ops = append(ops, Unset(below(path, key)...))
		}
	}
	for _, op := range ops {
		if _, table := old[op.Path[len(path)]].(map[string]any); table && op.Value != nil {
			ops = append([]Op{Unset(op.Path...)}, ops...) // a text takes a sub-table's place
		}
	}
	for _, op := range ops {
		if err := e.do(op); err != nil {
			return err
		}
	}
	d := e.scan(e.text, path)
	t, err := d.find(path)
	if err == nil && !t.table { // the last dotted key is gone, and the table with it
		e.text = apply(e.text, e.add(d, t, Set(values, path...)))
	}
	return err
}

// setList makes the list of strings at path hold what values does, element by
// element: what stays keeps its comments.
func (e *editor) setList(path, values []string) error {
	now, _ := get(e.tree, path)
	old, _ := now.([]any)
	t, err := e.scan(e.text, path).find(path)
	if err != nil {
		return err
	}
	var changes []splice
	for i, item := range t.entry.items[:min(len(values), len(old))] {
		if old[i] != values[i] {
			changes = append(changes, splice{item, e.write(values[i], item.of(e.text), eolAt(e.text, item.start))})
		}
	}
	e.text = apply(e.text, changes)
	for i := len(old); i != len(values); {
		d := e.scan(e.text, path)
		if t, err = d.find(path); err != nil {
			return err
		}
		l := d.list(t.entry)
		if i < len(values) {
			e.text = apply(e.text, l.add(e.write(values[i], "", l.eol)))
			i++
		} else {
			e.text = apply(e.text, l.remove(len(l.items)-1))
			i--
		}
	}
	return nil
}

// remove removes the key or table at path, which find has accepted.
func (e *editor) remove(d *document, path []string) error {
	e.text = apply(e.text, d.linesOf(path))
	for {
		d := e.scan(e.text, path)
		t, err := d.find(path)
		if err != nil {
			return err
		}
		if t.inline == nil {
			return nil
		}
		i := slices.IndexFunc(t.inline.table, func(m entry) bool { return begins(m.names(), path[t.depth:]) })
		if i < 0 {
			return nil
		}
		e.text = apply(e.text, d.list(t.inline).remove(i))
	}
}
