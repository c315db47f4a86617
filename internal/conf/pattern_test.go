package conf

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The patterns are the rules that decoding applies.
func TestPatternsAreTheRules(t *testing.T) {
	t.Parallel()
	line, lines := regexp.MustCompile(LinePattern), regexp.MustCompile(LinesPattern)
	for r := range rune(0x3000) {
		s := "a" + string(r) + "b"
		assert.Equal(t, !control(r), line.MatchString(s), "%q", s)
		assert.Equal(t, !control(r) || r == '\n' || r == '\r', lines.MatchString(s), "%q", s)
	}
}

func FuzzPlainPath(f *testing.F) {
	for _, p := range []string{"", "/", "//", "/a", "/a/", "a", "/a/b", "/.", "/..", "/...", "/a/./b", "/a/..b", "/.a", "/a//b", "/\n"} {
		f.Add(p)
	}
	must, not := regexp.MustCompile(PathPattern), regexp.MustCompile(PathNotPattern)
	f.Fuzz(func(t *testing.T, p string) {
		if strings.ContainsFunc(p, control) {
			return // refused before
		}
		if got := must.MatchString(p) && !not.MatchString(p); got != IsPlainPath(p) {
			t.Fatalf("%q is a plain path: %v, and by the patterns %v", p, IsPlainPath(p), got)
		}
	})
}
