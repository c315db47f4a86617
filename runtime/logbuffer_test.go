package runtime_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// read returns the texts that a LogBuffer tells.
func read(t *testing.T, b *runtime.LogBuffer, opts runtime.LogOptions) (texts []string) {
	t.Helper()
	for l, err := range b.Lines(t.Context(), opts) {
		require.NoError(t, err)
		texts = append(texts, l.Text)
	}
	return texts
}

func TestLogBufferChooses(t *testing.T) {
	t.Parallel()
	var b runtime.LogBuffer
	assert.Empty(t, read(t, &b, runtime.LogOptions{}))
	for i := range 4 {
		require.True(t, b.Add(runtime.Line{Text: strconv.Itoa(i)}))
	}
	b.End()
	for name, tc := range map[string]struct {
		opts runtime.LogOptions
		want []string
	}{
		"all":          {want: []string{"0", "1", "2", "3"}},
		"follow":       {runtime.LogOptions{Follow: true}, []string{"0", "1", "2", "3"}},
		"tail":         {runtime.LogOptions{Tail: 3}, []string{"1", "2", "3"}},
		"long tail":    {runtime.LogOptions{Tail: 30}, []string{"0", "1", "2", "3"}},
		"since before": {runtime.LogOptions{Since: time.Now().Add(-time.Hour), Tail: 1}, []string{"3"}},
		"since after":  {runtime.LogOptions{Since: time.Now().Add(time.Hour), Tail: 2, Follow: true}, nil},
	} {
		assert.Equal(t, tc.want, read(t, &b, tc.opts), name)
	}
}

func TestLogBufferIsFollowed(t *testing.T) {
	t.Parallel()
	var b runtime.LogBuffer
	b.Add(runtime.Line{Text: "a"})
	seen := make(chan string)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for l, err := range b.Lines(t.Context(), runtime.LogOptions{Follow: true}) {
				assert.NoError(t, err)
				seen <- l.Text
			}
		})
	}
	for _, text := range []string{"a", "b", "c"} {
		assert.Equal(t, []string{text, text}, []string{<-seen, <-seen})
		b.Add(runtime.Line{Text: string(text[0] + 1)})
	}
	assert.Equal(t, []string{"d", "d"}, []string{<-seen, <-seen})
	b.End()
	readers.Wait()
}

func TestLogBufferEndsWithTheContext(t *testing.T) {
	t.Parallel()
	var b runtime.LogBuffer
	b.Add(runtime.Line{Text: "a"})
	b.Add(runtime.Line{Text: "b"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	for l, err := range b.Lines(ctx, runtime.LogOptions{Follow: true}) {
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			got = append(got, "ended")
			continue
		}
		got = append(got, l.Text)
		cancel()
	}
	assert.Equal(t, []string{"a", "ended"}, got)
	for range b.Lines(t.Context(), runtime.LogOptions{Follow: true}) {
		break
	}
}

// The oldest lines are dropped, also under a reader who has not seen them.
func TestLogBufferKeepsTheNewest(t *testing.T) {
	t.Parallel()
	var b runtime.LogBuffer
	text := func(i int) runtime.Line {
		return runtime.Line{Text: strconv.Itoa(i) + strings.Repeat("x", runtime.MaxLine-10)}
	}
	number := func(s string) string { return strings.TrimRight(s, "x") }
	b.Add(text(0))
	var seen []string
	for l, err := range b.Lines(t.Context(), runtime.LogOptions{Follow: true}) {
		require.NoError(t, err)
		if seen = append(seen, number(l.Text)); len(seen) == 1 {
			for i := range 200 {
				b.Add(text(i + 1))
			}
			b.End()
		}
	}
	const kept = 159 // of 64 KiB and 54 bytes in 10 MiB
	require.Len(t, seen, 1+kept)
	assert.Equal(t, []string{"0", "42"}, seen[:2])
	assert.Equal(t, "200", seen[kept])
	assert.Len(t, read(t, &b, runtime.LogOptions{}), kept)
}

func BenchmarkLogBufferAdd(b *testing.B) {
	var log runtime.LogBuffer
	line := runtime.Line{Text: strings.Repeat("x", 100)}
	b.ReportAllocs()
	for b.Loop() {
		log.Add(line)
	}
}
