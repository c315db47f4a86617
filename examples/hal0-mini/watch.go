package main

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
)

func (a *app) watch() *cobra.Command {
	return a.verb("watch", "Tell what changes in the box's files, until interrupted", noArgs, func(cmd *cobra.Command, _ []string) error {
		if a.demo {
			return errors.New("the sample box is built in: its files do not change")
		}
		home, err := a.homeDir()
		if err != nil {
			return err
		}
		lines := json.NewEncoder(a.stdout)
		for changes, err := range hal0.Watch(cmd.Context(), home) {
			if err != nil {
				return err
			}
			for _, c := range changes {
				if a.json {
					err = lines.Encode(c)
				} else {
					a.printFileChange(c)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (a *app) printFileChange(c hal0.FileChange) {
	a.printf("%-8s %-8s %s\n", c.Kind, c.Of, c.File)
	for _, p := range c.Problems {
		a.printf("  %v\n", p)
	}
	for _, w := range c.Warnings {
		a.printf("  warning %s: %s\n", w.Code, w.Message)
	}
}

func (a *app) schema() *cobra.Command {
	kinds := make([]string, len(hal0.FileKinds()))
	for i, k := range hal0.FileKinds() {
		kinds[i] = string(k)
	}
	known := func(_ *cobra.Command, args []string) error {
		_, err := hal0.Schema(hal0.FileKind(args[0]))
		return err
	}
	cmd := a.verb("schema KIND", "Print the JSON Schema of a kind of file, for editors: "+strings.Join(kinds, ", "), cobra.MatchAll(cobra.ExactArgs(1), known), func(_ *cobra.Command, args []string) error {
		text, err := hal0.Schema(hal0.FileKind(args[0]))
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(text)
		return err
	})
	cmd.ValidArgs = kinds
	return cmd
}
