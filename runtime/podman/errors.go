package podman

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hal0ai/hal0-go/internal/redact"
	"github.com/hal0ai/hal0-go/runtime"
)

// An apiError is an answer of the service that is an error. Statuses differ
// between versions of podman for one and the same error; the texts hardly do.
type apiError struct {
	Cause   string `json:"cause"`
	Message string `json:"message"`
	status  int
}

func (e *apiError) Error() string {
	return fmt.Sprintf("podman: %s (HTTP %d)", cmp.Or(e.Message, e.Cause, http.StatusText(e.status)), e.status)
}

// A serviceError is a request that got no answer.
type serviceError struct {
	uri string
	err error
}

func (e *serviceError) Error() string {
	return fmt.Sprintf("podman service at %s: %v (is podman.socket started?)", e.uri, e.err)
}

func (e *serviceError) Unwrap() error { return e.err }

// Is makes a serviceError one of runtime.ErrUnavailable, also where it is the
// cause of a context.
func (e *serviceError) Is(target error) bool { return target == runtime.ErrUnavailable }

// A problem is an error of a known class.
type problem struct {
	class error
	err   error
}

func (e *problem) Error() string { return e.err.Error() }
func (e *problem) Unwrap() error { return e.err }

func problemf(class error, format string, args ...any) error {
	return &problem{class, fmt.Errorf(format, args...)}
}

// failed returns err as the runtime.Error of an operation on name, or nil. It is
// where credentials in addresses and references end.
func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &runtime.Error{Op: op, Name: redact.Text(name), Class: classOf(err), Err: redact.Error(err)}
}

// classOf returns the sentinel that err is of, or nil. An invalid spec says so
// itself.
func classOf(err error) error {
	var known *problem
	var answer *apiError
	switch {
	case errors.As(err, &known):
		return known.class
	case errors.As(err, &answer):
		return answer.class()
	case errors.Is(err, runtime.ErrUnavailable):
		return runtime.ErrUnavailable
	}
	return nil
}

// texts tells the class of an API error by what its message contains: every
// word of a row. The first row that fits counts.
var texts = []struct {
	class error
	words []string
}{
	{runtime.ErrPortInUse, []string{"address already in use"}},
	{runtime.ErrImageNotFound, []string{"image not known"}},
	{runtime.ErrImageNotFound, []string{"no such image"}},
	{runtime.ErrNotFound, []string{"no such container"}},
	{runtime.ErrForeign, []string{"name is already in use"}},
	{runtime.ErrCommand, []string{"OCI runtime attempted to invoke a command that was not found"}},
	{runtime.ErrCommand, []string{"exec:", "permission denied"}},
	{runtime.ErrCommand, []string{"exec:", "exec format error"}},
	{runtime.ErrDevice, []string{"not a device node"}},
	{runtime.ErrMount, []string{"statfs "}},
	{runtime.ErrDevice, []string{"stat /dev/", "no such file or directory"}},
	{runtime.ErrInvalidSpec, []string{"invalid reference format"}},
	{runtime.ErrInvalidSpec, []string{"repository name must be lowercase"}},
}

func (e *apiError) class() error {
	text := e.Message + " " + e.Cause
	for _, row := range texts {
		all := true
		for _, word := range row.words {
			all = all && strings.Contains(text, word)
		}
		if all {
			return row.class
		}
	}
	return nil
}

// isStatus reports whether err is an answer of that status.
func isStatus(err error, status int) bool {
	var answer *apiError
	return errors.As(err, &answer) && answer.status == status
}

// answered reports whether err is the service's answer, rather than the lack
// of one.
func answered(err error) bool {
	var answer *apiError
	return errors.As(err, &answer)
}

// ended returns ctx's error, or the serviceError that a deadline of ours gave
// as its cause; nil while ctx goes on.
func ended(ctx context.Context) error {
	var service *serviceError
	if errors.As(context.Cause(ctx), &service) {
		return service
	}
	return ctx.Err()
}

// unlessEnded returns ctx's error if ctx has ended, as that is why err came
// about, else err.
func unlessEnded(ctx context.Context, err error) error {
	if over := ended(ctx); over != nil {
		return over
	}
	return err
}
