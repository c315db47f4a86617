package web

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
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
		"below a path":                   belowAPathIsLive,
		"what is open stays open":        whatIsOpenStaysOpen,
		"files are live":                 filesAreLive,
		"containers are live":            containersAreLive,
		"what is the same stays":         whatIsSameStays,
		"nothing is lost":                renewedAgain,
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
	for (const e of all('article')) {
		const tops = [...e.children].map((c) => c.getBoundingClientRect());
		if (tops.some((c, i) => i > 0 && c.top < tops[i - 1].bottom - 1)) bad.push('parts of a card lie on each other: ' + e.innerText);
	}
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
		"profiles of no use":    {demoConfig(t, oddProfiles), []string{"/profiles", "/profiles/odd"}, 200},
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
