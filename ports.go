package hal0

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// listening returns the TCP ports on which something listens, on any address,
// sorted, as the kernel lists them in /proc/net under root. A kernel without
// IPv6, or a tree without /proc, lists none.
//
// Binding each port to see whether it is free would keep it from whoever wants
// it at that moment, and could not be asked of another box's tree.
func listening(root fs.FS) ([]int, error) {
	var ports []int
	for _, table := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		data, err := fs.ReadFile(root, table)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("which ports are listened on: %w", err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			if port, ok := listener(lines.Text()); ok {
				ports = append(ports, port)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}

// listener returns the port of a line such as
//
//	0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 …
//
// if it is of a socket that listens: its state is 0A.
func listener(line string) (port int, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[3] != "0A" {
		return 0, false
	}
	_, text, _ := strings.Cut(fields[1], ":")
	n, err := strconv.ParseUint(text, 16, 16)
	return int(n), err == nil
}
