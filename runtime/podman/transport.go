package podman

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/containers/podman/v5/pkg/bindings"

	"github.com/hal0ai/hal0-go/runtime"
)

// apiBase is the host, which a unix socket ignores, and the version of the API
// that every podman since 4.0 answers in one shape. dockerBase is the same for
// the API that podman shares with Docker.
const (
	apiBase    = "http://podman/v4.0.0/libpod"
	dockerBase = "http://podman/v1.40"
)

// maxAnswer bounds a whole answer; a list of a thousand containers is 1 MB.
const maxAnswer = 64 << 20

// yes is true in a query.
const yes = "true"

// A request is one request to the service.
type request struct {
	method string
	docker bool   // below dockerBase
	path   string // below apiBase, each value in it escaped
	query  url.Values
	body   any           // sent as JSON unless nil
	tar    io.Reader     // sent as it is unless nil
	extra  time.Duration // what it may take beyond the Runtime's timeout
}

// call sends a short request, bounded by the Runtime's timeout, and decodes
// its JSON answer into out unless that is nil.
func (r *Runtime) call(ctx context.Context, q request, out any) error {
	short, cancel := r.within(ctx, r.options.timeout+q.extra)
	defer cancel()
	resp, err := r.send(short, q)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return r.transportError(short, err)
	case len(data) > maxAnswer:
		return fmt.Errorf("podman's answer to %s %s is larger than %d bytes", q.method, q.path, maxAnswer)
	case out == nil || len(data) == 0:
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("podman's answer to %s %s: %w", q.method, q.path, err)
	}
	return nil
}

// send sends one request, once, and returns the answer, whose body the caller
// closes. An answer of 400 and above is an [apiError]. It is the only place
// that talks to the service, and does not use the bindings' DoRequest, which
// sends again what may have been carried out.
func (r *Runtime) send(ctx context.Context, q request) (*http.Response, error) {
	conn, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	req, err := newRequest(ctx, q)
	if err != nil {
		return nil, err
	}
	resp, err := conn.Client.Do(req)
	if err != nil {
		return nil, r.transportError(ctx, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer func() { _ = resp.Body.Close() }()
		return nil, r.readError(ctx, resp)
	}
	return resp, nil
}

func newRequest(ctx context.Context, q request) (*http.Request, error) {
	body, kind := q.tar, "application/x-tar"
	if q.tar == nil {
		kind = "application/json"
	}
	if q.body != nil {
		data, err := json.Marshal(q.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	base := apiBase
	if q.docker {
		base = dockerBase
	}
	req, err := http.NewRequestWithContext(ctx, q.method, base+q.path+"?"+q.query.Encode(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	// A kept connection may be one that the service has closed: net/http would
	// find out by sending a request that it then can't repeat.
	req.Close = true
	return req, nil
}

// connect returns the connection, made by the first call that finds a service.
// It dials first, as the bindings take 0.6 s to say that nobody listens, and
// leaves them behind when ctx ends, as they take as long to notice.
func (r *Runtime) connect(ctx context.Context) (*bindings.Connection, error) {
	if conn := r.conn.Load(); conn != nil {
		return conn, nil
	}
	limited, cancel := r.within(ctx, r.options.timeout)
	defer cancel()
	if err := listening(limited, r.socket); err != nil {
		return nil, r.transportError(limited, err)
	}
	made := make(chan error, 1)
	attempt, stop := outlive(limited, dialing)
	r.connecting.Go(func() {
		defer stop()
		made <- r.newConnection(attempt)
	})
	select {
	case <-limited.Done():
		return nil, ended(limited)
	case err := <-made:
		if err != nil {
			return nil, r.transportError(limited, err)
		}
		return r.conn.Load(), nil
	}
}

// dialing is how long a dial of the socket may go on after its caller has left. One
// takes microseconds where somebody listens. When a request ends in the middle of
// its dial, net/http keeps the connection for the next one, and in the bindings'
// client, which is out of reach once they have failed, that is for ever.
const dialing = 500 * time.Millisecond

// within returns a context that ends after d with what that says of the
// service.
func (r *Runtime) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, &serviceError{r.uri, fmt.Errorf("no answer within %v", d)})
}

func listening(ctx context.Context, socket string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	return conn.Close()
}

// newConnection asks the service for its version and keeps the connection.
func (r *Runtime) newConnection(ctx context.Context) error {
	ctx, err := bindings.NewConnection(ctx, r.uri)
	if err != nil {
		return err
	}
	conn, err := bindings.GetClient(ctx)
	if err == nil {
		r.conn.Store(conn)
	}
	return err
}

// transportError returns why there is no answer: the caller's context, the
// deadline of the call, or the service.
func (r *Runtime) transportError(ctx context.Context, err error) error {
	if over := ended(ctx); over != nil {
		return over
	}
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	return &serviceError{r.uri, err}
}

// maxErrorBody bounds what is read of an answer that is an error.
const maxErrorBody = 64 << 10

// readError decodes an answer that is an error. Podman's own are JSON; those of
// a proxy or of its router are text.
func (r *Runtime) readError(ctx context.Context, resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return r.transportError(ctx, err)
	}
	e := &apiError{status: resp.StatusCode}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" || json.Unmarshal(data, e) != nil || e.Message == "" {
		e.Message = runtime.Printable(strings.TrimSpace(string(data)))
	}
	return e
}
