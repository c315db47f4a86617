package web

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// The pages in a browser.
func TestInChromium(t *testing.T) {
	browser := startChromium(t)
	for name, test := range map[string]func(*testing.T, chromium){
		"every page is well made":        everyPageIsWellMade,
		"filter":                         filterByClick,
		"details":                        detailsByKeyboard,
		"without script":                 withoutScript,
		"states are live":                statesAreLive,
		"what is open stays open":        whatIsOpenStaysOpen,
		"files are live":                 filesAreLive,
		"profiles are live":              profilesAreLive,
		"the runtime goes and comes":     runtimeGoesAndComes,
		"the server goes and comes":      serverGoesAndComes,
		"a page that nobody sees":        unseenPage,
		"motion is left out where asked": reducedMotion,
		"screenshots":                    takeScreenshots,
	} {
		t.Run(name, func(t *testing.T) { test(t, browser) })
	}
}

// faults is a JavaScript expression for what is wrong with a page: with its
// structure, its names for those who do not see it, and its width.
const faults = `(() => {
	const bad = [];
	const all = (s) => [...document.querySelectorAll(s)];
	const named = (e) => (e.getAttribute('aria-label') || e.textContent).trim() !== '';
	if (document.documentElement.lang !== 'en') bad.push('no language');
	if (!document.title.includes(' · ')) bad.push('no title');
	for (const one of ['h1', 'main', 'body > header', 'body > footer', 'header nav', 'header nav [aria-current=page]']) {
		if (all(one).length > 1 || (all(one).length === 0 && !one.includes('current'))) bad.push(all(one).length + ' times ' + one);
	}
	for (const e of all('nav')) if (!e.getAttribute('aria-label')) bad.push('a nav without a name');
	for (const e of all('a, summary, h1, h2, h3, th')) if (!named(e)) bad.push('an empty ' + e.outerHTML);
	for (const e of all('a:not([href])')) bad.push('a link to nowhere: ' + e.outerHTML);
	for (const e of all('svg')) {
		const drawn = e.getAttribute('role') === 'img' && e.getAttribute('aria-label') && e.querySelector('title');
		if (!drawn && e.getAttribute('aria-hidden') !== 'true') bad.push('a picture without a name: ' + e.outerHTML.slice(0, 80));
	}
	for (const e of all('table')) if (!e.querySelector('thead th[scope=col]')) bad.push('a table without heads');
	for (const e of all('[tabindex="0"]')) if (!e.getAttribute('role') || !e.getAttribute('aria-label')) bad.push('a stop without a name: ' + e.outerHTML.slice(0, 80));
	for (const e of all('[aria-labelledby]')) if (!document.getElementById(e.getAttribute('aria-labelledby'))) bad.push('a name that is not there');
	for (const e of all('details')) if (!e.id || e.firstElementChild.tagName !== 'SUMMARY') bad.push('details without id or summary');
	const ids = all('[id]').map((e) => e.id);
	if (new Set(ids).size !== ids.length) bad.push('an id twice: ' + ids.filter((id, i) => ids.indexOf(id) !== i));
	let level = 0;
	for (const e of all('h1, h2, h3')) {
		const next = Number(e.tagName[1]);
		if (next > level + 1) bad.push('a heading skipped before ' + e.textContent);
		level = next;
	}
	if (document.documentElement.scrollWidth > innerWidth) {
		const wide = all('main *').filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.tagName + '.' + e.className);
		bad.push('wider than the screen by ' + (document.documentElement.scrollWidth - innerWidth) + ': ' + wide.slice(0, 5));
	}
	return bad;
})()`

func everyPageIsWellMade(t *testing.T, browser chromium) {
	ok := []string{"/profiles", "/profiles?class=gpu", "/profiles/rocm-dnse", "/slots", "/slots/chat", "/box"}
	for name, tc := range map[string]struct {
		config Config
		pages  []string
		status int64
	}{
		"the sample box":        {demoConfig(t, nil), ok, 200},
		"broken slots":          {demoConfig(t, brokenSlots()), ok, 200},
		"broken profiles":       {demoConfig(t, brokenFiles), []string{"/profiles", "/profiles/rocm"}, 500},
		"the rest of that":      {demoConfig(t, brokenFiles), []string{"/slots", "/slots/chat", "/slots/rerank", "/box"}, 200},
		"what is not there":     {demoConfig(t, nil), []string{"/slots/nobody", "/nothing"}, 404},
		"memory of all kinds":   {demoConfig(t, nil), []string{"/box"}, 200},
		"slots of every state":  {newBusyBox(t).config, []string{"/profiles", "/slots", "/slots/embed", "/slots/rerank", "/slots/code", "/box"}, 200},
		"hostile names and all": {demoConfig(t, hostileFiles()), []string{"/profiles", "/slots", "/slots/chat", "/box"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			change := func(*Server) {}
			if name == "memory of all kinds" {
				change = withMemory(someMemory)
			}
			base := serveAs(t, tc.config, change)
			tb := browser.tab(t, base)
			for _, path := range tc.pages {
				for _, width := range []int64{360, 820, 1440, 2560} {
					tb.wide(width)
					assert.Equal(t, tc.status, tb.open(path), path)
					tb.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll('details').forEach((d) => { d.open = true; })`))
					assert.Empty(t, value[[]string](tb, faults), "%s at %d pixels", path, width)
				}
			}
			assert.Equal(t, []string{strings.TrimPrefix(base, "http://")}, tb.hosts(), "no other host is asked for anything")
		})
	}
}

// hostileFiles have values that are very long, and that want to be HTML.
func hostileFiles() map[string]string {
	text := strings.ReplaceAll(hostile, `"`, `\"`) + strings.Repeat("long", 100)
	return map[string]string{
		"etc/hal0/slots/chat.toml":  "port = 8081\nprofile = \"rocm\"\nrole = \"" + text + "\"\n[model]\ndefault = \"/srv/" + text + ".gguf\"\n[server.env]\nX = \"" + text + "\"\n",
		"etc/hal0/slots/embed.toml": "port = 8082\ndevice = \"" + text + "\"\n",
		"etc/hal0/profiles.toml":    "[profile.rocm]\nimage = \"localhost/p:v1\"\nbackend = \"rocm\"\nintent = \"" + text + "\"\nquant = \"" + text + "\"\nflags = '''--x " + strings.Repeat("long", 100) + "'''\n",
		"etc/hal0/hardware.json":    `{"hostname":"` + text + `","cpu_model":"` + text + `"}`,
	}
}

func filterByClick(t *testing.T, browser chromium) {
	tb := browser.tab(t, serve(t, demoConfig(t, nil)))
	tb.open("/profiles")
	assert.Equal(t, 7, value[int](tb, `document.querySelectorAll('article').length`))
	tb.do(chromedp.Click(chromedp.CSS(`.filters a[href="/profiles?class=npu"]`)), chromedp.WaitVisible(chromedp.CSS(`.filters a[href="/profiles?class=npu"][aria-current]`)))
	assert.Equal(t, "flm", value[string](tb, `[...document.querySelectorAll('article h2')].map((e) => e.textContent).join()`))
	assert.Equal(t, "1 profile shown", value[string](tb, `document.querySelector('[role=status].count').textContent`))
	tb.do(chromedp.Click(chromedp.CSS(`.filters a[href="/profiles"]`)), chromedp.WaitVisible(chromedp.CSS(`.filters a[href="/profiles"][aria-current]`)))
	assert.Equal(t, 7, value[int](tb, `document.querySelectorAll('article').length`))
}

// Who has no mouse gets everywhere too, and sees where they are.
func detailsByKeyboard(t *testing.T, browser chromium) {
	tb := browser.tab(t, serve(t, demoConfig(t, nil)))
	tb.open("/profiles")
	tb.do(chromedp.KeyEvent(kb.Tab))
	assert.Equal(t, "Skip to content", value[string](tb, `document.activeElement.textContent`))
	tb.until(`document.activeElement.getBoundingClientRect().top >= 0`)
	tb.do(chromedp.KeyEvent(kb.Enter))
	tb.until(`document.activeElement.id === 'main'`)
	for range 30 {
		if value[bool](tb, `document.activeElement.matches('#flags-rocm > summary')`) {
			break
		}
		tb.do(chromedp.KeyEvent(kb.Tab))
		assert.NotEqual(t, "none", value[string](tb, `getComputedStyle(document.activeElement).outlineStyle`), "the focus can be seen")
	}
	assert.False(t, value[bool](tb, `document.querySelector('#flags-rocm .tokens').checkVisibility()`))
	tb.do(chromedp.KeyEvent(kb.Enter))
	tb.until(`document.querySelector('#flags-rocm .tokens').checkVisibility()`)
	assert.Contains(t, value[string](tb, `document.querySelector('#flags-rocm').innerText`), "-ctk q8_0")
}

// Everything is there for browsers that run no script.
func withoutScript(t *testing.T, browser chromium) {
	base := serve(t, demoConfig(t, nil))
	with, without := browser.tab(t, base), browser.tab(t, base)
	without.withoutScript()
	for _, path := range []string{"/profiles", "/profiles?class=cpu", "/profiles/rocm", "/slots", "/slots/chat", "/box"} {
		with.open(path)
		without.open(path)
		text := `document.querySelector('main').innerText`
		assert.Equal(t, value[string](with, text), value[string](without, text), path)
	}
	without.open("/profiles")
	without.do(chromedp.Click(chromedp.CSS(`#flags-rocm > summary`)), chromedp.WaitVisible(chromedp.CSS(`#flags-rocm .tokens`)))
	without.do(chromedp.Click(chromedp.CSS(`.filters a[href="/profiles?class=img"]`)), chromedp.WaitVisible(chromedp.CSS(`#profile-comfyui`)))
	assert.Equal(t, "1 profile shown", value[string](without, `document.querySelector('.count').textContent`))
}

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

func filesAreLive(t *testing.T, browser chromium) {
	b := newLiveBox(t, nil)
	base := serve(t, b.config)
	slots, box := browser.tab(t, base), browser.tab(t, base)
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
	require.NoError(t, os.Remove(b.dir+"/etc/hal0/slots/more.toml"))
	slots.until(`!document.querySelector('#slot-more')`)
	slots.same()
	box.same()
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

func reducedMotion(t *testing.T, browser chromium) {
	base := serve(t, demoConfig(t, nil))
	moves := `(() => { const e = document.querySelector('[data-state-of=chat]'); e.className = 'state state-serving'; return getComputedStyle(e, '::before').animationName; })()`
	tb := browser.tab(t, base)
	tb.open("/slots")
	assert.Equal(t, "pulse", value[string](tb, moves))
	tb = browser.tab(t, base, media("prefers-reduced-motion", "reduce"))
	tb.open("/slots")
	assert.Equal(t, "none", value[string](tb, moves))
}
