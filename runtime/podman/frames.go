package podman

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hal0ai/hal0-go/runtime"
)

var errFrame = errors.New("podman's log can't be read: a frame has neither stream 1 nor 2")

// readLines yields the lines of podman's log stream: frames of one stream each,
// with a header of the stream's number, three zero bytes and the length. A
// line may come in several frames, with those of the other stream between.
// The error, if any, comes last.
func readLines(stream io.Reader) iter.Seq2[runtime.Line, error] {
	return func(yield func(runtime.Line, error) bool) {
		in := bufio.NewReader(stream)
		var streams [2]partial
		streams[1].stderr = true
		err := eachFrame(in, func(number byte, frame io.Reader) (bool, error) {
			return streams[number-1].read(frame, yield)
		})
		if errors.Is(err, errLeft) {
			return
		}
		for i := range streams {
			if streams[i].begun && !yield(streams[i].take(), nil) {
				return
			}
		}
		if err != nil {
			yield(runtime.Line{}, err)
		}
	}
}

// errLeft ends the reading when the loop over the lines was left.
var errLeft = errors.New("left")

// eachFrame hands every frame to do until that says false.
func eachFrame(in io.Reader, do func(number byte, frame io.Reader) (bool, error)) error {
	var header [8]byte
	for {
		switch _, err := io.ReadFull(in, header[:]); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case header[0] != 1 && header[0] != 2:
			return errFrame
		}
		length := int64(binary.BigEndian.Uint32(header[4:]))
		more, err := do(header[0], io.LimitReader(in, length))
		switch {
		case err != nil:
			return err
		case !more:
			return errLeft
		}
	}
}

// A partial is the line of one stream that has no end yet.
type partial struct {
	stderr bool
	begun  bool
	cut    bool // bytes beyond runtime.MaxLine were dropped
	text   []byte
}

// read adds a frame and yields the lines that it completes.
func (p *partial) read(frame io.Reader, yield func(runtime.Line, error) bool) (bool, error) {
	chunk := make([]byte, 8<<10)
	for {
		n, err := frame.Read(chunk)
		if !p.add(chunk[:n], yield) {
			return false, nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return true, err
		}
	}
}

func (p *partial) add(data []byte, yield func(runtime.Line, error) bool) bool {
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte{'\n'})
		p.begun = true
		room := runtime.MaxLine - len(p.text)
		p.cut = p.cut || len(line) > room
		p.text = append(p.text, line[:min(len(line), room)]...)
		if ended && !yield(p.take(), nil) {
			return false
		}
		data = rest
	}
	return true
}

// take returns the line and begins the next.
func (p *partial) take() runtime.Line {
	text := printable(string(p.text))
	cut := p.cut
	if len(text) > runtime.MaxLine { // replacement characters are longer than what they replace
		end := runtime.MaxLine
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text, cut = text[:end], true
	}
	line := runtime.Line{Stderr: p.stderr, Text: text, Truncated: cut}
	p.begun, p.cut, p.text = false, false, p.text[:0]
	return line
}

// printable returns s with invalid UTF-8 replaced and control characters other
// than tab removed, so that a terminal shows it and does not obey it.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\t' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
