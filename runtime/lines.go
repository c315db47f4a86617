package runtime

import (
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLine is the most bytes of one log line that a [Runtime] yields; the rest of a
// longer line is cut off and [Line.Truncated] set. 64 KiB is eight times the
// frame that podman splits lines into.
const MaxLine = 64 << 10

// A Line is one line of a container's output.
type Line struct {
	// Stderr tells the stream: false is standard output.
	Stderr bool `json:"stderr"`
	// Text is the line without its end, invalid UTF-8 replaced and control
	// characters other than tab removed, so that it is safe to print.
	Text string `json:"text"`
	// Truncated is set when the line was longer than MaxLine.
	Truncated bool `json:"truncated,omitempty"`
}

// A LineWriter cuts what a program writes into [Line]s as [Runtime.Logs] yields
// them, whatever the bytes are and however they come in pieces. It is for those
// who write a Runtime: one for each stream, used by one goroutine at a time. It
// holds no more than MaxLine bytes.
type LineWriter struct {
	// Stderr is [Line.Stderr] of every line.
	Stderr bool
	// Yield takes a line, and reports whether it wants more.
	Yield func(Line) bool

	text  []byte // of the line that has no end yet
	begun bool   // it has a byte
	cut   bool   // bytes beyond MaxLine were dropped
	left  bool   // Yield wants no more
}

// Write yields the lines that p completes. Once Yield wants no more, it returns
// [io.ErrClosedPipe].
func (w *LineWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && !w.left; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		room := MaxLine - len(w.text)
		w.begun, w.cut = true, w.cut || len(line) > room
		w.text = append(w.text, line[:min(len(line), room)]...)
		if ended {
			w.left = !w.Yield(w.take())
		}
		rest = after
	}
	if w.left {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// Close yields a last line that has no end. Like Write, it returns
// [io.ErrClosedPipe] once Yield wants no more.
func (w *LineWriter) Close() error {
	if w.begun && !w.left {
		w.left = !w.Yield(w.take())
	}
	if w.left {
		return io.ErrClosedPipe
	}
	return nil
}

// take returns the line and begins the next.
func (w *LineWriter) take() Line {
	text, cut := Printable(string(w.text)), w.cut
	if len(text) > MaxLine { // replacement characters are longer than what they replace
		end := MaxLine
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text, cut = text[:end], true
	}
	w.begun, w.cut, w.text = false, false, w.text[:0]
	return Line{Stderr: w.Stderr, Text: text, Truncated: cut}
}

// Printable returns s with invalid UTF-8 replaced and control characters other
// than tab removed, so that a terminal shows it and does not obey it: what
// programs and registries say is not to be trusted.
func Printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\t' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
