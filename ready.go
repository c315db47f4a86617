package hal0

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
)

const (
	// probeEvery is the pause between two probes, and between two looks at the
	// container: an exit is seen within it.
	probeEvery = 200 * time.Millisecond
	// probeWithin bounds one answer to a GET, generateWithin one to a POST, which
	// may have to load a model first: a port can accept and never answer.
	probeWithin    = 5 * time.Second
	generateWithin = 60 * time.Second
	// idleAfter is how many probes in a row have to list no model: 2 seconds.
	idleAfter = 10
	// maxAnswer is the most of an answer that is read, in bytes.
	maxAnswer = 1 << 20
)

// A prober asks the server at one port, over one connection as long as the server
// keeps it.
type prober struct {
	client *http.Client
	base   string
}

// probeBuffer is how many bytes of a request or an answer go at a time: most are
// smaller, and a box may have a hundred servers to ask at once.
const probeBuffer = 1 << 10

// newProber returns a prober for a server on this host: through no proxy, following
// no redirect. It is closed after use.
func newProber(at runtime.Port) prober {
	return prober{
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: (&net.Dialer{}).DialContext, DisableCompression: true,
				WriteBufferSize: probeBuffer, ReadBufferSize: probeBuffer,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base: "http://" + net.JoinHostPort(reachable(at.HostIP).String(), strconv.Itoa(at.HostPort)),
	}
}

func (p prober) close() { p.client.CloseIdleConnections() }

// probe returns nil when every check passes, else what the first that does not
// said.
func (p prober) probe(ctx context.Context, checks provider.Probe) error {
	for _, c := range checks {
		if err := p.check(ctx, c); err != nil {
			return fmt.Errorf("%s %s %w", c.Method, c.Path, err)
		}
	}
	return nil
}

// probe is [prober.probe] of a server that is asked once.
func probe(ctx context.Context, checks provider.Probe, at runtime.Port) error {
	p := newProber(at)
	defer p.close()
	return p.probe(ctx, checks)
}

// reachable returns an address to ask a server that listens on ip.
func reachable(ip netip.Addr) netip.Addr {
	if ip.IsUnspecified() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return ip
}

func (p prober) check(ctx context.Context, c provider.Check) error {
	within := probeWithin
	if c.Method == http.MethodPost {
		within = generateWithin
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%w within %s", errNoAnswer, within))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.Method, p.base+c.Path, strings.NewReader(c.Body))
	if err != nil {
		return err
	}
	if c.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return unanswered(ctx, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unanswered(ctx, err)
	}
	return c.Pass(resp.StatusCode, body)
}

var errNoAnswer = errors.New("gets no answer")

// unanswered puts a request without an answer into words.
func unanswered(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errNoAnswer):
		return cause
	case cause != nil: // there was no time for one
		return errNoAnswer
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return errors.New("is refused: nothing listens yet")
	}
	return fmt.Errorf("fails: %w", err)
}

// errExited ends a wait because of what the container did.
var errExited = errors.New("container exited")

// stateOf is the state of a slot whose container runs, by what the probe said.
func stateOf(probed error) State {
	switch {
	case probed == nil:
		return StateReady
	case errors.Is(probed, provider.ErrNoModel):
		return StateIdle
	}
	return StateWarming
}

// ready waits until the server of container c answers its probe, or the
// container ends, or the time for it is over. The state is StateReady, or StateIdle
// for a server that goes on listing no model.
func (u *up) ready(ctx context.Context, c runtime.Container) (State, error) {
	late := fmt.Errorf("not ready within %s", u.call.ready)
	waiting, cancel := context.WithTimeoutCause(ctx, u.call.ready, late)
	defer cancel()
	waiting, exit := context.WithCancelCause(waiting)
	watched := make(chan runtime.Container, 1)
	go func() { watched <- u.watch(waiting, c, exit) }()

	last := u.probeUntil(waiting)
	exit(nil)
	end := <-watched
	switch {
	case ctx.Err() != nil && last != nil:
		return "", context.Cause(ctx)
	case stateOf(last) != StateWarming:
		return stateOf(last), nil
	case errors.Is(context.Cause(waiting), errExited):
		return "", u.failed(ctx, &StartError{Slot: u.plan.Slot, Exited: true, ExitCode: end.ExitCode, OOMKilled: end.OOMKilled})
	}
	return "", u.failed(ctx, &StartError{Slot: u.plan.Slot, Reason: fmt.Sprintf("%v; the last probe: %v", context.Cause(waiting), last)})
}

// probeUntil probes until it passes or ctx ends, and returns what the last
// probe said. It also ends when the server has listed no model idleAfter times in
// a row: some list what they have only a moment after they listen.
func (u *up) probeUntil(ctx context.Context) error {
	pause := time.NewTicker(probeEvery)
	defer pause.Stop()
	var last error
	for idle := 0; ; {
		err := probe(ctx, u.plan.Probe, u.plan.Spec.Publish[0])
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if idle++; stateOf(err) != StateIdle {
			idle = 0
		}
		if idle == idleAfter {
			return err
		}
		select {
		case <-ctx.Done():
			return last
		case <-pause.C:
		}
	}
}

// watch looks at the container until ctx ends, and calls exit when it no longer
// runs. A runtime that does not answer for a moment is asked again.
func (u *up) watch(ctx context.Context, c runtime.Container, exit context.CancelCauseFunc) runtime.Container {
	pause := time.NewTicker(probeEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return c
		case <-pause.C:
		}
		now, err := u.rt.Inspect(ctx, c.Name)
		switch {
		case errors.Is(err, runtime.ErrNotFound), err == nil && now.ID != c.ID:
			exit(fmt.Errorf("%w: it was removed or replaced by someone else", errExited))
			return c
		case err == nil && now.State == runtime.StateExited:
			exit(errExited)
			return now
		}
	}
}

// failed adds the last log lines to a failure.
func (u *up) failed(ctx context.Context, e *StartError) error {
	e.Logs = tail(context.WithoutCancel(ctx), u.rt, u.plan.Spec.Name)
	return e
}
