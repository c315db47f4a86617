package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/hal0ai/hal0-go/manifest/bundle"
	"github.com/hal0ai/hal0-go/runtime"
)

// A meter shows how far a transfer is: as a bar on a terminal, else as a line for
// each thing that begins or ends. Its methods are called from one goroutine.
type meter struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil where there is no terminal
	blobs map[string]blob          // of the image that is fetched
	last  string                   // the line that was printed last
}

// A blob is how far one part of an image is.
type blob struct{ done, total int64 }

// meter returns one that writes to standard error, or nowhere beside JSON.
func (a *app) meter() *meter {
	m := &meter{w: a.stderr, blobs: map[string]blob{}}
	if a.json {
		m.w = io.Discard
	}
	if f, ok := m.w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		m.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(f), progressbar.OptionShowBytes(true),
			progressbar.OptionShowTotalBytes(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return m
}

// pull shows a step of fetching an image.
func (m *meter) pull(s runtime.PullStep) {
	if s.Phase != runtime.PullDownloading || s.Done == 0 {
		m.line(s.Ref + "  " + s.Message)
	}
	m.bytes(s)
}

// bytes shows how much of an image is there. What is left to fetch grows while
// the registry tells of more.
func (m *meter) bytes(s runtime.PullStep) {
	if s.Phase == runtime.PullResolving || s.Phase == runtime.PullDone {
		clear(m.blobs)
	}
	if s.Blob != "" && s.Total > 0 {
		m.blobs[s.Blob] = blob{s.Done, s.Total}
	}
	var all blob
	for _, b := range m.blobs {
		all.done, all.total = all.done+b.done, all.total+b.total
	}
	m.show(all)
}

// bundle shows a step of saving or loading images.
func (m *meter) bundle(s bundle.Step) {
	line := string(s.Phase)
	if s.Ref != "" {
		line = s.Ref + "  " + line
	}
	m.line(line)
	m.show(blob{s.Done, s.Total})
}

// line prints a line unless it stands there already.
func (m *meter) line(text string) {
	if text == m.last {
		return
	}
	m.last = text
	m.clear()
	_, _ = fmt.Fprintln(m.w, text)
}

func (m *meter) show(b blob) {
	if m.bar != nil && b.total > 0 {
		m.bar.ChangeMax64(b.total)
		_ = m.bar.Set64(b.done) // only shown
	}
}

// clear takes the bar off the screen.
func (m *meter) clear() {
	if m.bar != nil {
		_ = m.bar.Clear() // only shown
	}
}
