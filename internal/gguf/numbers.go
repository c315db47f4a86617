package gguf

import "io"

// Bounds on the numbers that are kept. A list with a value for each layer is the
// longest that is needed, llama.cpp has 512 layers at most.
const (
	maxList    = 1024
	maxNumbers = 1 << 16
)

// numbers are the whole numbers of a file's metadata, by their keys: one, or
// those of a list. True counts as 1. Of a list that is longer than maxList only
// its length is kept.
type numbers struct {
	architecture string
	lists        map[string][]int64
	lengths      map[string]uint64
	kept         int
}

// readNumbers reads the whole metadata.
func readNumbers(r io.Reader) (*numbers, error) {
	n := &numbers{lists: map[string][]int64{}, lengths: map[string]uint64{}}
	var version uint32
	err := readPairs(r, &version, func(d *decoder) bool {
		n.pair(d)
		return true
	})
	return n, err
}

func (n *numbers) pair(d *decoder) {
	key, kind := d.string(), uint32(d.uint(4)) //nolint:gosec // four bytes
	switch {
	case key == "general.architecture" && kind == typeString:
		n.architecture = d.string()
	case kind == typeArray:
		of, length := uint32(d.uint(4)), d.uint(8) //nolint:gosec // four bytes
		n.lengths[key] = length
		n.read(d, key, of, length)
	default:
		n.read(d, key, kind, 1)
	}
}

// read keeps values that are whole numbers and not too many.
func (n *numbers) read(d *decoder, key string, kind uint32, count uint64) {
	if !isWhole(kind) || count > maxList || n.kept+int(count) > maxNumbers {
		d.skip(kind, count, 1)
		return
	}
	list := make([]int64, 0, count)
	for range count {
		list = append(list, d.int(kind))
	}
	if d.err == nil {
		n.lists[key] = list
		n.kept += len(list)
	}
}

func isWhole(kind uint32) bool {
	switch kind {
	case typeFloat32, typeFloat64, typeString, typeArray:
		return false
	}
	_, known := sizes[kind]
	return known
}

// int reads one whole number of a type. What is above the largest int64 is
// counted as that.
func (d *decoder) int(kind uint32) int64 {
	v := d.uint(int(sizes[kind]))
	switch kind {
	case typeInt8:
		return int64(int8(v)) //nolint:gosec // one byte
	case typeInt16:
		return int64(int16(v)) //nolint:gosec // two bytes
	case typeInt32:
		return int64(int32(v)) //nolint:gosec // four bytes
	case typeInt64:
		return int64(v) //nolint:gosec // as it was written
	}
	return int64(min(v, 1<<63-1))
}

// of returns the numbers at a key of the architecture's own, nil for none.
func (n *numbers) of(key string) []int64 { return n.lists[n.architecture+"."+key] }

// one returns the size at a key, or otherwise.
func (n *numbers) one(key string, otherwise int64) int64 { return n.at(key, 0, otherwise) }

// at returns the size of layer i at a key, which has one for each layer or one
// for all.
func (n *numbers) at(key string, i int, otherwise int64) int64 {
	list := n.of(key)
	switch {
	case len(list) == 0:
		return otherwise
	case len(list) == 1:
		i = 0
	case i >= len(list):
		return otherwise
	}
	return max(-1, min(list[i], maxWidth+1)) // so that products can't overflow
}

// count returns the number of tokens at a key, or otherwise where there is none
// that makes sense.
func (n *numbers) count(key string, otherwise int) int {
	list := n.of(key)
	if len(list) == 0 || list[0] < 0 || list[0] > maxTokens {
		return otherwise
	}
	return int(list[0])
}
