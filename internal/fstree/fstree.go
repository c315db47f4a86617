// Package fstree reads small file trees from text, for tests: the /sys and
// /proc of a box in one file that can be read and reviewed. Such trees can't be
// directories of a Go module, which may hold neither symbolic links nor the colons
// of PCI addresses.
//
// A line "-- path --" begins a file, which holds the lines up to the next such
// line. "-- path -> target --" is a symbolic link. What comes first is a comment.
//
// [os.CopyFS] writes a tree to a directory, links included.
package fstree

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing/fstest"
)

// Parse returns the tree that text describes. A path that is written twice, or
// is not one, is an error. The tree is the caller's to change.
func Parse(text string) (fstest.MapFS, error) {
	tree := fstest.MapFS{}
	var file *fstest.MapFile
	for line := range strings.Lines(text) {
		header, begins := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		header, ends := strings.CutSuffix(header, " --")
		if !begins || !ends {
			if file != nil {
				file.Data = append(file.Data, line...)
			}
			continue
		}
		name, target, link := strings.Cut(header, " -> ")
		if _, taken := tree[name]; taken || !fs.ValidPath(name) {
			return nil, fmt.Errorf("%q is not a path, or is there already", name)
		}
		if file = (&fstest.MapFile{Mode: 0o444}); link {
			tree[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
			continue
		}
		tree[name] = file
	}
	return tree, nil
}

// ReadFile returns the tree that a file describes.
func ReadFile(name string) (fstest.MapFS, error) {
	data, err := os.ReadFile(name) //nolint:gosec // a test's file
	if err != nil {
		return nil, err
	}
	tree, err := Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return tree, nil
}
