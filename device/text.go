package device

import "strings"

// pairs returns the lines of a text that sep divides, by what is left of it.
// The first of equal keys counts.
func pairs(text, sep string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, sep)
		key = strings.TrimSpace(key)
		if _, taken := values[key]; ok && !taken {
			values[key] = strings.TrimSpace(value)
		}
	}
	return values
}

// A processor is what /proc/cpuinfo tells.
type processor struct {
	model          string
	cores, threads int
	virtual        bool // a hypervisor is below
}

// cpuinfo reads the text of /proc/cpuinfo. A core is counted once, whichever
// threads of it there are.
func cpuinfo(text string) processor {
	var p processor
	var socket string
	cores := map[string]bool{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			p.threads++
		case "model name":
			if p.model == "" {
				p.model = clean(value)
			}
		case "physical id":
			socket = value
		case "core id":
			cores[socket+":"+value] = true
		case "flags":
			p.virtual = strings.Contains(" "+value+" ", " hypervisor ")
		}
	}
	if p.cores = len(cores); p.cores == 0 {
		p.cores = p.threads
	}
	return p
}

// prettyName returns what an os-release file calls the distribution, for
// people. Values are quoted as for a shell, see os-release(5).
func prettyName(osRelease string) string {
	values := pairs(osRelease, "=")
	name, ok := values["PRETTY_NAME"]
	if !ok {
		name = values["NAME"]
	}
	if n := len(name); n >= 2 && name[0] == '\'' && name[n-1] == '\'' {
		return clean(name[1 : n-1])
	}
	if n := len(name); n >= 2 && name[0] == '"' && name[n-1] == '"' {
		name = name[1 : n-1]
	}
	return clean(strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\'`, `'`, `\$`, `$`, "\\`", "`").Replace(name))
}
