package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/runtime"
)

// following runs a command line until the test is over, and returns its lines.
func following(t *testing.T, args []string) (lines *bufio.Scanner, interrupt func() (code int)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // no test takes that long
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, in, io.Discard)
		_ = in.Close()
	}()
	t.Cleanup(func() { cancel(); _ = out.Close() })
	return bufio.NewScanner(out), func() int { cancel(); return <-code }
}

// A server that is killed is seen, with why, and when asked for it is started
// again.
func TestObserve(t *testing.T) {
	b := newPodmanBox(t)
	b.run(0, "up", "chat")
	kill := func() {
		_, err := service.Service(t).Podman("kill", "--signal", "KILL", "hal0-slot-chat")
		require.NoError(t, err)
	}
	lines, interrupt := following(t, b.args("observe", "--json"))
	next := func() (s seen) {
		require.True(t, lines.Scan())
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s), lines.Text())
		require.NotZero(t, s.Time)
		return s
	}
	for _, want := range []string{"chat ready", "embed offline", "rerank offline"} {
		s := next()
		assert.Equal(t, want, s.Slot+" "+string(s.State))
	}
	kill()
	s := next()
	assert.Equal(t, hal0.StateError, s.State)
	assert.Equal(t, &hal0.Exit{Code: 137, Signal: "SIGKILL", OOM: hal0.OOMPossible}, s.Exit)
	assert.NotEmpty(t, s.Logs)
	assert.Zero(t, interrupt())

	b.run(0, "up", "chat")
	lines, interrupt = following(t, b.args("observe", "--restart"))
	var screen []string
	until := func(part string) {
		for line := ""; !strings.Contains(line, part); screen = append(screen, line) {
			require.True(t, lines.Scan())
			line = lines.Text()
		}
	}
	until("rerank  offline")
	kill()
	until("restart 1 in 1s")
	until("chat  ready ")
	inReadme(t, "$ hal0-mini observe --restart\n"+calm(screen))
	assert.Zero(t, interrupt())
}

// calm is what observe has printed without what a server wrote last, and without
// the states that one may be too slow to see.
func calm(screen []string) string {
	var b strings.Builder
	for _, line := range screen {
		at, what, ok := strings.Cut(line, "  ")
		if _, err := time.Parse(time.TimeOnly, at); err != nil || !ok || strings.Contains(what, "starting") || strings.Contains(what, "warming") {
			continue
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func container(port int) *runtime.Container {
	return &runtime.Container{ID: "0123456789abcdef", State: runtime.StateRunning, Publish: []runtime.Port{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: port, ContainerPort: port}}}
}

// The runtime can go away, and that is no end.
func TestPrintSeen(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	chat := hal0.Status{Slot: "chat", State: hal0.StateError, Reason: "why"}
	for name, tc := range map[string]struct {
		json   bool
		status hal0.Status
		lost   error
		out    string
		errs   string
	}{
		"an end":       {false, hal0.Status{Slot: "chat", State: hal0.StateOffline}, nil, "04:05:06  chat  offline\n", ""},
		"why":          {false, chat, nil, "04:05:06  chat  error      why\n", ""},
		"given up":     {false, hal0.Status{Slot: "chat", State: hal0.StateError, Reason: "why", Restart: &hal0.Restart{Attempt: 5, GaveUp: true}}, nil, "04:05:06  chat  error      why; it is not restarted any more after 5 attempts\n", ""},
		"another":      {false, hal0.Status{Slot: "chat", State: hal0.StateReady, Container: container(8101)}, nil, "04:05:06  chat  ready      http://127.0.0.1:8101; it does not run the plan of the files that were read\n", ""},
		"lost":         {false, hal0.Status{}, io.ErrUnexpectedEOF, "", "04:05:06  unexpected EOF\n"},
		"as JSON":      {true, chat, nil, `{"time":"2026-02-03T04:05:06.000000007Z","slot":"chat","state":"error","reason":"why","current":false,"container":null}` + "\n", ""},
		"lost as JSON": {true, hal0.Status{}, io.ErrUnexpectedEOF, `{"time":"2026-02-03T04:05:06.000000007Z","error":"unexpected EOF"}` + "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs strings.Builder
			a := &app{stdout: &out, stderr: &errs, json: tc.json}
			var changes []hal0.Status
			if tc.lost == nil {
				changes = []hal0.Status{tc.status}
			}
			require.NoError(t, a.printSeen(at, changes, tc.lost))
			assert.Equal(t, tc.out, out.String())
			assert.Equal(t, tc.errs, errs.String())
		})
	}
}
