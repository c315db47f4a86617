package slot

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
)

// An oldKey is a key under the name that older files have it under.
type oldKey struct{ old, now []string }

// oldKeys are the names that older files use.
var oldKeys = []oldKey{
	{[]string{"model", "ctx_size"}, []string{"model", "context_size"}},
	{[]string{"idle_timeout_seconds"}, []string{"idle_timeout_s"}},
}

// modelText is a model that is no table but the text that is its default today.
// Only migrating understands it: to a reader it is a wrong type.
var modelText = oldKey{[]string{"model"}, []string{"model", "default"}}

// oldKeys lets the file's old names stand for today's. Where a file has both,
// they must say the same.
func (f *File) oldKeys() conf.ValidationErrors {
	var problems conf.ValidationErrors
	for _, k := range oldKeys {
		v, ok := f.doc.Value(k.old...)
		if !ok {
			continue
		}
		now := strings.Join(k.now, ".")
		f.warn(WarnLegacyKey, fmt.Sprintf("%s is an old name: write %s", strings.Join(k.old, "."), now), k.old...)
		today, both := f.doc.Value(k.now...)
		if !both {
			f.doc.Move(k.now, k.old)
			continue
		}
		if !reflect.DeepEqual(v, today) {
			line, _ := f.doc.At(k.now...)
			problems = append(problems, f.doc.Problem(conf.ErrConflict,
				fmt.Sprintf("is an old name for %s, which says something else (line %d): remove one of them", now, line), k.old...))
		}
		f.doc.Drop(k.old...)
	}
	return problems
}

// oldLlamaServer is what older files call llama-server.
const oldLlamaServer = "llama.cpp"

// moonshine was a server that recognized speech on the CPU.
const moonshine = "moonshine"

// isOldProvider reports whether older files have the word as provider, where
// today's have a device or another provider.
func isOldProvider(word string) bool {
	_, err := device.FromLegacyBackend(word)
	return err == nil || word == oldLlamaServer
}

// noProvider is the problem of a provider that is not there.
func noProvider(err error, word string) conf.ValidationError {
	p := conf.NotOneOf(err, "provider")
	if isOldProvider(word) {
		p.Message += fmt.Sprintf("; %q is a word of older files: migrate the slot", word)
	}
	return p
}
