package conf

import (
	"fmt"
	"path"
)

// Rules for strings, for who checks documents without this package. They are
// regular expressions of the kind that all engines agree on.
const (
	// LinePattern is what strings and keys match: they hold no control character
	// but tab.
	LinePattern = `^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*$`
	// LinesPattern is what strings match that may hold line ends too.
	LinesPattern = `^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$`
	// PathPattern is what a plain path matches that does not match
	// PathNotPattern; see [IsPlainPath].
	PathPattern    = `^(/|(/[^/\x00-\x08\x0a-\x1f\x7f-\x9f]+)+)$`
	PathNotPattern = `/\.\.?(/|$)`
)

// IsPlainPath reports whether p is absolute and as short as it can be.
func IsPlainPath(p string) bool { return path.IsAbs(p) && path.Clean(p) == p }

// NotPlainPath tells of a path that [IsPlainPath] refuses.
func NotPlainPath(p string) string {
	return fmt.Sprintf("%q is not a plain absolute path: want one that begins with / and has no . or .. in it", p)
}
