package remote

import (
	"context"
	"errors"
	"io"
	"strconv"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

const (
	// firstPause is the pause before a registry that is busy is asked again. It
	// doubles up to lastPause: a registry is asked five times.
	firstPause = time.Second
	lastPause  = 8 * time.Second
	// maxRetryAfter bounds what a registry may say that the pause should be.
	maxRetryAfter = time.Minute
)

// A refusal is an answer that is an error.
type refusal struct {
	after string // its Retry-After header
	err   error
}

func (e *refusal) Error() string { return e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

// isTemporary reports whether to ask again: the registry is busy, limits its
// rate, or the connection broke.
func isTemporary(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.Temporary()
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// retryAfter returns the pause that a registry asks for, 0 if it does not.
func retryAfter(err error) time.Duration {
	var r *refusal
	if !errors.As(err, &r) {
		return 0
	}
	seconds, err := strconv.ParseUint(r.after, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
