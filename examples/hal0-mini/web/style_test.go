package web

import (
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	property = regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`)
	rule     = regexp.MustCompile(`(?m)^\s*([^@{}\n][^{}\n]*)\{([^{}]*)\}`)
	inked    = regexp.MustCompile(`(?:^|[\s;])color: ([^;]+);`)
)

func stylesheet(t *testing.T) string {
	t.Helper()
	data, err := fs.ReadFile(assetFiles, "assets/app.css")
	require.NoError(t, err)
	return string(data)
}

// themes are the colours of the light and the dark theme, by name.
func themes(t *testing.T) map[string]map[string]string {
	t.Helper()
	_, light, _ := strings.Cut(stylesheet(t), ":root {")
	light, dark, ok := strings.Cut(light, "prefers-color-scheme: dark")
	require.True(t, ok)
	dark, _, ok = strings.Cut(dark, "\n}\n")
	require.True(t, ok)
	all := map[string]map[string]string{"light": {}, "dark": {}}
	for name, text := range map[string]string{"light": light, "dark": dark} {
		for _, m := range property.FindAllStringSubmatch(text, -1) {
			all[name][m[1]] = m[2]
		}
	}
	require.Len(t, all["dark"], len(all["light"]), "each theme has all colours")
	return all
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	require.NoError(t, err)
	part := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 21, contrast(t, "#000000", "#ffffff"), 0.001)
	assert.InDelta(t, 4.54, contrast(t, "#767676", "#ffffff"), 0.01)
}

// Whoever sees little reads every text of the pages, in either theme: WCAG 2.2's AA
// asks for 4.5 to 1, and for 3 to 1 between a shape and what is around it.
func TestColoursCanBeToldApart(t *testing.T) {
	t.Parallel()
	for theme, colours := range themes(t) {
		t.Run(theme, func(t *testing.T) {
			t.Parallel()
			pairs := 0
			check := func(front, back string, least float64) {
				pairs++
				require.Contains(t, colours, back)
				assert.GreaterOrEqual(t, contrast(t, colours[front], colours[back]), least, "%s on %s", front, back)
			}
			for name := range colours {
				if chip, ok := strings.CutSuffix(name, "-ink"); ok && !strings.HasPrefix(name, "text-") {
					check(name, chip+"-bg", 4.5)
				}
				for surface := range colours {
					if !strings.HasPrefix(surface, "surface-") {
						continue
					}
					switch {
					case strings.HasPrefix(name, "text-"):
						check(name, surface, 4.5)
					case strings.HasPrefix(name, "mark-"), name == "focus":
						check(name, surface, 3)
					}
				}
			}
			for _, bar := range []string{"mark-bench", "mark-rtf"} {
				check(bar, "track", 3)
			}
			assert.Greater(t, pairs, 50)
		})
	}
}

// Every colour of a text is one that is known to be readable: a --text- one, or a
// chip's own on its own background.
func TestTextHasKnownColours(t *testing.T) {
	t.Parallel()
	_, rules, ok := strings.Cut(stylesheet(t), "* { box-sizing")
	require.True(t, ok)
	assert.NotRegexp(t, `#[0-9a-fA-F]{3,8}\b[^-{]*;`, rules, "a colour that no theme has")
	found := 0
	for _, m := range rule.FindAllStringSubmatch(rules, -1) {
		colour := inked.FindStringSubmatch(m[2])
		if colour == nil {
			continue
		}
		found++
		switch name := strings.TrimSuffix(strings.TrimPrefix(colour[1], "var(--"), ")"); {
		case strings.HasPrefix(name, "text-"), name == "inherit":
		case m[1] == ".host::before ": // a stroke between two words
		case strings.HasSuffix(name, "-ink"):
			assert.Contains(t, m[2], "background: var(--"+strings.TrimSuffix(name, "-ink")+"-bg)", m[1])
		default:
			t.Errorf("%s has the colour %s", m[1], colour[1])
		}
	}
	assert.Greater(t, found, 30)
}
