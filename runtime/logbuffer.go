package runtime

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

// MaxLogBuffer is how many bytes a [LogBuffer] keeps, those of the text and 64
// for each line: as much as runtime/podman has podman keep of a container's log.
const MaxLogBuffer = 10 << 20

// A LogBuffer keeps the newest lines of a program in memory, up to
// [MaxLogBuffer], and tells them as [Runtime.Logs] does. It is for those who write
// a Runtime that gets the output of its programs itself:
//
//	var log runtime.LogBuffer
//	cmd.Stdout = &runtime.LineWriter{Yield: log.Add}
//
// Its zero value is ready. It may be used concurrently.
type LogBuffer struct {
	mu      sync.Mutex
	lines   []bufferedLine
	first   int           // how many lines were dropped
	size    int           // by which MaxLogBuffer goes
	changed chan struct{} // closed at the next line and at the end; nil when nobody waits
	ended   bool
}

type bufferedLine struct {
	Line
	at time.Time
}

func (l *bufferedLine) size() int { return 64 + len(l.Text) }

// Add keeps a line, written now. It always returns true: a LogBuffer wants every
// line.
func (b *LogBuffer) Add(l Line) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, bufferedLine{l, time.Now()})
	b.size += b.lines[len(b.lines)-1].size()
	for b.size > MaxLogBuffer {
		b.size -= b.lines[0].size()
		b.lines = b.lines[1:]
		b.first++
	}
	b.wake()
	return true
}

// End says that no line follows: the program has ended.
func (b *LogBuffer) End() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.wake()
}

func (b *LogBuffer) wake() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Lines yields what opts choose, as [Runtime.Logs] does; End is the container's
// exit. A reader who is slower than the program misses what is dropped
// meanwhile. The only error is ctx's, which comes last.
func (b *LogBuffer) Lines(ctx context.Context, opts LogOptions) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		next := b.begin(opts)
		for {
			var lines []bufferedLine
			var more <-chan struct{}
			lines, next, more = b.from(next)
			for _, l := range lines {
				if ctx.Err() != nil {
					break
				}
				if !yield(l.Line, nil) {
					return
				}
			}
			switch {
			case ctx.Err() != nil:
				yield(Line{}, ctx.Err())
				return
			case len(lines) > 0:
				continue
			case more == nil || !opts.Follow:
				return
			}
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
	}
}

// begin returns the number of the first line that opts choose.
func (b *LogBuffer) begin(opts LogOptions) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.lines, func(l bufferedLine) bool { return !l.at.Before(opts.Since) })
	if i < 0 {
		i = len(b.lines)
	}
	if opts.Tail > 0 {
		i = max(i, len(b.lines)-opts.Tail)
	}
	return b.first + i
}

// from returns the lines from number next on, and the number that follows. If
// there are none, more is closed when there is one, or nil when there will be
// none.
func (b *LogBuffer) from(next int) (lines []bufferedLine, after int, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	after = b.first + len(b.lines)
	if next < after {
		return slices.Clone(b.lines[max(next-b.first, 0):]), after, nil
	}
	if b.changed == nil && !b.ended {
		b.changed = make(chan struct{})
	}
	return nil, after, b.changed
}
