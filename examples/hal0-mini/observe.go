package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/runtime"
)

func (a *app) observe() *cobra.Command {
	var restart bool
	cmd := a.verb("observe", "Tell what becomes of the slots, as it happens, until interrupted", noArgs, func(cmd *cobra.Command, _ []string) error {
		box, done, err := a.running()
		if err != nil {
			return err
		}
		defer done()
		var opts []hal0.CallOption
		if restart {
			opts = append(opts, hal0.RestartCrashed(hal0.RestartPolicy{}), hal0.OnProgress(a.progress))
		}
		for changes, err := range box.Observe(cmd.Context(), opts...) {
			if err != nil && !errors.Is(err, runtime.ErrUnavailable) {
				return err
			}
			if err := a.printSeen(time.Now(), changes, err); err != nil {
				return err
			}
		}
		return nil
	})
	p := hal0.RestartPolicy{}.WithDefaults()
	cmd.Long = fmt.Sprintf(`Tell what slots do now, and then each change, until interrupted.

With --restart a slot that crashed is brought up again: after %v, then after twice
as long each time, up to %v, and no more after %d in a row. What was ready for
%v begins anew. A restart changes nothing: the box's files are read once, at the
start, and what runs another plan than theirs when it crashes stays down.`, p.First, p.Max, p.Attempts, p.Settled)
	cmd.Flags().BoolVar(&restart, "restart", false, "bring slots up again that crash")
	return cmd
}

// seen is one change, as JSON has it: a line of its own.
type seen struct {
	Time time.Time `json:"time"`
	*hal0.Status
	Error string `json:"error,omitempty"` // instead of a status: nothing is known until the next
}

// printSeen prints what was seen at a time: changes, or that nothing can be.
func (a *app) printSeen(at time.Time, changes []hal0.Status, lost error) error {
	lines := json.NewEncoder(a.stdout)
	lines.SetEscapeHTML(false)
	switch {
	case lost != nil && a.json:
		return lines.Encode(seen{Time: at, Error: lost.Error()})
	case lost != nil:
		_, _ = fmt.Fprintf(a.stderr, "%s  %v\n", at.Format(time.TimeOnly), lost)
	}
	for _, s := range changes {
		if !a.json {
			line := fmt.Sprintf("%s  %s  %-9s  %s", at.Format(time.TimeOnly), s.Slot, s.State, saying(s))
			a.printf("%s\n", strings.TrimRight(line, " "))
			continue
		}
		if err := lines.Encode(seen{Time: at, Status: &s}); err != nil {
			return err
		}
	}
	return nil
}

// saying tells what there is to say of a slot's state.
func saying(s hal0.Status) string {
	words := []string{s.Reason}
	if s.Reason == "" {
		words[0] = strings.TrimSpace(where(s))
	}
	if s.Container != nil && !s.Current {
		words = append(words, "it does not run the plan of the files that were read")
	}
	switch r := s.Restart; {
	case r == nil || *r == (hal0.Restart{}):
	case r.GaveUp:
		words = append(words, fmt.Sprintf("it is not restarted any more after %d attempts", r.Attempt))
	default:
		words = append(words, fmt.Sprintf("restart %d in %v", r.Attempt, r.In))
	}
	var text strings.Builder
	text.WriteString(strings.Join(words, "; "))
	for _, line := range s.Logs {
		text.WriteString("\n    " + line.Text)
	}
	return text.String()
}
