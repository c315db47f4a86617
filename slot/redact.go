package slot

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/internal/redact"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
)

// secret tells by its name a variable or flag whose value is nobody's business.
var secret = regexp.MustCompile(`(?i)(key|token|secret|password|passwd|credential|auth|^-hft$)`)

// notSecret are flags that only sound like it: they count tokens, or name types
// of keys in a cache.
var notSecret = regexp.MustCompile(`(?i)(tokens|type|draft|cache)`)

// Redact returns spec without secrets, for files, screens and logs: values of
// variables and flags that are named after a key, token, password or the like
// are replaced, and so are user and password in the address that a variable holds.
// What it returns shares nothing that it changed.
func Redact(spec runtime.Spec) runtime.Spec {
	spec.Env = maps.Clone(spec.Env)
	for name, value := range spec.Env {
		switch {
		case value != "" && secret.MatchString(name):
			spec.Env[name] = redact.Mark
		case strings.Contains(value, "://"):
			spec.Env[name] = redact.Text(value)
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

// RedactFlags is [Redact] for flags.
func RedactFlags(flags profile.Flags) profile.Flags {
	words := RedactCommand(flags.Words())
	if slices.Equal(words, flags.Words()) {
		return flags
	}
	return profile.FlagsOf(words...)
}

// isSecret reports whether a flag's value is.
func isSecret(name string) bool { return secret.MatchString(name) && !notSecret.MatchString(name) }

// Redacted returns the plan without secrets, as [Redact] does: in the container and
// among the flags. It can't be launched, and does not match its hash. What it
// returns shares nothing that it changed.
func (p Plan) Redacted() Plan {
	p.Spec = Redact(p.Spec)
	p.Flags = slices.Clone(p.Flags)
	for i, f := range p.Flags {
		p.Flags[i] = redactedFlag(f)
	}
	p.Dropped = slices.Clone(p.Dropped)
	for i, d := range p.Dropped {
		p.Dropped[i].Flag = redactedFlag(d.Flag)
	}
	return p
}

func redactedFlag(f provider.Flag) provider.Flag {
	if isSecret(f.Name) && len(f.Values) > 0 {
		f.Values = []string{redact.Mark}
	}
	return f
}

// Redacted returns the slot without secrets, as [Redact] does: in its environment and
// extra arguments. What it returns shares nothing that it changed.
func (s Slot) Redacted() Slot {
	s.Server.Env = Redact(runtime.Spec{Env: s.Server.Env}).Env
	s.Server.ExtraArgs = RedactFlags(s.Server.ExtraArgs)
	return s
}
