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
	w := make(canonical, 0, 4096)
	w.str(spec.Name, spec.Image, spec.Network, spec.IPC)
	w.list(spec.Command)
	w.table(spec.Env)
	w.table(spec.Labels)
	w.list(spec.Devices)
	w.list(spec.Groups)
	w.list(spec.SecurityOpt)
	w.num(len(spec.Mounts))
	for _, m := range spec.Mounts {
		w.str(m.Source, m.Target, m.Relabel)
		w.flag(m.ReadOnly)
	}
	w.num(len(spec.Ulimits))
	for _, u := range spec.Ulimits {
		w.str(u.Name)
		w.num(int(u.Soft))
		w.num(int(u.Hard))
	}
	w.num(len(spec.Publish))
	for _, p := range spec.Publish {
		var text [64]byte
		w.str(string(p.HostIP.AppendTo(text[:0])))
		w.num(p.HostPort)
		w.num(p.ContainerPort)
	}
	w.flag(spec.Health != nil)
	if h := spec.Health; h != nil {
		w.str(h.Command)
		for _, d := range []time.Duration{h.Interval, h.Timeout, h.StartPeriod} {
			w.num(int(d))
		}
		w.num(h.Retries)
	}
	sum := sha256.Sum256(w)
	text := make([]byte, 0, len("sha256:")+2*len(sum))
	return string(hex.AppendEncode(append(text, "sha256:"...), sum[:]))
}

// canonical is the byte form that is hashed.
type canonical []byte

func (w *canonical) num(n int) { *w = binary.AppendVarint(*w, int64(n)) }

func (w *canonical) flag(b bool) {
	if b {
		w.num(1)
	} else {
		w.num(0)
	}
}

func (w *canonical) str(values ...string) {
	for _, s := range values {
		w.num(len(s))
		*w = append(*w, s...)
	}
}

func (w *canonical) list(values []string) {
	w.num(len(values))
	w.str(values...)
}

func (w *canonical) table(m map[string]string) {
	keys := make([]string, 0, 8)
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	w.num(len(m))
	for _, k := range keys {
		w.str(k, m[k])
	}
}
