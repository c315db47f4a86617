package slot

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/internal/redact"
	"github.com/hal0ai/hal0-go/runtime"
)

// secret tells by its name a variable or flag whose value is nobody's business.
var secret = regexp.MustCompile(`(?i)(key|token|secret|password|passwd|credential|auth)`)

// notSecret are flags that only sound like it: they count tokens, or name types
// of keys in a cache.
var notSecret = regexp.MustCompile(`(?i)(tokens|type|draft|cache)`)

// Redact returns spec without secrets, for files, screens and logs: values of
// variables and flags that are named after a key, token, password or the like
// are replaced. What it returns shares nothing that it changed.
func Redact(spec runtime.Spec) runtime.Spec {
	spec.Env = maps.Clone(spec.Env)
	for name, value := range spec.Env {
		if isSecret(name) && value != "" {
			spec.Env[name] = redact.Mark
		}
	}
	spec.Command = RedactCommand(spec.Command)
	return spec
}

// RedactCommand is [Redact] for a command line.
func RedactCommand(command []string) []string {
	words := slices.Clone(command)
	for i, word := range words {
		name, _, assigned := strings.Cut(word, "=")
		switch {
		case !strings.HasPrefix(word, "-") || !isSecret(name):
		case assigned:
			words[i] = name + "=" + redact.Mark
		case i+1 < len(words) && !strings.HasPrefix(words[i+1], "-"):
			words[i+1] = redact.Mark
		}
	}
	return words
}

func isSecret(name string) bool { return secret.MatchString(name) && !notSecret.MatchString(name) }
