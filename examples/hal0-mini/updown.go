package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/runtime"
)

func (a *app) up() *cobra.Command {
	var makeRoom bool
	var launch func() []hal0.CallOption
	cmd := a.verb("up [SLOT…]", "Start slots and wait until they are ready; all that are enabled when none is named", cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
		box, done, err := a.running()
		if err != nil {
			return err
		}
		defer done()
		opts := launch()
		if makeRoom {
			opts = append(opts, hal0.MakeRoom())
		}
		results := []result{}
		for _, name := range orEnabled(box, args) {
			status, err := box.Up(cmd.Context(), name, opts...)
			results = append(results, resultOf(name, status, err))
		}
		return a.finish(results)
	})
	launch = a.launchFlags(cmd)
	cmd.Flags().BoolVar(&makeRoom, "make-room", false, "take down the slots on the GPU that have to stop first")
	return cmd
}

// launchFlags adds the flags of verbs that start servers, and returns what makes
// options of them. With these options, progress is shown.
func (a *app) launchFlags(cmd *cobra.Command) func() []hal0.CallOption {
	verify, pull := hal0.VerifyEnforce, hal0.PullMissing
	cmd.Flags().Func("verify", "what to do with an image that is not the pinned one: `POLICY` enforce, warn or off (default enforce)", func(s string) (err error) {
		verify, err = hal0.ParseVerifyPolicy(s)
		return err
	})
	cmd.Flags().Func("pull", "when to fetch images: `POLICY` missing, always or never (default missing)", func(s string) (err error) {
		pull, err = hal0.ParsePullPolicy(s)
		return err
	})
	var within time.Duration // 0 is the library's default
	cmd.Flags().Func("timeout", "how long a started server may take to be ready: a `DURATION` above 0, such as 90s (default 5m)", func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return errors.New("must be a duration above 0, such as 90s or 5m")
		}
		within = d
		return nil
	})
	return func() []hal0.CallOption {
		show := a.meter()
		return []hal0.CallOption{
			hal0.ReadyWithin(within), hal0.VerifyImage(verify), hal0.PullImage(pull),
			hal0.OnProgress(func(e hal0.Event) { show.clear(); a.progress(e) }), hal0.OnPull(show.bytes),
		}
	}
}

// orEnabled returns names, or those of every slot that is enabled or can't be
// read, so that the latter are complained of.
func orEnabled(box *hal0.Box, names []string) []string {
	if len(names) > 0 {
		return names
	}
	for _, name := range box.Names() {
		if s, err := box.Slot(name); err != nil || s.IsEnabled() {
			names = append(names, name)
		}
	}
	return names
}

// progress prints steps as they happen, apart from the result.
func (a *app) progress(e hal0.Event) {
	if !a.json {
		warning := ""
		if e.Warning {
			warning = "warning: "
		}
		_, _ = fmt.Fprintf(a.stderr, "%s  %-9s  %s%s\n", e.Slot, e.State, warning, e.Message)
	}
}

func (a *app) down() *cobra.Command {
	return a.verb("down [SLOT…]", "Stop slots and remove their containers; all of the box when none is named", cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
		box, done, err := a.running()
		if err != nil {
			return err
		}
		defer done()
		if len(args) == 0 {
			all, err := box.StatusAll(cmd.Context())
			if err != nil {
				return err
			}
			for _, s := range all {
				args = append(args, s.Slot)
			}
		}
		results := []result{}
		for _, name := range args {
			err := box.Down(cmd.Context(), name)
			results = append(results, resultOf(name, hal0.Status{Slot: name, State: hal0.StateOffline}, err))
		}
		return a.finish(results)
	})
}

// A result is what became of one slot, as JSON has it.
type result struct {
	hal0.Status
	Errors []problem `json:"errors,omitempty"`

	err error
}

func resultOf(name string, s hal0.Status, err error) result {
	if err == nil {
		return result{Status: s}
	}
	return result{Status: hal0.Status{Slot: name, State: hal0.StateError, Reason: err.Error()}, Errors: problemsOf(err), err: err}
}

// finish prints results, and fails with the errors among them.
func (a *app) finish(results []result) error {
	var errs []error
	for _, r := range results {
		if r.err != nil {
			errs = append(errs, r.err)
		}
	}
	if a.json {
		if err := a.printJSON(results); err != nil {
			return err
		}
	} else {
		for _, r := range results {
			if r.err == nil {
				a.printUp(r.Status)
			}
		}
	}
	return a.failure(errs)
}

// printUp tells what became of a slot, and where it is.
func (a *app) printUp(s hal0.Status) { a.printf("%s  %s%s\n", s.Slot, s.State, where(s)) }

// failure is what a verb ends with that met these errors: as problems when they
// all are of configuration.
func (a *app) failure(errs []error) error {
	all := errors.Join(errs...)
	if all == nil || slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, hal0.ErrInvalid) }) {
		return all
	}
	_, _ = fmt.Fprintln(a.stderr, all)
	return errProblems
}

// where tells the address of a slot that is up.
func where(s hal0.Status) string {
	if s.Container == nil || s.Container.State != runtime.StateRunning || len(s.Container.Publish) == 0 {
		return ""
	}
	p := s.Container.Publish[0]
	return fmt.Sprintf("  http://%s:%d", p.HostIP, p.HostPort)
}
