// Package podman implements [runtime.Runtime] on podman's API service, over
// its unix socket. Podman 4.3 and later are served.
package podman

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containers/podman/v5/pkg/bindings"

	"github.com/hal0ai/hal0-go/internal/sharedpull"
	"github.com/hal0ai/hal0-go/runtime"
)

var _ runtime.Runtime = (*Runtime)(nil)

// A Runtime runs containers through one podman service. It connects when first
// used and whenever the service is back, so that a Runtime outlives its
// service. It holds no idle connections. It may be used concurrently; make it
// with [New].
type Runtime struct {
	uri     string
	socket  string
	options options

	conn       atomic.Pointer[bindings.Connection]
	connecting sync.WaitGroup
	names      names
	leaks      leaks
	pulls      sharedpull.Pulls
}

// An Option changes a [Runtime] at its making.
type Option func(*options)

type options struct{ timeout time.Duration }

// WithTimeout bounds how long one request to the service may take, the grace of
// a stop not counted; a service that does not answer in time is
// [runtime.ErrUnavailable]. Pulls and logs are bounded by their context alone.
// It must be above 0; the default is 30s. Raise it where SELinux relabels a
// large model store when a container starts.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// New returns a Runtime on the podman service at uri, such as
// "unix:///run/podman/podman.sock"; see [DefaultURI]. Only the socket that uri
// names is ever used, whatever the environment says. New does not connect.
func New(uri string, opts ...Option) (*Runtime, error) {
	o := options{timeout: 30 * time.Second}
	for _, opt := range opts {
		opt(&o)
	}
	if o.timeout <= 0 {
		return nil, fmt.Errorf("podman: timeout: found %v, want above 0", o.timeout)
	}
	socket, err := socketOf(uri)
	if err != nil {
		return nil, err
	}
	return &Runtime{uri: uri, socket: socket, options: o}, nil
}

func socketOf(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "unix" || u.Host != "" || u.Path == "/" || !path.IsAbs(u.Path) || uri != "unix://"+u.Path {
		return "", fmt.Errorf("podman: service address: found %q, want unix:// and the absolute path of a socket, such as unix:///run/podman/podman.sock", uri)
	}
	return u.Path, nil
}

// DefaultURI returns where podman's own service listens: the system's socket
// for root, the user's for others.
func DefaultURI() string {
	uid := os.Getuid()
	return defaultURI(uid, os.Getenv("XDG_RUNTIME_DIR"))
}

func defaultURI(uid int, runtimeDir string) string {
	switch {
	case uid == 0:
		return "unix:///run/podman/podman.sock"
	case !path.IsAbs(runtimeDir):
		runtimeDir = "/run/user/" + strconv.Itoa(uid)
	}
	return "unix://" + path.Join(runtimeDir, "podman", "podman.sock")
}

// Close returns once no goroutine of r is left; the Runtime is not used again.
// It always returns nil.
func (r *Runtime) Close() error {
	r.connecting.Wait()
	r.pulls.Wait()
	if conn := r.conn.Load(); conn != nil {
		conn.Client.CloseIdleConnections()
	}
	return nil
}
