package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

func (a *app) resolve() *cobra.Command {
	var podmanRun bool
	cmd := a.verb("resolve [SLOT…]", "Explain what would be launched, and why", cobra.ArbitraryArgs, func(_ *cobra.Command, args []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		all, err := resolutions(box, args)
		if err != nil {
			return err
		}
		if a.json {
			err = a.printJSON(resolutionsJSON(all))
		} else {
			a.explainAll(all, podmanRun)
		}
		if err != nil {
			return err
		}
		return anyFailed(all)
	})
	cmd.Flags().BoolVar(&podmanRun, "podman-run", false, "print each plan as a podman command line as well")
	return cmd
}

// resolutions resolves the named slots, or all.
func resolutions(box *hal0.Box, names []string) ([]hal0.Resolution, error) {
	if len(names) == 0 {
		return box.ResolveAll(), nil
	}
	var all []hal0.Resolution
	for _, name := range names {
		plan, err := box.Resolve(name)
		if errors.Is(err, hal0.ErrNoSlot) {
			return nil, err
		}
		all = append(all, hal0.Resolution{Slot: name, Plan: plan, Err: err})
	}
	return all, nil
}

func anyFailed(all []hal0.Resolution) error {
	for _, r := range all {
		if r.Err != nil {
			return errProblems
		}
	}
	return nil
}

// resolutionsJSON is one object a slot: its plan, or its name and errors.
func resolutionsJSON(all []hal0.Resolution) []any {
	list := make([]any, len(all))
	for i, r := range all {
		if list[i] = r.Plan; r.Err != nil {
			list[i] = struct {
				Slot   string    `json:"slot"`
				Errors []problem `json:"errors"`
			}{r.Slot, problemsOf(r.Err)}
		}
	}
	return list
}

func (a *app) explainAll(all []hal0.Resolution, podmanRun bool) {
	for i, r := range all {
		if i > 0 {
			a.printf("\n")
		}
		if r.Err != nil {
			a.printf("%s  has problems\n%s\n", r.Slot, indented("  ", r.Err.Error()))
			continue
		}
		a.explain(r.Plan)
		if podmanRun {
			a.printf("  podman\n    %s\n", runtime.ShellQuote(r.Plan.Spec.PodmanRun()))
		}
	}
}

// explain prints a plan for a person.
func (a *app) explain(p slot.Plan) {
	a.printf("%s  %s on %s, %s, profile %s\n", p.Slot, p.Type, p.Device, p.Provider, p.Profile)
	a.printf("  image    %s\n           %s\n", p.Spec.Image, pinText(p.Image))
	if p.Model != "" {
		a.printf("  model    %s  (context %d)\n", p.Model, p.ContextSize)
	}
	a.printf("  port     %s\n", p.Spec.Publish[0])
	if len(p.Spec.Devices) > 0 {
		a.printf("  devices  %s  (groups %s)\n", strings.Join(p.Spec.Devices, " "), strings.Join(p.Spec.Groups, " "))
	}
	for _, m := range p.Spec.Mounts {
		a.printf("  mount    %s\n", mountText(m))
	}
	a.printf("  flags\n")
	for _, f := range p.Flags {
		a.printf("    %-8s %s\n", f.Source, runtime.ShellQuote(f.AppendTo(nil)))
	}
	if len(p.Dropped) > 0 {
		a.printf("  dropped\n")
	}
	for _, d := range p.Dropped {
		a.printf("    %-8s %s  (%s wins)\n", d.Source, runtime.ShellQuote(d.AppendTo(nil)), d.By)
	}
	for _, w := range p.Warnings {
		a.printf("  warning  %s: %s\n", w.Code, w.Message)
	}
	a.printf("  hash     %s\n", p.Hash)
}

func pinText(i slot.Image) string {
	switch {
	case i.Pinned && i.Entry != "":
		return fmt.Sprintf("pinned by the manifest (%s)", i.Entry)
	case i.Pinned:
		return "pinned by its own digest"
	case i.Entry != "":
		return fmt.Sprintf("not pinned: the manifest (%s) has no digest yet", i.Entry)
	}
	return "not pinned: the manifest does not know it"
}

func mountText(m runtime.Mount) string {
	mode := "rw"
	if m.ReadOnly {
		mode = "ro"
	}
	if m.Source == m.Target {
		return m.Source + " " + mode
	}
	return fmt.Sprintf("%s on %s %s", m.Source, m.Target, mode)
}
