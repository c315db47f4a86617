package web

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// watched opens a page and marks it: a page that is loaded again has no mark.
func (tb *tab) watched(path string) {
	tb.t.Helper()
	tb.open(path)
	tb.do(chromedp.Evaluate[chromedp.Void](`window.mark = true`))
}

// same fails the test if the page was loaded again since watched.
func (tb *tab) same() {
	tb.t.Helper()
	assert.True(tb.t, value[bool](tb, `window.mark === true`), "the page was loaded again")
}

// says waits for the page's content to have a text.
func (tb *tab) says(text string) {
	tb.t.Helper()
	tb.until(`document.querySelector('main').innerText.includes(` + quoted(text) + `)`)
}

func lamp(slot, state string) string {
	return `document.querySelector('[data-state-of=` + slot + `].state-` + state + `')?.textContent === '` + state + `'`
}

func statesAreLive(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	base := serve(t, b.config)
	pages := map[string]*tab{}
	for _, path := range []string{"/slots", "/slots/chat", "/profiles"} {
		pages[path] = browser.tab(t, base)
		pages[path].watched(path)
		pages[path].until(lamp("chat", "offline"))
	}
	b.up("chat")
	for _, tb := range pages {
		tb.until(lamp("chat", "ready"))
	}
	require.NoError(t, b.rt.Exit("hal0-slot-chat", 137))
	for _, tb := range pages {
		tb.until(lamp("chat", "error"))
		tb.until(`document.getElementById('said').textContent === 'chat is error'`)
	}
	pages["/slots"].says("the server exited with code 137 (SIGKILL, possibly for lack of memory)")
	pages["/slots/chat"].says("llama_model_load: 65 layers")
	require.NoError(t, b.Down(t.Context(), "chat"))
	for _, tb := range pages {
		tb.until(lamp("chat", "offline"))
		tb.same()
	}
	assert.False(t, value[bool](pages["/slots"], `document.querySelector('[data-reason-of=chat]').checkVisibility()`), "there is no reason any more")
}

// A box that is served below a path is live there.
func belowAPathIsLive(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	b.config.Path = "/hal0"
	tb := browser.tab(t, serve(t, b.config))
	tb.watched("/hal0/slots")
	tb.until(lamp("chat", "offline"))
	b.up("chat")
	tb.until(lamp("chat", "ready"))
	tb.same()
}

func whatIsOpenStaysOpen(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	tb := browser.tab(t, serve(t, b.config))
	tb.wide(820)
	tb.watched("/slots")
	tb.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#command-rerank').open = true; document.querySelector('#command-npu > summary').focus(); scrollTo(0, 150)`))
	b.edit("etc/hal0/slots/chat.toml", "context_size = 65536", "context_size = 4096")
	tb.until(`document.querySelector('#command-chat').textContent.includes('--ctx-size 4096')`)
	assert.Equal(t, "command-rerank", value[string](tb, `[...document.querySelectorAll('details[open]')].map((e) => e.id).join()`))
	assert.True(t, value[bool](tb, `document.activeElement === document.querySelector('#command-npu > summary')`), "the focus is where it was")
	assert.InDelta(t, 150, value[float64](tb, `scrollY`), 1)
	tb.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#slot-npu h2 a').focus()`))
	b.edit("etc/hal0/slots/chat.toml", "context_size = 4096", "context_size = 2048")
	tb.until(`document.querySelector('#command-chat').textContent.includes('--ctx-size 2048')`)
	assert.Equal(t, "npu", value[string](tb, `document.activeElement.textContent`))
	tb.same()
}

// What happens while a page is being renewed is not lost.
func renewedAgain(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	tb := browser.tab(t, serve(t, b.config))
	tb.watched("/slots")
	tb.until(lamp("chat", "offline"))
	tb.do(chromedp.Evaluate[chromedp.Void](`
		window.asked = 0;
		window.due = 0;
		const [realFetch, realTimeout] = [fetch, setTimeout];
		const gate = new Promise((open) => { window.open = open; });
		window.fetch = async (...args) => {
			const answer = await realFetch(...args);
			window.asked++;
			await gate;
			return answer;
		};
		window.setTimeout = (then, ms) => realTimeout(() => { then(); window.due++; }, ms);
	`))
	b.edit("etc/hal0/slots/chat.toml", "context_size = 65536", "context_size = 4096")
	tb.until(`asked === 1`)
	due := value[int](tb, `due`)
	b.edit("etc/hal0/slots/chat.toml", "context_size = 4096", "context_size = 2048")
	tb.until(`due > ` + strconv.Itoa(due))
	tb.do(chromedp.Evaluate[chromedp.Void](`window.open()`))
	tb.until(`document.querySelector('#command-chat').textContent.includes('--ctx-size 2048')`)
	tb.same()
}

// A page that says the same as before stays as it is.
func whatIsSameStays(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	tb := browser.tab(t, serve(t, b.config))
	tb.watched("/profiles")
	tb.until(lamp("chat", "offline"))
	tb.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('main').mark = document.body.dataset.view`))
	b.edit("etc/hal0/slots/chat.toml", "context_size = 65536", "context_size = 4096")
	tb.until(`document.body.dataset.view !== document.querySelector('main').mark`)
	assert.True(t, value[bool](tb, `document.querySelector('main').mark !== undefined`))
	tb.same()
}

func filesAreLive(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	base := serve(t, b.config)
	slots, box, gone := browser.tab(t, base), browser.tab(t, base), browser.tab(t, base)
	slots.watched("/slots")
	box.watched("/box")
	b.edit("etc/hal0/slots/chat.toml", `device = "gpu-rocm"`, `device = "cuda"`)
	slots.says("1 problem in this box’s files.")
	slots.says(`unknown device "cuda"`)
	box.says(`unknown device "cuda"`)
	b.edit("etc/hal0/slots/chat.toml", `device = "cuda"`, `device = "gpu-rocm"`)
	slots.until(`!document.querySelector('.banner-bad') && document.querySelector('#command-chat')`)
	box.says("No file has a problem.")
	b.write("etc/hal0/slots/more.toml", "port = 8099\ntype = \"tts\"\ndevice = \"cpu\"\nprofile = \"tts\"\n")
	slots.until(lamp("more", "offline"))
	gone.watched("/slots/more")
	gone.until(lamp("more", "offline"))
	require.NoError(t, os.Remove(b.dir+"/etc/hal0/slots/more.toml"))
	slots.until(`!document.querySelector('#slot-more')`)
	gone.until(`document.title === 'Not found · halo'`)
	gone.forgive("Failed to load resource: the server responded with a status of 404")
	for _, tb := range []*tab{slots, box, gone} {
		tb.same()
	}
}

// A container whose slot has no file is seen too, and so is one that differs from
// its plan.
func containersAreLive(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	b.up("chat")
	tb := browser.tab(t, serve(t, b.config))
	tb.watched("/slots")
	tb.until(lamp("chat", "ready"))
	drifts := `document.querySelector('[data-drift-of=tts]').checkVisibility()`
	assert.False(t, value[bool](tb, drifts))
	left := func(slot string) {
		b.rt.AddContainer(runtime.Container{Name: "hal0-slot-" + slot, State: runtime.StateExited, Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: slot}})
	}
	left("tts")
	require.NoError(t, b.rt.Exit("hal0-slot-chat", 0)) // so that the runtime is asked
	tb.until(drifts)
	left("ghost")
	require.NoError(t, b.Down(t.Context(), "chat"))
	tb.until(lamp("ghost", "error"))
	ghost := browser.tab(t, tb.base)
	assert.Equal(t, int64(200), ghost.open("/slots/ghost"))
	ghost.says("It has no file: only its container is there.")
	tb.same()
}

func profilesAreLive(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	tb := browser.tab(t, serve(t, b.config))
	tb.watched("/profiles")
	b.write("etc/hal0/profiles.toml", "[profile.rocm]\nimage = \"localhost/mine:v1\"\nflagz = \"-fa on\"\n")
	tb.says(`unknown key, did you mean "flags"?`)
	assert.Equal(t, 0, value[int](tb, `document.querySelectorAll('article').length`))
	b.write("etc/hal0/profiles.toml", "[profile.mine]\nimage = \"localhost/mine:v1\"\nflags = \"-fa on\"\nintent = \"My own\"\n")
	tb.says("My own")
	tb.same()
	tb.forgive("Failed to load resource: the server responded with a status of 500")
}

// errGone is what a runtime that is not there answers with.
var errGone = &runtime.Error{Op: "list", Err: errors.Join(runtime.ErrUnavailable, io.ErrUnexpectedEOF)}

func runtimeGoesAndComes(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	b.up("chat")
	base := serve(t, b.config)
	tb := browser.tab(t, base)
	tb.watched("/profiles")
	tb.until(lamp("chat", "ready"))
	b.rt.Intercept(func(context.Context, runtimetest.Call, func() error) error { return errGone })
	require.NoError(t, b.rt.Exit("hal0-slot-chat", 1)) // so that it is asked
	tb.says("States of slots are not known")
	assert.Equal(t, 0, value[int](tb, `document.querySelectorAll('main .state').length`), "a state that is not known is not told")
	b.rt.Intercept(nil)
	tb.until(lamp("chat", "error"))
	tb.until(`!document.getElementById('unknown')`)
	tb.same()
}

// A page outlives the server, and is as new as the next one.
func serverGoesAndComes(t *testing.T, browser chromium) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := listener.Addr().String()
	run := func(config Config, on net.Listener) (stop func()) {
		config.Hosts = HostsOf(on.Addr())
		s, err := New(config)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, on) }()
		return func() {
			cancel()
			assert.NoError(t, <-ended)
		}
	}
	stop := run(demoConfig(t, nil), listener)
	tb := browser.tab(t, "http://"+at)
	tb.watched("/profiles")
	stop()
	listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", at)
	require.NoError(t, err)
	defer run(demoConfig(t, map[string]string{"etc/hal0/profiles.toml": "[profile.mine]\nimage = \"localhost/mine:v1\"\nintent = \"Of the next server\"\n"}), listener)()
	tb.says("Of the next server")
	tb.same()
	tb.forgive("Failed to load resource: net::ERR_")
}

// A page that nobody sees holds no connection, and is as new as the box once
// somebody does.
func unseenPage(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	tb := browser.tab(t, serve(t, b.config))
	tb.watched("/slots")
	tb.until(lamp("chat", "offline"))
	tb.hide(true)
	b.edit("etc/hal0/slots/chat.toml", "context_size = 65536", "context_size = 4096")
	b.up("embed")
	tb.hide(false)
	tb.until(lamp("embed", "ready"))
	tb.until(`document.querySelector('#command-chat').textContent.includes('--ctx-size 4096')`)
	tb.same()
}

// hide makes the page take itself for unseen.
func (tb *tab) hide(hidden bool) {
	state := "visible"
	if hidden {
		state = "hidden"
	}
	tb.do(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, 'visibilityState', { value: '` + state + `', configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`))
}
