package runtime_test

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func TestReadOutput(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", runtime.MaxOutput-1)
	for name, tc := range map[string]struct {
		lines []runtime.Line
		want  runtime.Output
	}{
		"nothing":           {nil, runtime.Output{}},
		"both streams":      {[]runtime.Line{{Text: "a"}, {Text: "e", Stderr: true}, {}, {Text: "b"}}, runtime.Output{Stdout: "a\n\nb", Stderr: "e"}},
		"an empty last one": {[]runtime.Line{{Text: "a"}, {}}, runtime.Output{Stdout: "a\n"}},
		"a line that is cut": {[]runtime.Line{{Text: "a", Truncated: true}, {Text: "b"}},
			runtime.Output{Stdout: "a\nb", Truncated: true}},
		"as much as it takes":    {[]runtime.Line{{Text: long}}, runtime.Output{Stdout: long}},
		"more than it takes":     {[]runtime.Line{{Text: long + "x"}, {Text: "b"}}, runtime.Output{Truncated: true}},
		"more on another stream": {[]runtime.Line{{Text: long}, {Text: "", Stderr: true}}, runtime.Output{Stdout: long, Truncated: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := runtime.ReadOutput(yields(tc.lines, nil))
			require.NoError(t, err)
			if out != tc.want { // which are too long to print
				t.Errorf("found %d and %d bytes, truncated %t", len(out.Stdout), len(out.Stderr), out.Truncated)
			}
		})
	}
	gone := errors.New("gone")
	_, err := runtime.ReadOutput(yields([]runtime.Line{{Text: "a"}}, gone))
	require.ErrorIs(t, err, gone)
}

// yields is a sequence of lines, and then the error unless it is nil.
func yields(all []runtime.Line, err error) iter.Seq2[runtime.Line, error] {
	return func(yield func(runtime.Line, error) bool) {
		for _, l := range all {
			if !yield(l, nil) {
				return
			}
		}
		if err != nil {
			yield(runtime.Line{}, err)
		}
	}
}
