package slot

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// hash returns "sha256:…" over everything in spec. Every string and list is
// written with its length before it, so that no two different specs are
// written alike.
func hash(spec *runtime.Spec) string {
	var room [4096]byte // stays on the stack: a usual spec is half as long
	w := canonical(room[:0])
	w = w.str(spec.Name, spec.Image, spec.Network, spec.IPC)
	w = w.list(spec.Command)
	w = w.table(spec.Env)
	w = w.table(spec.Labels)
	w = w.list(spec.Devices)
	w = w.list(spec.Groups)
	w = w.list(spec.SecurityOpt)
	w = w.num(len(spec.Mounts))
	for _, m := range spec.Mounts {
		w = w.str(m.Source, m.Target, m.Relabel)
		w = w.flag(m.ReadOnly)
	}
	w = w.num(len(spec.Ulimits))
	for _, u := range spec.Ulimits {
		w = w.str(u.Name)
		w = w.num(int(u.Soft))
		w = w.num(int(u.Hard))
	}
	w = w.num(len(spec.Publish))
	for _, p := range spec.Publish {
		var text [64]byte
		w = w.str(string(p.HostIP.AppendTo(text[:0])))
		w = w.num(p.HostPort)
		w = w.num(p.ContainerPort)
	}
	w = w.flag(spec.Health != nil)
	if h := spec.Health; h != nil {
		w = w.str(h.Command)
		for _, d := range []time.Duration{h.Interval, h.Timeout, h.StartPeriod} {
			w = w.num(int(d))
		}
		w = w.num(h.Retries)
	}
	sum := sha256.Sum256(w)
	text := make([]byte, 0, len("sha256:")+2*len(sum))
	return string(hex.AppendEncode(append(text, "sha256:"...), sum[:]))
}

// canonical is the byte form that is hashed. Its methods return what they were
// added to, as append does.
type canonical []byte

func (w canonical) num(n int) canonical { return binary.AppendVarint(w, int64(n)) }

func (w canonical) flag(b bool) canonical {
	if b {
		return w.num(1)
	}
	return w.num(0)
}

func (w canonical) str(values ...string) canonical {
	for _, s := range values {
		w = append(w.num(len(s)), s...)
	}
	return w
}

func (w canonical) list(values []string) canonical { return w.num(len(values)).str(values...) }

func (w canonical) table(m map[string]string) canonical {
	keys := make([]string, 0, 8)
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	w = w.num(len(m))
	for _, k := range keys {
		w = w.str(k, m[k])
	}
	return w
}
