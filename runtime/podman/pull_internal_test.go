package podman

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func TestReadPull(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		line string
		want runtime.PullStep
	}{
		"begins":   {`{"status":"Pulling fs layer","id":"a"}`, runtime.PullStep{Phase: runtime.PullDownloading, Blob: "a", Message: "downloading a"}},
		"bytes":    {`{"status":"Downloading","progressDetail":{"current":300000,"total":1200000},"id":"a"}`, runtime.PullStep{Phase: runtime.PullDownloading, Blob: "a", Done: 300000, Total: 1200000, Message: "downloading a: 0.3 of 1.2 MB"}},
		"no sizes": {`{"status":"Downloading","progressDetail":{"current":-5,"total":-1},"id":"a"}`, runtime.PullStep{Phase: runtime.PullDownloading, Blob: "a", Message: "downloading a: 0.0 MB"}},
		"present":  {`{"status":"Already exists","id":"a"}`, runtime.PullStep{Phase: runtime.PullPresent, Blob: "a", Message: "a is present"}},
		"ends":     {`{"status":"Download complete","id":"b"}`, runtime.PullStep{Phase: runtime.PullDownloaded, Blob: "b", Done: 7, Total: 7, Message: "downloaded b"}},
		"unsafe":   {`{"status":"Pulling fs layer","id":"\u001b[2Ja\n"}`, runtime.PullStep{Phase: runtime.PullDownloading, Blob: "[2Ja", Message: "downloading [2Ja"}},
		"unknown":  {`{"status":"Thinking","id":"a"}`, runtime.PullStep{}},
		"libpod's": {`{"stream":"Copying blob sha256:1\n","id":"a"}`, runtime.PullStep{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var last runtime.PullStep
			stream := `{"status":"Downloading","progressDetail":{"current":1,"total":7},"id":"b"}` + "\n" + tc.line
			count := 0
			id, err := readPull(strings.NewReader(stream), func(s runtime.PullStep) { last = s; count++ })
			require.NoError(t, err)
			assert.NotEmpty(t, id)
			if tc.want == (runtime.PullStep{}) {
				assert.Equal(t, 1, count, "no step")
				return
			}
			assert.Equal(t, tc.want, last)
		})
	}
	_, err := readPull(strings.NewReader(strings.Repeat("x", maxPullLine+1)), nil)
	require.EqualError(t, err, "podman's report broke off: bufio.Scanner: token too long")
}

// Whatever podman writes, a pull that reads as one that worked ends with a line
// that names an image and is no error, and steps are safe to print.
func FuzzReadPull(f *testing.F) {
	f.Add(`{"status":"Downloading","progressDetail":{"current":1,"total":7},"id":"b"}` + "\n" + `{"status":"Download complete","id":"b"}`)
	f.Add(`{"error":"x"}` + "\n" + `{"id":"a"}`)
	f.Fuzz(func(t *testing.T, stream string) {
		id, err := readPull(strings.NewReader(stream), func(s runtime.PullStep) {
			assert.Equal(t, runtime.Printable(s.Message), s.Message)
			assert.NotEmpty(t, s.Phase)
			assert.GreaterOrEqual(t, s.Done, int64(0))
			assert.GreaterOrEqual(t, s.Total, int64(0))
		})
		assert.Equal(t, err != nil, id == "")
		if err != nil {
			assert.ErrorIs(t, classOf(err), runtime.ErrPull)
		}
	})
}

func BenchmarkReadPull(b *testing.B) {
	var stream strings.Builder
	for i := range int64(1000) {
		for _, blob := range []string{"dd1ea3e37b5b", "6eeee6a5add4", "cf6ec904d0c7"} {
			fmt.Fprintf(&stream, `{"status":"Downloading","progressDetail":{"current":%d,"total":1002087000},"progress":"[==============\u003e                                    ]  294.9kB/1.002MB","id":%q}`+"\n", i*1000000, blob)
		}
	}
	text := stream.String()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readPull(strings.NewReader(text), func(runtime.PullStep) {}); err != nil {
			b.Fatal(err)
		}
	}
}
