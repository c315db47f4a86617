package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/hal0ai/hal0-go/manifest/bundle"
	"github.com/hal0ai/hal0-go/runtime"
)

// A meter shows how far a transfer is: as a bar on a terminal, else as a line for
// each thing that begins or ends. Its methods are called one at a time.
type meter struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil where there is no terminal
	blobs map[part]blob            // of the images that are fetched
	last  string                   // the line that was printed last
}

// A part is one of an image, and a blob how far it is.
type (
	part struct{ ref, digest string }
	blob struct{ done, total int64 }
)

// meter returns one that writes to standard error, or nowhere beside JSON.
func (a *app) meter() *meter {
	m := &meter{w: a.stderr, blobs: map[part]blob{}}
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

// bytes shows how much is there of the images that are fetched. What is left to
// fetch grows while the registries tell of more.
func (m *meter) bytes(s runtime.PullStep) {
	if s.Phase == runtime.PullResolving || s.Phase == runtime.PullDone {
		maps.DeleteFunc(m.blobs, func(p part, _ blob) bool { return p.ref == s.Ref })
	}
	if s.Blob != "" && s.Total > 0 {
		m.blobs[part{s.Ref, s.Blob}] = blob{s.Done, s.Total}
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
