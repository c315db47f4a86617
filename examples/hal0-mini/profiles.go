package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/profile"
)

func (a *app) profiles() *cobra.Command {
	cmd := a.verb("profiles", "List the profiles, or change them", cobra.NoArgs, func(*cobra.Command, []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		list := box.ProfileUses()
		if a.json {
			err = a.printJSON(list)
		} else {
			table := [][]string{{"PROFILE", "CLASS", "BACKEND", "MTP", "BENCH", "USED BY", "INTENT", "IMAGE"}}
			for _, p := range list {
				table = append(table, []string{p.Name, string(p.Class), string(p.Backend), onOff(p.MTP), bench(p.Profile), strings.Join(p.UsedBy, ","), p.Intent, p.Image})
			}
			err = a.table(table)
		}
		if err != nil {
			return err
		}
		return a.complain(box, box.Home().Profiles())
	})
	cmd.AddCommand(a.cloneProfile(), a.editProfile(), a.deleteProfile(), a.exportProfile(), a.importProfile())
	return cmd
}

// complain prints the problems of one file of the box.
func (a *app) complain(box *hal0.Box, file string) error {
	found := false
	for _, p := range box.Problems() {
		if p.File == file {
			_, _ = fmt.Fprintln(a.stderr, p)
			found = true
		}
	}
	if found {
		return errProblems
	}
	return nil
}

func bench(p profile.Profile) string {
	switch {
	case p.TPS > 0:
		return fmt.Sprintf("%.1f tok/s", p.TPS)
	case p.RTF > 0:
		return fmt.Sprintf("RTF %.2f", p.RTF)
	}
	return ""
}

func (a *app) cloneProfile() *cobra.Command {
	return a.editVerb("clone FROM NAME [KEY=VALUE…]", "Copy a profile under a new name, and change the copy", cobra.MinimumNArgs(2),
		func(cmd *cobra.Command, box *hal0.Box, args []string, opts []hal0.EditOption) (hal0.Change, error) {
			edits, err := edits(args[2:], profile.ParseEdit)
			if err != nil {
				return hal0.Change{}, err
			}
			return box.CloneProfile(cmd.Context(), args[0], args[1], edits, opts...)
		})
}

func (a *app) editProfile() *cobra.Command {
	var unset []string
	cmd := a.editVerb("edit NAME [KEY=VALUE…]", "Change keys of a profile that is no seed", cobra.MinimumNArgs(1),
		func(cmd *cobra.Command, box *hal0.Box, args []string, opts []hal0.EditOption) (hal0.Change, error) {
			edits, err := edits(args[1:], profile.ParseEdit)
			if err != nil {
				return hal0.Change{}, err
			}
			return box.UpdateProfile(cmd.Context(), args[0], append(edits, unsets(unset)...), opts...)
		})
	cmd.Flags().StringSliceVar(&unset, "unset", nil, "remove the `KEY`")
	return cmd
}

func (a *app) deleteProfile() *cobra.Command {
	return a.editVerb("delete NAME", "Delete a profile that is no seed and that no slot uses", cobra.ExactArgs(1),
		func(cmd *cobra.Command, box *hal0.Box, args []string, opts []hal0.EditOption) (hal0.Change, error) {
			return box.DeleteProfile(cmd.Context(), args[0], opts...)
		})
}

func (a *app) exportProfile() *cobra.Command {
	return a.verb("export NAME", "Print a profile for another box, as JSON", cobra.ExactArgs(1), func(_ *cobra.Command, args []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		data, err := box.ExportProfile(args[0])
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(data)
		return err
	})
}

func (a *app) importProfile() *cobra.Command {
	var name string
	cmd := a.editVerb("import FILE", "Add a profile that was exported; - reads standard input", cobra.ExactArgs(1),
		func(cmd *cobra.Command, box *hal0.Box, args []string, opts []hal0.EditOption) (hal0.Change, error) {
			data, err := readInput(cmd, args[0])
			if err != nil {
				return hal0.Change{}, err
			}
			return box.ImportProfile(cmd.Context(), args[0], data, name, opts...)
		})
	cmd.Flags().StringVar(&name, "name", "", "call it `NAME` (default as it was called)")
	return cmd
}

// readInput reads a file, or standard input for "-".
func readInput(cmd *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(file) //nolint:gosec // the user's file
}
