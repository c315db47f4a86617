package hal0

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/runtime"
)

// An OOM is how sure it is that a server was killed for lack of memory.
type OOM string

// The guesses.
const (
	OOMNo       OOM = ""         // nothing speaks for it
	OOMPossible OOM = "possible" // it was killed by SIGKILL, and nobody says by whom
	OOMCertain  OOM = "certain"  // the runtime says so
)

// An Exit is how a container's process ended.
type Exit struct {
	Code int `json:"code"`
	// Signal is what killed it, such as "SIGKILL"; "" when it ended by itself. A
	// runtime tells a signal as 128 and its number: a program that ends with such
	// a code of its own looks the same.
	Signal string `json:"signal,omitempty"`
	OOM    OOM    `json:"oom,omitempty"`
}

// signals are names of Linux's signals that end a process, by number.
var signals = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
	9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}

// exitOf returns how an exited container ended.
func exitOf(c *runtime.Container) Exit {
	e := Exit{Code: c.ExitCode}
	if number := c.ExitCode - 128; number > 0 && number < 65 {
		e.Signal = signals[number]
		if e.Signal == "" {
			e.Signal = "signal " + strconv.Itoa(number)
		}
	}
	switch {
	case c.OOMKilled:
		e.OOM = OOMCertain
	case e.Signal == "SIGKILL":
		e.OOM = OOMPossible
	}
	return e
}

// String returns such as "exited with code 137 (SIGKILL, possibly for lack of
// memory)".
func (e Exit) String() string {
	text := fmt.Sprintf("exited with code %d", e.Code)
	why := e.Signal
	switch e.OOM {
	case OOMPossible:
		why += ", possibly for lack of memory"
	case OOMCertain:
		why = strings.TrimPrefix(why+", out of memory", ", ")
	case OOMNo:
	}
	if why == "" {
		return text
	}
	return text + " (" + why + ")"
}
