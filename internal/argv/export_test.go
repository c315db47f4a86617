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
