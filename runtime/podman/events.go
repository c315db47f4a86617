package podman

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

var _ runtime.Watcher = (*Runtime)(nil)

const (
	// reconnectFirst and reconnectMax bound the pause before a stream of events is
	// opened again.
	reconnectFirst = 100 * time.Millisecond
	reconnectMax   = 5 * time.Second
	// overlap is how much of the past a stream begins with: podman's clock is this
	// host's, and its file of events has whole seconds in some versions.
	overlap = time.Second
	// maxEvent is the most bytes of one event: labels are in it.
	maxEvent = 1 << 20
)

// Events implements [runtime.Watcher] on podman's stream of events. Podman does
// not answer before something happens, so a stream is asked for what happened
// since just before EventSync, and an event may be up to a second older.
func (r *Runtime) Events(ctx context.Context) iter.Seq2[runtime.Event, error] {
	return func(yield func(runtime.Event, error) bool) {
		wait := reconnectFirst
		for {
			begun := time.Now()
			more, err := r.stream(ctx, begun, func(e runtime.Event) bool { return yield(e, nil) })
			switch {
			case !more:
				return
			case ctx.Err() != nil:
				yield(runtime.Event{}, ctx.Err())
				return
			}
			if !yield(runtime.Event{Kind: runtime.EventLost, Message: err.Error()}, nil) {
				return
			}
			if time.Since(begun) > reconnectMax {
				wait = reconnectFirst
			}
			if err := pause(ctx, wait); err != nil {
				yield(runtime.Event{}, err)
				return
			}
			wait = min(2*wait, reconnectMax)
		}
	}
}

// stream yields the events of one stream until it breaks, which is the error;
// more is false when the consumer has enough.
func (r *Runtime) stream(ctx context.Context, from time.Time, yield func(runtime.Event) bool) (more bool, err error) {
	if err := listening(ctx, r.socket); err != nil {
		return true, r.transportError(ctx, err)
	}
	if !yield(runtime.Event{Kind: runtime.EventSync, Time: from}) {
		return false, nil
	}
	filters, err := json.Marshal(map[string][]string{"type": {"container"}, "label": {runtime.LabelManaged + "=true"}})
	if err != nil {
		return true, err
	}
	query := url.Values{"stream": {yes}, "since": {from.Add(-overlap).UTC().Format(time.RFC3339Nano)}, "filters": {string(filters)}}
	resp, err := r.send(ctx, request{method: http.MethodGet, path: "/events", query: query})
	if err != nil {
		return true, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		e, known, err := parseEvent(lines.Bytes())
		switch {
		case err != nil:
			return true, err
		case known && !yield(e):
			return false, nil
		}
	}
	if err := lines.Err(); err != nil {
		return true, r.transportError(ctx, err)
	}
	return true, r.transportError(ctx, io.ErrUnexpectedEOF)
}

// event is one line of podman's stream. Podman 4 writes status and Action, later
// versions one of them.
type event struct {
	Action string
	Status string `json:"status"`
	Actor  struct {
		ID         string
		Attributes map[string]string
	}
	TimeNano int64 `json:"timeNano"`
	Cause    string
	Message  string
}

// eventKinds are podman's words.
var eventKinds = map[string]runtime.EventKind{
	"start": runtime.EventStart, "restart": runtime.EventStart,
	"died": runtime.EventExit, "die": runtime.EventExit,
	"remove": runtime.EventRemove,
}

// parseEvent reads one line of the stream; known is false for what nobody needs.
func parseEvent(line []byte) (e runtime.Event, known bool, err error) {
	var raw event
	if err := json.Unmarshal(line, &raw); err != nil {
		return e, false, fmt.Errorf("podman's events: %w", err)
	}
	if raw.Cause != "" || raw.Message != "" {
		return e, false, errors.New("podman's events: " + runtime.Printable(raw.Cause+" "+raw.Message))
	}
	word := raw.Action
	if word == "" {
		word = raw.Status
	}
	kind, known := eventKinds[word]
	e = runtime.Event{Kind: kind, Container: raw.Actor.ID, Name: raw.Actor.Attributes["name"]}
	if raw.TimeNano > 0 {
		e.Time = time.Unix(0, raw.TimeNano).UTC()
	}
	if kind == runtime.EventExit {
		e.ExitCode, _ = strconv.Atoi(raw.Actor.Attributes["containerExitCode"]) // 0 where podman does not tell
	}
	return e, known, nil
}
