package podman

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func TestDefaultURI(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "unix:///run/podman/podman.sock", defaultURI(0, "/run/user/0"))
	assert.Equal(t, "unix:///x/podman/podman.sock", defaultURI(1000, "/x"))
	assert.Equal(t, "unix:///run/user/1000/podman/podman.sock", defaultURI(1000, ""))
	assert.Equal(t, "unix:///run/user/1000/podman/podman.sock", defaultURI(1000, "relative"))
}

func TestLeaks(t *testing.T) {
	t.Parallel()
	port := func(n int) runtime.Port {
		return runtime.Port{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: n, ContainerPort: 1}
	}
	var l leaks
	now := time.Unix(1000, 0)
	assert.Zero(t, l.until([]runtime.Port{port(1)}, now))
	l.remember([]runtime.Port{port(1)}, now)
	l.remember([]runtime.Port{port(2)}, now.Add(time.Second))
	assert.Equal(t, now.Add(130*time.Second), l.until([]runtime.Port{port(1)}, now))
	assert.Equal(t, now.Add(131*time.Second), l.until([]runtime.Port{port(1), port(2), port(3)}, now))
	assert.Zero(t, l.until([]runtime.Port{port(3)}, now))
	assert.Zero(t, l.until([]runtime.Port{port(1)}, now.Add(131*time.Second)))
	assert.Len(t, l.ports, 1, "what is over is forgotten")

	busy, free := split([]runtime.Port{port(1), port(11)}, "listen tcp4 127.0.0.1:11: bind: address already in use")
	assert.Equal(t, []runtime.Port{port(11)}, busy)
	assert.Equal(t, []runtime.Port{port(1)}, free)
	busy, free = split([]runtime.Port{port(1), port(11)}, "address already in use")
	assert.Len(t, busy, 2)
	assert.Empty(t, free)
}

func TestLimit(t *testing.T) {
	t.Parallel()
	assert.Equal(t, uint64(math.MaxUint64), limit(-1))
	assert.Equal(t, uint64(7), limit(7))
}

func TestStateOf(t *testing.T) {
	t.Parallel()
	for state, words := range map[runtime.State][]string{
		runtime.StateCreated:  {"created", "configured", "initialized"},
		runtime.StateRunning:  {"running"},
		runtime.StateStopping: {"stopping"},
		runtime.StateExited:   {"exited", "stopped"},
		runtime.StateUnknown:  {"paused", "removing", "unknown", ""},
	} {
		for _, word := range words {
			assert.Equal(t, state, stateOf(word), word)
		}
	}
}

// frame is one frame of a log.
func frame(stream byte, text string) string {
	header := make([]byte, 8)
	header[0] = stream
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	return string(header) + text
}

func collect(in io.Reader) (lines []runtime.Line, last error) {
	for line, err := range readLines(in) {
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func TestReadLines(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stream string
		lines  []runtime.Line
		err    string
	}{
		"nothing":    {},
		"lines":      {stream: frame(1, "a\n") + frame(2, "b\n") + frame(1, "\n"), lines: []runtime.Line{{Text: "a"}, {Stderr: true, Text: "b"}, {}}},
		"several":    {stream: frame(1, "a\nb\nc"), lines: []runtime.Line{{Text: "a"}, {Text: "b"}, {Text: "c"}}},
		"joined":     {stream: frame(1, "a") + frame(2, "x\n") + frame(1, "b") + frame(1, "") + frame(1, "\n"), lines: []runtime.Line{{Stderr: true, Text: "x"}, {Text: "ab"}}},
		"split rune": {stream: frame(1, "\xe2\x82") + frame(1, "\xac\n"), lines: []runtime.Line{{Text: "€"}}},
		"bad stream": {stream: frame(1, "a") + frame(3, "b"), lines: []runtime.Line{{Text: "a"}}, err: "podman's log can't be read: a frame has neither stream 1 nor 2"},
		"cut header": {stream: frame(1, "a\n") + "\x01\x00", lines: []runtime.Line{{Text: "a"}}, err: "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, in := range []io.Reader{strings.NewReader(tc.stream), iotest.HalfReader(strings.NewReader(tc.stream))} {
				lines, err := collect(in)
				assert.Equal(t, tc.lines, lines)
				if tc.err == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, tc.err)
				}
			}
		})
	}
}

func FuzzReadLines(f *testing.F) {
	f.Add([]byte(frame(1, "a\nb") + frame(2, "\xff\n")))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xffx"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		lines, _ := collect(bytes.NewReader(stream))
		for _, line := range lines {
			assert.LessOrEqual(t, len(line.Text), runtime.MaxLine)
			assert.Equal(t, runtime.Printable(line.Text), line.Text, "what is printable stays as it is")
			assert.NotContains(t, line.Text, "\n")
		}
	})
}
