package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/runtime"
)

func (a *app) status() *cobra.Command {
	return a.verb("status [SLOT…]", "Tell what slots do right now", cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
		box, done, err := a.running()
		if err != nil {
			return err
		}
		defer done()
		var list []hal0.Status
		if len(args) == 0 {
			list, err = box.StatusAll(cmd.Context())
		}
		for _, name := range args {
			var s hal0.Status
			if s, err = box.Status(cmd.Context(), name); err != nil {
				break
			}
			list = append(list, s)
		}
		if err != nil {
			return err
		}
		return a.printStatus(list)
	})
}

func (a *app) printStatus(list []hal0.Status) error {
	if a.json {
		return a.printJSON(append([]hal0.Status{}, list...))
	}
	table := [][]string{{"SLOT", "STATE", "CONTAINER", "ADDRESS", "PLAN", "WHY"}}
	for _, s := range list {
		id, plan := "", ""
		if s.Container != nil {
			id, plan = s.Container.ID[:min(12, len(s.Container.ID))], "changed"
		}
		if s.Current {
			plan = "current"
		}
		table = append(table, []string{s.Slot, string(s.State), id, strings.TrimSpace(where(s)), plan, oneLine(s.Reason)})
	}
	return a.table(table)
}

// oneLine is the first line of a text and, where that ends with a colon, the last:
// of what a server wrote, it tells most.
func oneLine(text string) string {
	first, rest, more := strings.Cut(text, "\n")
	if !more || !strings.HasSuffix(first, ":") {
		return first
	}
	lines := strings.Split(rest, "\n")
	return first + " … " + strings.TrimSpace(lines[len(lines)-1])
}

func (a *app) logs() *cobra.Command {
	var opts runtime.LogOptions
	cmd := a.verb("logs SLOT", "Print what a slot's server writes", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		box, done, err := a.running()
		if err != nil {
			return err
		}
		defer done()
		for line, err := range box.Logs(cmd.Context(), args[0], opts) {
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(line)
			} else {
				a.printf("%s\n", line.Text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Flags().BoolVarP(&opts.Follow, "follow", "f", false, "go on with new lines until the server ends")
	cmd.Flags().IntVarP(&opts.Tail, "tail", "n", 0, "begin with the last `N` lines; 0 is all")
	return cmd
}
