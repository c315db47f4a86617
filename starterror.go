package hal0

import (
	"fmt"
	"strings"

	"github.com/hal0ai/hal0-go/runtime"
)

// logTail is how many of the last log lines a [StartError] holds.
const logTail = 20

// A StartError is a container that ended or never became ready while its slot
// was coming up. It matches [ErrNotReady].
type StartError struct {
	Slot string
	// Exited is set when the container's process ended; ExitCode and OOMKilled
	// are then what the runtime says of it.
	Exited    bool
	ExitCode  int
	OOMKilled bool
	// Reason is what the probe or the runtime last said.
	Reason string
	// Logs are the last lines of its output, oldest first.
	Logs []runtime.Line
}

// Error names the slot, the exit code or the last answer, and the last lines of
// the log.
func (e *StartError) Error() string {
	var b strings.Builder
	switch {
	case e.Exited:
		how := exitOf(&runtime.Container{ExitCode: e.ExitCode, OOMKilled: e.OOMKilled})
		fmt.Fprintf(&b, "slot %s: the server %s while starting", e.Slot, how)
	default:
		fmt.Fprintf(&b, "slot %s: the server did not become ready: %s", e.Slot, e.Reason)
	}
	if len(e.Logs) > 0 {
		b.WriteString("; its last lines were:")
		for _, l := range e.Logs {
			b.WriteString("\n  " + l.Text)
		}
	}
	return b.String()
}

// Is reports whether target is [ErrNotReady].
func (e *StartError) Is(target error) bool { return target == ErrNotReady }
