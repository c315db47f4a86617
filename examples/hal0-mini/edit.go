package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/slot"
)

// editVerb makes a command that changes one file of the box: it gets a --dry-run
// flag, and prints what do returns.
func (a *app) editVerb(use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, box *hal0.Box, args []string, opts []hal0.EditOption) (hal0.Change, error)) *cobra.Command {
	var dry bool
	cmd := a.verb(use, short, args, func(cmd *cobra.Command, args []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		var opts []hal0.EditOption
		if dry {
			opts = append(opts, hal0.DryRun())
		}
		change, err := do(cmd, box, args, opts)
		if err != nil {
			return err
		}
		return a.printChange(change, dry)
	})
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would change, and change nothing")
	return cmd
}

// printChange tells what an edit did, or would do.
func (a *app) printChange(c hal0.Change, dry bool) error {
	if a.json {
		return a.printJSON(c)
	}
	for _, note := range c.Notes {
		a.printf("note: %s\n", note)
	}
	switch {
	case !c.Changed():
		a.printf("%s says so already\n", c.File)
	case dry:
		a.printf("%s", c.Diff())
	default:
		a.printf("%s\n", changed(c))
	}
	return nil
}

// changed names what was done to a file.
func changed(c hal0.Change) string {
	switch {
	case c.Before == nil:
		return c.File + " is made"
	case c.After == nil:
		return c.File + " is removed"
	}
	return c.File + " is changed"
}

func (a *app) create() *cobra.Command {
	var wish slot.Wish
	cmd := a.editVerb("create", "Make a slot; what is left open is picked so that it can be launched", noArgs,
		func(cmd *cobra.Command, box *hal0.Box, _ []string, opts []hal0.EditOption) (hal0.Change, error) {
			return box.Create(cmd.Context(), wish, opts...)
		})
	flags := cmd.Flags()
	flags.Func("type", "what the slot is for: a `TYPE` such as llm, embedding, tts", func(s string) error { return wish.Type.UnmarshalText([]byte(s)) })
	flags.Func("device", "the `DEVICE`: gpu-rocm, gpu-vulkan, cpu or npu (default the recommended one)", func(s string) error { return wish.Device.UnmarshalText([]byte(s)) })
	flags.StringVar(&wish.Profile, "profile", "", "the profile's `NAME` (default the device's own, or the first that serves the type)")
	flags.StringVar((*string)(&wish.Provider), "provider", "", "the provider's `NAME` (default the profile's own)")
	flags.StringVar(&wish.Model, "model", "", "the `MODEL`: an id of the registry, the path of a file, or a tag")
	flags.StringVar(&wish.Name, "name", "", "the slot's `NAME` (default from the type)")
	flags.IntVar(&wish.Port, "port", 0, "the TCP `PORT` (default the first that is free)")
	return cmd
}

func (a *app) set() *cobra.Command {
	return a.editVerb("set SLOT KEY=VALUE…", "Set keys of a slot's file; what has to agree with them follows", cobra.MinimumNArgs(2),
		func(cmd *cobra.Command, box *hal0.Box, args []string, opts []hal0.EditOption) (hal0.Change, error) {
			edits, err := edits(args[1:], slot.ParseEdit)
			if err != nil {
				return hal0.Change{}, err
			}
			return box.UpdateSlot(cmd.Context(), args[0], edits, opts...)
		})
}

func (a *app) unset() *cobra.Command {
	return a.editVerb("unset SLOT KEY…", "Remove keys from a slot's file", cobra.MinimumNArgs(2),
		func(cmd *cobra.Command, box *hal0.Box, args []string, opts []hal0.EditOption) (hal0.Change, error) {
			return box.UpdateSlot(cmd.Context(), args[0], unsets(args[1:]), opts...)
		})
}

// edits reads "key=value" words.
func edits(words []string, parse func(string) (hal0.Edit, error)) ([]hal0.Edit, error) {
	list := make([]hal0.Edit, len(words))
	var problems []error
	for i, w := range words {
		var err error
		if list[i], err = parse(w); err != nil {
			problems = append(problems, err)
		}
	}
	return list, errors.Join(problems...)
}

func unsets(keys []string) []hal0.Edit {
	list := make([]hal0.Edit, len(keys))
	for i, key := range keys {
		list[i] = hal0.Unset(key)
	}
	return list
}

func (a *app) migrate() *cobra.Command {
	var apply, dry bool
	cmd := a.verb("migrate", "Bring slot files of older boxes to today's keys; shows what would change unless --apply", noArgs, func(cmd *cobra.Command, _ []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		var opts []hal0.EditOption
		if apply {
			opts = append(opts, hal0.Apply())
		}
		all, err := box.Migrate(cmd.Context(), opts...)
		if err != nil {
			return err
		}
		return a.printMigrations(all, !apply)
	})
	cmd.Flags().BoolVar(&apply, "apply", false, "write the files")
	cmd.Flags().BoolVar(&dry, "dry-run", true, "write nothing")
	cmd.MarkFlagsMutuallyExclusive("apply", "dry-run")
	return cmd
}

func (a *app) printMigrations(all []hal0.Migration, dry bool) error {
	type row struct {
		Slot   string      `json:"slot"`
		Change hal0.Change `json:"change,omitzero"`
		Errors []problem   `json:"errors,omitempty"`
	}
	rows := []row{}
	failed := error(nil)
	for _, m := range all {
		r := row{Slot: m.Slot, Change: m.Change}
		if m.Err != nil {
			failed, r.Errors = errProblems, problemsOf(m.Err)
		}
		rows = append(rows, r)
		switch {
		case a.json:
		case m.Err != nil:
			_, _ = a.stderr.Write([]byte(m.Err.Error() + "\n"))
		default:
			if err := a.printChange(m.Change, dry); err != nil {
				return err
			}
		}
	}
	switch {
	case a.json:
		if err := a.printJSON(rows); err != nil {
			return err
		}
	case len(all) == 0:
		a.printf("every slot file is up to date\n")
	}
	return failed
}

func (a *app) validate() *cobra.Command {
	return a.verb("validate", "Check every file of the box, and what slots do to each other", noArgs, func(*cobra.Command, []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		report := box.Check()
		if a.json {
			err = a.printJSON(struct {
				Problems []problem `json:"problems"`
				Warnings []problem `json:"warnings"`
			}{problemList(report.Problems), problemList(report.Warnings)})
		} else {
			for _, w := range report.Warnings {
				a.printf("warning: %v\n", w)
			}
			for _, p := range report.Problems {
				a.printf("%v\n", p)
			}
			a.printf("%s, %s in %s\n", counted(len(report.Problems), "problem"), counted(len(report.Warnings), "warning"), counted(len(box.Names()), "slot"))
		}
		if err != nil {
			return err
		}
		if len(report.Problems) > 0 {
			return errProblems
		}
		return nil
	})
}
