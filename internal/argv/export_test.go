package argv

import "strings"

// Spellings returns every name in llama-server's table, as often as it is
// there.
func Spellings() []string {
	var names []string
	for _, s := range llamaServerFlags {
		names = append(names, strings.Fields(s.names)...)
	}
	return names
}

// A HelpFlag is one flag of a help text.
type HelpFlag struct {
	Names         []string
	Hint, Instead string
	Choices       []string
	Removed       bool
}

// Flags returns the flags of the help in order.
func (h *Help) Flags() []HelpFlag {
	var flags []HelpFlag
	for _, f := range h.flags {
		flags = append(flags, HelpFlag{f.names, f.hint, f.instead, f.choices, f.removed})
	}
	return flags
}
