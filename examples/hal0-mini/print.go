package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/hal0ai/hal0-go"
)

// printJSON prints v, indented.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (a *app) printf(format string, args ...any) { _, _ = fmt.Fprintf(a.stdout, format, args...) }

// table prints rows in columns, the first row being the heads.
func (a *app) table(rows [][]string) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			if row[i] == "" {
				row[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// A problem is one line of "errors" in JSON.
type problem struct {
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Column  int      `json:"column"`
	Path    string   `json:"path"`
	Message string   `json:"message"`
	Allowed []string `json:"allowed"`
	Code    string   `json:"code,omitempty"` // of a warning
}

// problemsOf lists what an error holds.
func problemsOf(err error) []problem {
	var all hal0.ValidationErrors
	if !errors.As(err, &all) {
		return []problem{{Message: err.Error(), Allowed: []string{}}}
	}
	return problemList(all)
}

func problemList(all hal0.ValidationErrors) []problem {
	list := make([]problem, len(all))
	for i, p := range all {
		allowed := p.Allowed
		if allowed == nil {
			allowed = []string{}
		}
		list[i] = problem{p.File, p.Line, p.Column, p.Path, p.Message, allowed, p.Code}
	}
	return list
}

// counted returns such as "2 slots".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// indented puts each line of text behind a margin.
func indented(margin, text string) string {
	return margin + strings.ReplaceAll(text, "\n", "\n"+margin)
}
