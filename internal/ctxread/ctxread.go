// Package ctxread lets the reading of a stream end with a context, also while a
// Read is under way that nobody answers: of a pipe, of a terminal.
package ctxread

import (
	"context"
	"errors"
	"io"
)

// Open returns a body that reads r until ctx ends; then it returns ctx's error.
// done is called when the body is not needed any more, and returns why r could
// not be read, nil when ctx ended. A Read of r that was under way when ctx ended
// may go on.
func Open(ctx context.Context, r io.Reader) (body io.ReadCloser, done func() error) {
	out, in := io.Pipe()
	ended := context.AfterFunc(ctx, func() { _ = in.CloseWithError(ctx.Err()) })
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(in, reader{ctx, r})
		_ = in.CloseWithError(err)
		copied <- err
	}()
	return out, func() error {
		ended()
		_ = out.Close()
		select {
		case <-ctx.Done():
			return nil
		case err := <-copied:
			if ctx.Err() != nil || errors.Is(err, io.ErrClosedPipe) { // which is ours
				return nil
			}
			return err
		}
	}
}

// A reader begins no Read after its context has ended.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
