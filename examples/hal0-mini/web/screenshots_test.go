package web

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// screenshotsDir names a directory that pictures of all pages are put into.
const screenshotsDir = "HAL0_SCREENSHOTS"

// busyFiles are a box that wants more memory than it has.
var busyFiles = map[string]string{
	"etc/hal0/slots/code.toml":  "port = 8086\ndevice = \"gpu-rocm\"\nprofile = \"rocm-moe\"\n[model]\ndefault = \"glm-4.6-reap-268b\"\ncontext_size = 131072\n[server]\nextra_args = \"--cache-reuse 256\"\n[server.env]\nHSA_OVERRIDE_GFX_VERSION = \"11.5.1\"\nHF_TOKEN = \"hf_not_to_be_seen\"\n",
	"etc/hal0/slots/draft.toml": "port = 8087\nenabled = false\ndevice = \"gpu-vulkan\"\nprofile = \"vulkan\"\n[model]\ndefault = \"qwen3-embedding-0.6b\"\n",
	"var/lib/hal0/registry/registry.toml": `[models."qwen3.6-27b-mtp"]
path = "/mnt/ai-models/qwen3.6-27b-mtp/model-q4_k_m.gguf"
size_bytes = 17_400_000_000
[models."qwen3-embedding-0.6b"]
path = "/mnt/ai-models/qwen3-embedding-0.6b/model-q8_0.gguf"
size_bytes = 639_000_000
[models."qwen3-reranker-0.6b"]
path = "/mnt/ai-models/qwen3-reranker-0.6b/model-q8_0.gguf"
size_bytes = 639_000_000
[models."glm-4.6-reap-268b"]
path = "/mnt/ai-models/glm-4.6-reap-268b/model-q4_k_m-00001-of-00004.gguf"
size_bytes = 131_000_000_000
`,
}

// newBusyBox has slots in every kind of state.
func newBusyBox(t *testing.T) *liveBox {
	b := newLiveBox(t, busyFiles)
	b.up("chat")
	b.up("embed")
	b.up("rerank")
	require.NoError(t, b.rt.Exit("hal0-slot-embed", 137))
	b.edit("etc/hal0/slots/rerank.toml", "context_size = 8192", "context_size = 4096")
	return b
}

// takeScreenshots puts pictures of pages into a directory, for people to look at.
func takeScreenshots(t *testing.T, browser chromium) {
	dir := os.Getenv(screenshotsDir)
	if dir == "" {
		t.Skipf("%s names no directory to put them into", screenshotsDir)
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, shown := range map[string]struct {
		base  string
		pages []string
	}{
		"demo":         {serve(t, demoConfig(t, nil)), []string{"/profiles", "/profiles?class=gpu", "/profiles/rocm-dnse", "/slots", "/slots/chat", "/box", "/nothing"}},
		"broken":       {serve(t, demoConfig(t, brokenFiles)), []string{"/profiles", "/slots", "/slots/chat", "/box"}},
		"broken-slots": {serve(t, demoConfig(t, brokenSlots())), []string{"/slots"}},
		"odd":          {serve(t, demoConfig(t, oddProfiles)), []string{"/profiles", "/profiles/odd"}},
		"memory":       {serveAs(t, demoConfig(t, nil), withMemory(someMemory)), []string{"/box"}},
		"busy":         {serve(t, newBusyBox(t).config), []string{"/profiles", "/slots", "/slots/embed", "/slots/rerank", "/slots/code", "/box"}},
	} {
		for _, scheme := range []string{"light", "dark"} {
			tb := browser.tab(t, shown.base, media("prefers-color-scheme", scheme))
			for _, page := range shown.pages {
				for _, width := range []int64{360, 820, 1440} {
					tb.wide(width)
					tb.open(page)
					if page == "/slots" && width == 1440 {
						tb.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach((d, i) => { d.open = i === 0 })`))
					}
					png, err := chromedp.Run(tb.ctx, chromedp.FullScreenshot(100))
					require.NoError(t, err)
					file := fmt.Sprintf("%s%s-%d-%s.png", name, strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(page), width, scheme)
					require.NoError(t, os.WriteFile(filepath.Join(dir, file), png, 0o644))
				}
			}
		}
	}
}
