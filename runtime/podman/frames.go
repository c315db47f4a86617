package podman

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"iter"

	"github.com/hal0ai/hal0-go/runtime"
)

var errFrame = errors.New("podman's log can't be read: a frame has neither stream 1 nor 2")

// readLines yields the lines of podman's log stream: frames of one stream each,
// with a header of the stream's number, three zero bytes and the length. A
// line may come in several frames, with those of the other stream between.
// The error, if any, comes last.
func readLines(stream io.Reader) iter.Seq2[runtime.Line, error] {
	return func(yield func(runtime.Line, error) bool) {
		line := func(l runtime.Line) bool { return yield(l, nil) }
		streams := [2]runtime.LineWriter{{Yield: line}, {Yield: line, Stderr: true}}
		chunk := make([]byte, 8<<10)
		err := eachFrame(bufio.NewReader(stream), func(number byte, frame io.Reader) error {
			_, err := io.CopyBuffer(&streams[number-1], frame, chunk)
			return err
		})
		for i := range streams {
			if errors.Is(err, io.ErrClosedPipe) || streams[i].Close() != nil {
				return // the loop over the lines was left
			}
		}
		if err != nil {
			yield(runtime.Line{}, err)
		}
	}
}

// eachFrame hands every frame to do until that fails.
func eachFrame(in io.Reader, do func(number byte, frame io.Reader) error) error {
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
		if err := do(header[0], io.LimitReader(in, length)); err != nil {
			return err
		}
	}
}
