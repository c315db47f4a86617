package runtime_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// lines cuts what comes out of in.
func lines(t *testing.T, in io.Reader) (all []runtime.Line) {
	t.Helper()
	w := runtime.LineWriter{Stderr: true, Yield: func(l runtime.Line) bool { all = append(all, l); return true }}
	_, err := io.Copy(struct{ io.Writer }{&w}, in)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return all
}

func TestLineWriter(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x", runtime.MaxLine)
	for name, tc := range map[string]struct {
		text string
		want []runtime.Line
	}{
		"nothing":      {},
		"lines":        {text: "a\n\nb\n", want: []runtime.Line{{Text: "a"}, {}, {Text: "b"}}},
		"no end":       {text: "a\nb", want: []runtime.Line{{Text: "a"}, {Text: "b"}}},
		"sanitised":    {text: "\x1b[1m\x00a\tb\r\u009b\x7f\xff\n", want: []runtime.Line{{Text: "[1ma\tb\uFFFD"}}},
		"exactly full": {text: full + "\n", want: []runtime.Line{{Text: full}}},
		"too long":     {text: full + "y\nz\n", want: []runtime.Line{{Text: full, Truncated: true}, {Text: "z"}}},
		"grows":        {text: strings.Repeat("\xff€", runtime.MaxLine/4) + "\n", want: []runtime.Line{{Text: strings.Repeat("\uFFFD€", runtime.MaxLine/6) + "\uFFFD", Truncated: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range tc.want {
				tc.want[i].Stderr = true
			}
			assert.Equal(t, tc.want, lines(t, strings.NewReader(tc.text)))
			assert.Equal(t, tc.want, lines(t, iotest.HalfReader(strings.NewReader(tc.text))))
		})
	}
}

func TestLineWriterIsLeft(t *testing.T) {
	t.Parallel()
	var got []string
	w := runtime.LineWriter{Yield: func(l runtime.Line) bool {
		got = append(got, l.Text)
		return len(got) < 2
	}}
	n, err := w.Write([]byte("a\nb"))
	require.NoError(t, err)
	assert.Equal(t, 3, n)
	_, err = w.Write([]byte("c\nd\n"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = w.Write([]byte("e\n"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.ErrorIs(t, w.Close(), io.ErrClosedPipe)
	assert.Equal(t, []string{"a", "bc"}, got)
}

// However the bytes come in pieces, the lines are the same, and safe.
func FuzzLineWriter(f *testing.F) {
	f.Add([]byte("a\nb\xff\x1b\n\nc"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, piece uint8) {
		whole := lines(t, bytes.NewReader(text))
		var cut []runtime.Line
		w := runtime.LineWriter{Stderr: true, Yield: func(l runtime.Line) bool { cut = append(cut, l); return true }}
		for part := range slices.Chunk(text, int(piece)+1) {
			_, err := w.Write(part)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		require.Equal(t, whole, cut)
		for _, l := range whole {
			assert.LessOrEqual(t, len(l.Text), runtime.MaxLine)
			assert.Equal(t, runtime.Printable(l.Text), l.Text, "what is printable stays as it is")
			assert.NotContains(t, l.Text, "\n")
		}
	})
}

func TestCarries(t *testing.T) {
	t.Parallel()
	c := runtime.Container{Labels: map[string]string{"a": "1", "b": ""}}
	for name, tc := range map[string]struct {
		labels map[string]string
		want   bool
	}{
		"none":          {nil, true},
		"one":           {map[string]string{"a": "1"}, true},
		"all":           {map[string]string{"a": "1", "b": ""}, true},
		"another value": {map[string]string{"a": "2"}, false},
		"absent":        {map[string]string{"c": ""}, false},
	} {
		assert.Equal(t, tc.want, c.Carries(tc.labels), name)
	}
}
