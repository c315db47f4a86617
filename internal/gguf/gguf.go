// Package gguf reads what hal0 needs from the header of a GGUF model file: its
// architecture and its native context window ([ReadHeader]), and the sizes that
// decide how much memory it takes to run ([ReadShape]). It is our own because
// the parsers there are bring thirty packages along, an SSH client among them:
// more than all the rest of the resolver.
package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrFormat matches what is not a GGUF file that can be read.
var ErrFormat = errors.New("not a GGUF file")

// A Header is what a file's metadata tells.
type Header struct {
	// Version is 2 or 3.
	Version uint32
	// Architecture is such as "llama" or "qwen3", "" when not told.
	Architecture string
	// ContextLength is the native context window in tokens, 0 when not told.
	ContextLength int
}

// Bounds on what a file may claim; real ones are far below.
const (
	maxKeys   = 1 << 16
	maxString = 1 << 16 // of a key or a value that is kept; others are skipped
	maxDepth  = 4
)

// The types of metadata values.
const (
	typeUint8 uint32 = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// sizes are the bytes of the types that have a fixed size.
var sizes = map[uint32]int64{
	typeUint8: 1, typeInt8: 1, typeUint16: 2, typeInt16: 2, typeUint32: 4, typeInt32: 4, typeFloat32: 4,
	typeBool: 1, typeUint64: 8, typeInt64: 8, typeFloat64: 8,
}

// ReadHeader reads a file's metadata, up to where both facts are known; the
// tensors are never read. It uses little memory whatever the file claims.
func ReadHeader(r io.Reader) (Header, error) {
	var h Header
	err := readPairs(r, &h.Version, func(d *decoder) (more bool) {
		d.pair(&h)
		return h.Architecture == "" || h.ContextLength == 0
	})
	if err != nil {
		return Header{}, err
	}
	return h, nil
}

// readPairs calls read for one key with its value after the other, until it
// wants no more or none is left.
func readPairs(r io.Reader, version *uint32, read func(*decoder) (more bool)) error {
	d := &decoder{r: bufio.NewReaderSize(r, 64<<10)}
	var magic, keys uint64
	magic, *version = d.uint(4), uint32(d.uint(4)) //nolint:gosec // four bytes
	d.uint(8)                                      // how many tensors
	keys = d.uint(8)
	switch {
	case d.err != nil || magic != 'G'|'G'<<8|'U'<<16|'F'<<24:
		return fmt.Errorf("%w: it does not begin with a GGUF header", ErrFormat)
	case *version != 2 && *version != 3:
		return fmt.Errorf("%w: version %d, want 2 or 3, little endian", ErrFormat, *version)
	case keys > maxKeys:
		return fmt.Errorf("%w: it claims %d metadata keys", ErrFormat, keys)
	}
	for range keys {
		more := read(d)
		if d.err != nil {
			return fmt.Errorf("%w: its metadata ends or breaks in the middle: %w", ErrFormat, d.err)
		}
		if !more {
			break
		}
	}
	return nil
}

// A decoder reads values until something is wrong.
type decoder struct {
	r   *bufio.Reader
	buf [8]byte
	err error
}

// pair reads one key with its value.
func (d *decoder) pair(h *Header) {
	key := d.string()
	kind := uint32(d.uint(4)) //nolint:gosec // four bytes
	switch {
	case key == "general.architecture" && kind == typeString:
		h.Architecture = d.string()
	case h.Architecture != "" && key == h.Architecture+".context_length" && (kind == typeUint32 || kind == typeUint64):
		if n := d.uint(int(sizes[kind])); n <= 1<<31-1 {
			h.ContextLength = int(n)
		}
	default:
		d.skip(kind, 1, 0)
	}
}

// uint reads a little-endian number of up to 8 bytes.
func (d *decoder) uint(size int) uint64 {
	clear(d.buf[:])
	if d.err == nil {
		_, d.err = io.ReadFull(d.r, d.buf[:size])
	}
	return binary.LittleEndian.Uint64(d.buf[:])
}

func (d *decoder) string() string {
	n := d.uint(8)
	if d.err == nil && n > maxString {
		d.err = fmt.Errorf("a name of %d bytes", n)
	}
	if d.err != nil {
		return ""
	}
	buf := make([]byte, n)
	_, d.err = io.ReadFull(d.r, buf)
	return string(buf)
}

// skip passes over count values of a type.
func (d *decoder) skip(kind uint32, count uint64, depth int) {
	if size, ok := sizes[kind]; ok {
		d.discard(count, size)
		return
	}
	if kind != typeString && kind != typeArray || depth > maxDepth {
		d.fail(fmt.Errorf("a value of type %d at depth %d", kind, depth))
		return
	}
	for i := uint64(0); i < count && d.err == nil; i++ {
		if kind == typeString {
			d.discard(d.uint(8), 1)
			continue
		}
		below := uint32(d.uint(4)) //nolint:gosec // four bytes
		d.skip(below, d.uint(8), depth+1)
	}
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) discard(count uint64, size int64) {
	if d.err != nil {
		return
	}
	const most = 1 << 40
	if count > most {
		d.fail(fmt.Errorf("a value of %d elements", count))
		return
	}
	_, d.err = d.r.Discard(int(int64(count) * size))
}
