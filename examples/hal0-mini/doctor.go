package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/slot"
)

func (a *app) doctor() *cobra.Command {
	cmd := a.verb("doctor [SLOT…]", "Look for what would keep slots from coming up and serving; exits with 3 if there is an error", cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
		box, done, err := a.examined()
		if err != nil {
			return err
		}
		defer done()
		found, err := box.Doctor(cmd.Context(), orNil(args))
		if err != nil {
			return err
		}
		if a.json {
			err = a.printJSON(append([]slot.Finding{}, found...))
		} else {
			a.printFindings(found, cmp.Or(len(args), len(box.Names())))
		}
		if err == nil && slot.Worst(found) == slot.SeverityError {
			err = errProblems
		}
		return err
	})
	cmd.Long = `Look for what would keep slots from coming up and serving, and change nothing.
Files, models, memory, devices and ports are looked at, and each image is asked
once which flags its server takes. Without slots that are named, all of the box
are looked at.

A finding is an error if the slot would not start or not serve, a warning if it
may not, or not as meant, and else good to know. What can't be looked at is told.
The exit code is 3 with an error among them, and 0 with warnings alone. Without
podman, that is an error: nothing could come up.`
	return cmd
}

// examined opens the box for a look at it. No podman has the images of the sample
// box.
func (a *app) examined() (*hal0.Box, func(), error) {
	if !a.demo {
		return a.withPodman()
	}
	box, err := a.open()
	return box, func() {}, err
}

// orNil returns nil for no names: all of them.
func orNil(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return names
}

// printFindings prints findings under their slots, each with the key to change and
// what to do, and then how many errors and warnings there are in so many slots.
func (a *app) printFindings(found []slot.Finding, slots int) {
	count := map[slot.Severity]int{}
	head := ""
	for _, f := range found {
		if of := cmp.Or(f.Slot, "the box"); of != head {
			head = of
			a.printf("%s\n", head)
		}
		count[f.Severity]++
		a.printf("  %-7s  %s: %s\n", f.Severity, f.Code, below(f.Message))
		if fix := slices.DeleteFunc([]string{place(f), f.Fix}, func(s string) bool { return s == "" }); len(fix) > 0 {
			a.printf("           %s\n", below(strings.Join(fix, ": ")))
		}
	}
	a.printf("%s, %s in %s\n", counted(count[slot.SeverityError], "error"), counted(count[slot.SeverityWarning], "warning"), counted(slots, "slot"))
}

// below keeps further lines of a text under its first.
func below(text string) string { return strings.ReplaceAll(text, "\n", "\n           ") }

// place tells the key that a finding is about, and where it stands in a file, if it
// does.
func place(f slot.Finding) string {
	if f.Line == 0 {
		return f.Path
	}
	return strings.TrimSuffix(fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Path), ": ")
}
