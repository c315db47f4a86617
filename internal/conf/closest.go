package conf

import (
	"strings"
	"unicode/utf8"
)

// Closest returns the one of words that word was probably meant to be: within
// two edits, and at most one edit for every three characters, or the only one
// that word is the beginning of. Letter case does not count, and swapping two
// neighbours is one edit. It is "" when none is close, or when several are
// equally so.
func Closest(word string, words []string) string {
	typed := strings.ToLower(word)
	best, tied, near := "", false, 3
	for _, w := range words {
		limit := min(2, max(utf8.RuneCountInString(typed), utf8.RuneCountInString(w))/3)
		d := distance(typed, strings.ToLower(w), limit)
		switch {
		case d > limit || d > near:
		case d == near:
			tied = tied || w != best
		default:
			best, tied, near = w, false, d
		}
	}
	switch {
	case tied:
		return ""
	case best == "":
		return onlyCompletion(typed, words)
	}
	return best
}

// onlyCompletion returns the only word that begins with typed, which must have
// three characters at least.
func onlyCompletion(typed string, words []string) string {
	found := ""
	for _, w := range words {
		if len(typed) < 3 || !strings.HasPrefix(strings.ToLower(w), typed) {
			continue
		}
		if found != "" {
			return ""
		}
		found = w
	}
	return found
}

// distance returns how many insertions, deletions, substitutions and swaps of
// neighbours lead from a to b, or some number above limit.
func distance(a, b string, limit int) int {
	s, t := []rune(a), []rune(b)
	if len(s)-len(t) > limit || len(t)-len(s) > limit {
		return limit + 1
	}
	before, above, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := range s {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range t {
			edit := above[j]
			if s[i] != t[j] {
				edit++
			}
			row[j+1] = min(edit, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(t)]
}
