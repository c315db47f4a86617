package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// requireChromium makes tests that find no browser fail instead of skip.
const requireChromium = "HAL0_REQUIRE_CHROMIUM"

// A chromium is a browser without windows; each test has a tab of its own.
type chromium struct{ ctx context.Context }

func startChromium(t *testing.T) chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	switch {
	case err != nil && os.Getenv(requireChromium) != "":
		require.NoError(t, err)
	case err != nil:
		t.Skipf("pages are tested in chromium, which is not here: %v", err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox)
	allocated, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, closeBrowser := chromedp.NewContext(allocated)
	t.Cleanup(closeBrowser)
	require.NoError(t, chromedp.Do(ctx))
	return chromium{ctx}
}

// A tab is one page after the other, and what went wrong in them.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string // of the server

	mu       sync.Mutex
	problems []string
	requests []string // their addresses
}

// tab opens a tab for a server. What goes wrong in it fails the test.
func (c chromium) tab(t *testing.T, base string, features ...*emulation.MediaFeature) *tab {
	t.Helper()
	tb := &tab{t: t, base: base}
	ctx, end := chromedp.NewContext(c.ctx, chromedp.WithListener(tb.heard), chromedp.WithNewBrowserContext())
	t.Cleanup(func() {
		end()
		tb.mu.Lock()
		defer tb.mu.Unlock()
		assert.Empty(t, tb.problems, "in the browser's console")
	})
	tb.ctx = ctx
	require.NoError(t, chromedp.Do(ctx))
	// No step takes that long: it would wait for ever for what does not come.
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	tb.ctx = ctx
	tb.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
	return tb
}

// heard takes in what the browser tells.
func (tb *tab) heard(event any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	switch e := event.(type) {
	case *cdpruntime.EventConsoleAPICalled:
		tb.problems = append(tb.problems, fmt.Sprintf("console.%s", e.Type))
	case *cdpruntime.EventExceptionThrown:
		tb.problems = append(tb.problems, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			tb.problems = append(tb.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		tb.requests = append(tb.requests, e.Request.URL)
	}
}

func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	require.NoError(tb.t, chromedp.Do(tb.ctx, steps...))
}

// open goes to a page, and returns its status.
func (tb *tab) open(path string) int64 {
	tb.t.Helper()
	resp, err := chromedp.Run(tb.ctx, chromedp.NavigateResponse(tb.base+path))
	require.NoError(tb.t, err)
	if resp.Status >= 400 { // of which the browser complains
		tb.forgive(fmt.Sprintf("Failed to load resource: the server responded with a status of %d", resp.Status))
	}
	return resp.Status
}

// forgive forgets problems that begin with a text and that a test has made.
func (tb *tab) forgive(text string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.problems = slices.DeleteFunc(tb.problems, func(p string) bool { return strings.HasPrefix(p, text) })
}

// until waits for a JavaScript expression to be true.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	_, err := chromedp.Run(tb.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(30*time.Second)))
	if err != nil {
		text, _ := chromedp.Run(tb.ctx, chromedp.Evaluate[string](`document.querySelector("main").innerText`))
		require.NoError(tb.t, err, "%s; the page says:\n%s", expression, text)
	}
}

// value returns what a JavaScript expression gives.
func value[T any](tb *tab, expression string) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression))
	require.NoError(tb.t, err, expression)
	return v
}

// wide makes the page so many pixels wide.
func (tb *tab) wide(width int64) { tb.do(chromedp.EmulateViewport(width, 900)) }

// withoutScript opens further pages without running scripts.
func (tb *tab) withoutScript() {
	tb.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}

// hosts are those that the browser asked.
func (tb *tab) hosts() []string {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	var hosts []string
	for _, request := range tb.requests {
		u, err := url.Parse(request)
		require.NoError(tb.t, err)
		hosts = append(hosts, u.Host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// media is what a person asked their browser for.
func media(name, value string) *emulation.MediaFeature {
	return &emulation.MediaFeature{Name: name, Value: value}
}

// serve answers for a box until the test is over, and returns where.
func serve(t *testing.T, config Config) (base string) {
	t.Helper()
	return serveAs(t, config, func(*Server) {})
}

// serveAs is serve with a server that is changed first.
func serveAs(t *testing.T, config Config, change func(*Server)) (base string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	config.Hosts = HostsOf(listener.Addr())
	s, err := New(config)
	require.NoError(t, err)
	change(s)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	return "http://" + listener.Addr().String()
}

// quoted is text as a JavaScript literal.
func quoted(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}
