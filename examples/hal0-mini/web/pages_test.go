package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testHost = "hal0.test"

// site is a server of the sample box, with a test's own files on top.
type site struct {
	http.Handler
	t testing.TB
}

func newSite(t testing.TB, more map[string]string) site {
	t.Helper()
	return siteOf(t, demoConfig(t, more), func(*Server) {})
}

func siteOf(t testing.TB, config Config, change func(*Server)) site {
	t.Helper()
	s, err := New(config)
	require.NoError(t, err)
	change(s)
	return site{s.Handler(), t}
}

// get asks for a page; headers are names and values.
func (s site) get(path string, headers ...string) (*httptest.ResponseRecorder, string) {
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, path, nil)
	r.Host = testHost
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w, w.Body.String()
}

// textOfHTML is a page without its tags and doubled blanks.
func textOfHTML(page string) string {
	page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
	page = strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&", "&#43;", "+").Replace(page)
	return strings.Join(strings.Fields(page), " ")
}

func TestPages(t *testing.T) {
	t.Parallel()
	demo, odd, broken, slots, busy := newSite(t, nil), newSite(t, oddProfiles), newSite(t, brokenFiles), newSite(t, brokenSlots()), newSite(t, busyFiles)
	for name, tc := range map[string]struct {
		site   site
		path   string
		status int
		says   []string
	}{
		"profiles": {demo, "/profiles", 200, []string{
			"7 profiles shown", "rocm-moe gpu rocm MoE + MTP · q4 KV FP4 MTP seed 90.0 tok/s 100 % of the fastest profile",
			"ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server Pin not published: pulled by tag Used by embed rerank",
			"0.18 RTF", "Not measured", "docker.io/kyuz0/amd-strix-halo-comfyui Pin sha256:0066678ae904…", "No flags", "-ctk q4_0",
			"States of slots are not known: the box was opened without a container runtime.",
		}},
		"profiles of a class": {demo, "/profiles?class=npu", 200, []string{"1 profile shown", "FLM NPU inference"}},
		"one profile": {demo, "/profiles/rocm-dnse", 200, []string{
			"rocm-dnse gpu rocm FP4 MTP seed Dense + MTP · q4 KV", "30.4 tok/s", "Slot types llm, embedding, reranking Used by chat",
			"profile 8 of the profile mtp 13 of multi-token prediction", "--spec-draft-device ROCm0",
		}},
		"a pinned one": {demo, "/profiles/flm", 200, []string{"Pin sha256:5f4c8a08a269077d8d24b1a93cfa39aebd1bfa10c868048796e8d2e5f589fcad Launched as ghcr.io/hal0ai/hal0-toolbox-flm@sha256:5f4c"}},
		"slots": {demo, "/slots", 200, []string{
			"chat unknown", "Command: 28 flags, 2 replaced · 1 warning", "-b 512 from profile, replaced by -b 1024 from slot", "Model the image’s own",
		}},
		"one slot": {demo, "/slots/chat", 200, []string{
			"chat unknown primary", "Profile rocm-dnse Model qwen3.6-27b-mtp Type llm Port 8081", "1 warning", "image.unpublished",
			"-ub 512 from profile, replaced by -ub 1024 from slot", "65536 tokens", "127.0.0.1:8081", "/dev/kfd", "/mnt/ai-models read only",
		}},
		"its environment has no secrets": {busy, "/slots/code", 200, []string{"HSA_OVERRIDE_GFX_VERSION=11.5.1", "HF_TOKEN=xxxxx"}},
		"the box": {demo, "/box", 200, []string{
			"Platform strix-halo", "CPU AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "121.2 GiB", "gpu-rocm AMD GPU via ROCm present rocm llama-server",
			"Together the enabled slots take 16.8 GiB of 114 GiB", "97.2 GiB stay free", "Takes memory as it is asked: not counted.", "No file has a problem.", "3 warnings",
		}},
		"a box that wants too much": {busy, "/box", 200, []string{"24.8 GiB too much . They can’t all be up at once.", "draft 609.4 MiB", "Disabled: not counted."}},
		"a box whose models can be read": {siteOf(t, demoConfig(t, nil), withMemory(someMemory)), "/box", 200, []string{
			"Together the enabled slots take 96.1 GiB of 114 GiB", "weights context compute", "chat 18 GiB 10 GiB 2 GiB 30 GiB 26.3 %", "The context may take less.",
		}},
		"a profile of no use": {odd, "/profiles/odd", 200, []string{
			"odd cpu MTP clone of rocm 1 problem profile.odd.mtp multi-token prediction drafts on a GPU", "/etc/hal0/profiles.toml line 7, column 1",
		}},
		"and others": {odd, "/profiles", 200, []string{"3 profiles shown", "profile.served.flags --port is set by hal0 itself"}},
		"broken profiles": {broken, "/profiles", 500, []string{
			"11 problems in this box’s files.", "Profiles can’t be shown", "3 problems",
			`profile.mine.backend unknown backend "cuda": want one of rocm, vulkan, none /etc/hal0/profiles.toml line 3, column 1`,
			`profile.mine.flagz unknown key, did you mean "flags"?`, "profile.other.image is required /etc/hal0/profiles.toml line 6, column 10",
		}},
		"one of them": {broken, "/profiles/rocm", 500, []string{"Profiles can’t be shown"}},
		"broken slots": {slots, "/slots", 200, []string{
			"5 problems in this box’s files.", "chat unknown", "port must be 8081 to 8200, got 9 /etc/hal0/slots/chat.toml line 2, column 1",
			`model.context_size must be an integer, got the string "64k"`, `did you mean "qwen3-embedding-0.6b"?`, "rerank unknown", "/etc/hal0/slots/rerank.toml line 2, column 7",
		}},
		"a broken slot":       {slots, "/slots/embed", 200, []string{"The slot can’t be launched as its file is.", "Device gpu-vulkan Provider — Profile vulkan", "line 6, column 1"}},
		"problems of the box": {broken, "/box", 200, []string{"11 problems", "/etc/hal0/slots/chat.toml line 2, column 1"}},
		"no such slot":        {demo, "/slots/nobody", 404, []string{"Not found This box has no slot of that name."}},
		"no such profile":     {demo, "/profiles/nobody", 404, []string{"This box has no profile of that name."}},
		"no such class":       {demo, "/profiles?class=tpu", 404, []string{"There is no such device class."}},
		"no such page":        {demo, "/some/where", 404, []string{"There is nothing at this address."}},
		"no such asset":       {demo, "/assets/app.0.css", 404, []string{"There is no such file."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, page := tc.site.get(tc.path)
			assert.Equal(t, tc.status, resp.Code)
			assert.Equal(t, "text/html; charset=utf-8", resp.Header().Get("Content-Type"))
			assert.Equal(t, "no-cache", resp.Header().Get("Cache-Control"))
			text := textOfHTML(page)
			for _, part := range tc.says {
				assert.Contains(t, text, part)
			}
			assert.NotContains(t, page, "hf_not_to_be_seen")
			assert.NotContains(t, page, "ZgotmplZ", "a value that does not belong there")
			checkStrict(t, page)
		})
	}
}

// checkStrict holds a page to the policy that it is sent with: nothing in it that a
// browser would refuse.
func checkStrict(t *testing.T, page string) {
	t.Helper()
	assert.NotRegexp(t, `<[^>]*\s(style|on[a-z]+)\s*=`, page, "a style or a script within a tag")
	assert.NotRegexp(t, `<style`, page)
	for _, script := range regexp.MustCompile(`<script[^>]*>`).FindAllString(page, -1) {
		assert.Contains(t, script, ` src="/assets/app.`)
	}
}

// Profiles that can't be told are not shown, and neither are those of other classes.
func TestWhatPagesLeaveOut(t *testing.T) {
	t.Parallel()
	_, page := newSite(t, brokenFiles).get("/profiles")
	assert.NotContains(t, page, "<article")
	_, page = newSite(t, nil).get("/profiles?class=npu")
	assert.Equal(t, 1, strings.Count(page, "<article"))
	_, page = newSite(t, map[string]string{"etc/hal0/profiles.toml": "[profile.p]\nimage = \"localhost/p:v1\"\n"}).get("/profiles?class=npu")
	assert.Contains(t, textOfHTML(page), "All 1 gpu 1 npu 0", "a class that there are no more profiles of stays in the filter while it is shown")
	assert.Contains(t, page, "This box has no profile of that class.")
	_, page = newSite(t, map[string]string{"etc/hal0/profiles.toml": "[profile.p]\nimage = \"localhost/p:v1\"\n"}).get("/profiles/p")
	assert.Contains(t, page, "not in the manifest: pulled by tag")
	_, page = newSite(t, oddProfiles).get("/profiles/odd")
	assert.NotContains(t, page, "<h2>Flags</h2>", "which are not known")
}

// Bars are as long as what they show.
func TestBars(t *testing.T) {
	t.Parallel()
	width := regexp.MustCompile(`<rect class="(?:bar-fill|hue-)[^>]* width="([0-9.]+)"`)
	for path, widths := range map[string]string{"/profiles": "58.67 33.78 100.00 45.56 42.89 18.00", "/profiles?class=cpu": "18.00", "/box": "142.15 5.22"} {
		_, page := newSite(t, nil).get(path)
		var got []string
		for _, m := range width.FindAllStringSubmatch(page, -1) {
			got = append(got, m[1])
		}
		assert.Equal(t, widths, strings.Join(got, " "), path)
	}
	_, page := newSite(t, busyFiles).get("/box")
	assert.Contains(t, page, `<rect class="pool-over" x="821.31" y="34" width="178.69"`)
}

func TestFilterTellsWhichIsCurrent(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for path, current := range map[string]string{"/profiles": "All 7", "/profiles?class=gpu": "gpu 4", "/profiles?class=img": "img 1"} {
		_, page := s.get(path)
		filter := regexp.MustCompile(`(?s)<a [^>]*aria-current="true">.*?</a>`).FindAllString(page, -1)
		require.Len(t, filter, 1)
		assert.Equal(t, current, textOfHTML(filter[0]))
	}
}

func TestRootLeadsToProfiles(t *testing.T) {
	t.Parallel()
	resp, _ := newSite(t, nil).get("/")
	assert.Equal(t, http.StatusFound, resp.Code)
	assert.Equal(t, "/profiles", resp.Header().Get("Location"))
}

// A browser that has a page already is told so.
func TestPagesAreNotSentTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	resp, _ := s.get("/box")
	tag := resp.Header().Get("ETag")
	require.NotEmpty(t, tag)
	resp, body := s.get("/box", "If-None-Match", tag)
	assert.Equal(t, http.StatusNotModified, resp.Code)
	assert.Empty(t, body)
	resp, _ = newSite(t, brokenSlots()).get("/box", "If-None-Match", tag)
	assert.Equal(t, http.StatusOK, resp.Code, "another page has another ETag")
}
