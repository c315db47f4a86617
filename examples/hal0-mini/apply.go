package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/slot"
)

func (a *app) diff() *cobra.Command {
	return a.verb("diff", "Tell what apply would do, field by field; exits with 3 if there is anything to do", noArgs, func(cmd *cobra.Command, _ []string) error {
		box, done, err := a.running()
		if err != nil {
			return err
		}
		defer done()
		diff, err := box.Diff(cmd.Context())
		if err != nil {
			return err
		}
		if !a.json {
			a.printDiff(diff)
		}
		err = a.finishApply(undone(box, diff))
		if err == nil && diff.Changes() {
			err = errProblems
		}
		return err
	})
}

// undone is a diff of which nothing has been done, with why slots have no plan.
func undone(box *hal0.Box, diff hal0.Diff) hal0.ApplyResult {
	results := make(hal0.ApplyResult, len(diff))
	for i, s := range diff {
		results[i].Step = s
		if _, err := box.Resolve(s.Slot); err != nil && s.Action == slot.Leave {
			results[i].Err = fmt.Errorf("slot %s: %w", s.Slot, err)
		}
	}
	return results
}

func (a *app) apply() *cobra.Command {
	parallel := hal0.Parallel(4)
	var launch func() []hal0.CallOption
	cmd := a.verb("apply", "Bring the box to what its files say: start, replace and stop what has to be", noArgs, func(cmd *cobra.Command, _ []string) error {
		box, done, err := a.running()
		if err != nil {
			return err
		}
		defer done()
		opts := append(launch(), parallel)
		if !a.json {
			opts = append(opts, hal0.OnDiff(a.printDiff))
		}
		results, err := box.Apply(cmd.Context(), opts...)
		if results == nil {
			return err
		}
		return a.finishApply(results)
	})
	cmd.Long = cmd.Short + `.

The diff is printed first, then what happens, then what became of each slot.
One that fails does not keep the others from coming up. A slot of which the file
has problems is left as it runs, and so is one that has no room on the GPU beside
those that are up: "up SLOT --make-room" has it take their place.`
	launch = a.launchFlags(cmd)
	cmd.Flags().Func("parallel", "how many slots to work on at a time: a `NUMBER`, at least 1 (default 4)", func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return errors.New("must be a whole number, and at least 1")
		}
		parallel = hal0.Parallel(n)
		return nil
	})
	return cmd
}

// A step is what is to be done about one slot, or was, as JSON has it.
type step struct {
	slot.Step
	Status *hal0.Status `json:"status,omitempty"`
	Errors []problem    `json:"errors,omitempty"`
}

// printDiff prints those steps that there is something to say about.
func (a *app) printDiff(d hal0.Diff) {
	a.printf("%s", slices.DeleteFunc(slices.Clone(d), func(s slot.Step) bool { return s.Action == slot.Adopt }))
	if !d.Changes() {
		a.printf("nothing to do\n")
	}
}

// finishApply prints what became of each slot. It fails with the errors among
// them.
func (a *app) finishApply(results hal0.ApplyResult) error {
	steps, errs := make([]step, len(results)), []error{}
	for i, r := range results {
		s := step{Step: r.Step}
		switch {
		case r.Err != nil:
			s.Errors, errs = problemsOf(r.Err), append(errs, r.Err)
		case r.Status.Slot != "":
			s.Status = &r.Status
		}
		steps[i] = s
		if s.Status != nil && !a.json && results.Changed() {
			a.printUp(*s.Status)
		}
	}
	if a.json {
		if err := a.printJSON(steps); err != nil {
			return err
		}
	}
	return a.failure(errs)
}
