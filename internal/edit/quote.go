package edit

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// The ways to write a string in TOML.
const (
	basic        = `"`
	literal      = `'`
	basicLines   = `"""`
	literalLines = `'''`
)

func (tomlSyntax) write(v any, old, eol string) string { return writeTOML(v, old, eol) }

func writeTOML(v any, old, eol string) string {
	switch v := v.(type) {
	case string:
		return quote(v, old, eol)
	case float64:
		return floatText(v)
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = quoteBasic(s)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]string:
		if len(v) == 0 {
			return "{}"
		}
		var items []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			items = append(items, keyText(key)+" = "+quoteBasic(v[key]))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	}
	return fmt.Sprint(v)
}

// floatText writes a number so that it reads back as a float.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.ToLower(strconv.FormatFloat(f, 'f', -1, 64))
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// keyText writes one segment of a key.
func keyText(name string) string {
	if conf.IsBare(name) {
		return name
	}
	return quoteBasic(name)
}

func dottedText(names []string) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = keyText(name)
	}
	return strings.Join(texts, ".")
}

// quote writes a string with the quotes of the old one, where they can hold it.
func quote(s, old, eol string) string {
	for _, style := range []string{literalLines, basicLines, literal} {
		if !strings.HasPrefix(old, style) || len(old) < 2*len(style) {
			continue
		}
		lead := ""
		if len(style) > 1 && (strings.HasPrefix(old[len(style):], eol) || strings.HasPrefix(s, eol)) {
			lead = eol // is not part of the string
		}
		switch {
		case style == basicLines, style == literalLines && !holds(style, s, eol) && strings.Contains(s, eol):
			return basicLines + lead + escapeLines(s, eol) + basicLines
		case holds(style, s, eol):
			return style + lead + s + style
		}
		return quoteBasic(s)
	}
	return quoteBasic(s)
}

// holds reports whether a kind of literal string can hold s.
func holds(style, s, eol string) bool {
	if style == literalLines {
		if strings.Contains(s, style) || strings.HasSuffix(s, literal) {
			return false
		}
		s = strings.ReplaceAll(s, eol, "")
		return !strings.ContainsFunc(s, control)
	}
	return !strings.Contains(s, style) && !strings.ContainsFunc(s, control)
}

func control(r rune) bool { return r != '\t' && (unicode.IsControl(r) && r < 0x80) }

func quoteBasic(s string) string { return basic + escape(s) + basic }

var escapes = strings.NewReplacer(escapeTable()...)

// escapeTable returns what a basic string can't hold as it is, and how it is
// written.
func escapeTable() []string {
	table := []string{`"`, `\"`, `\`, `\\`, "\b", `\b`, "\t", `\t`, "\n", `\n`, "\f", `\f`, "\r", `\r`, "\x7f", `\u007F`}
	for c := range ' ' {
		if !strings.ContainsRune("\b\t\n\f\r", c) {
			table = append(table, string(c), fmt.Sprintf(`\u%04X`, c))
		}
	}
	return table
}

func escape(s string) string { return escapes.Replace(s) }

// escapeLines escapes for a basic string of several lines: line ends like those
// of the text, tabs, and quotes that don't look like the end stay.
func escapeLines(s, eol string) string {
	var b strings.Builder
	quotes := 0
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], eol) {
			b.WriteString(eol)
			i += len(eol) - 1
			quotes = 0
			continue
		}
		switch c := s[i : i+1]; {
		case c == "\t":
			b.WriteString(c)
			quotes = 0
		case c == basic && quotes < 2 && i < len(s)-1:
			b.WriteString(c)
			quotes++
		default:
			b.WriteString(escape(c))
			quotes = 0
		}
	}
	return b.String()
}
