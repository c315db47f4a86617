package main

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// app is one run of the program: where it prints and its global flags.
type app struct {
	stdout, stderr io.Writer
	started        bool // a verb's own work has begun: errors are no longer about usage

	home    string
	sysroot string
	podman  string
	demo    bool
	json    bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "hal0-mini",
		Short:         "Read, explain and run the slots of a hal0 box",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	flags := root.PersistentFlags()
	flags.StringVar(&a.home, "home", os.Getenv(hal0.HomeVar), "read the box's files under `DIR`/etc/hal0 and DIR/var-lib/hal0 (default $HAL0_HOME, else /etc/hal0 and /var/lib/hal0)")
	flags.StringVar(&a.sysroot, "sysroot", "/", "look for device nodes, groups and model files under `DIR`")
	flags.StringVar(&a.podman, "podman", podman.DefaultURI(), "podman's API socket as a `URI`")
	flags.BoolVar(&a.demo, "demo", false, "use the sample box that is built in")
	flags.BoolVar(&a.json, "json", false, "print JSON")
	root.MarkFlagsMutuallyExclusive("demo", "home")
	root.MarkFlagsMutuallyExclusive("demo", "sysroot")
	root.AddCommand(a.devices(), a.profiles(), a.slots(), a.resolve(), a.up(), a.down(), a.diff(), a.apply(), a.doctor(), a.status(), a.observe(), a.logs(),
		a.create(), a.set(), a.unset(), a.validate(), a.migrate(), a.probe(), a.recommend(),
		a.watch(), a.serve(), a.schema(), a.check(), a.pull(), a.manifest(), a.images())
	return root
}

// verb makes a command whose work is do.
func (a *app) verb(use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
		a.started = true
		return do(cmd, args)
	}}
}

// group makes a command that is nothing but those below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(below...)
	return cmd
}

// noArgs is for verbs that take flags alone.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, got %q", cmd.Name(), args[0])
	}
	return nil
}

//go:embed demo
var demo embed.FS

// open opens the box that the flags name.
func (a *app) open(more ...hal0.Option) (*hal0.Box, error) {
	home, options, err := a.where()
	if err != nil {
		return nil, err
	}
	return hal0.Open(home, append(options, more...)...)
}

// where is the box that the flags name, as it is opened.
func (a *app) where() (hal0.Home, []hal0.Option, error) {
	if a.demo {
		options, err := demoOptions()
		return hal0.DefaultHome(), options, err
	}
	root, err := absolute(cmp.Or(a.sysroot, "/"))
	if err != nil {
		return hal0.Home{}, nil, err
	}
	var options []hal0.Option
	if root != "/" {
		options = append(options, hal0.WithSysroot(os.DirFS(root)))
	}
	home, err := a.homeDir()
	return home, options, err
}

// absolute returns the path of a directory that is there.
func absolute(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", abs)
	}
	return abs, err
}

// demoOptions open the sample box.
func demoOptions() ([]hal0.Option, error) {
	files, err := fs.Sub(demo, "demo")
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(files, "host.json")
	if err != nil {
		return nil, err
	}
	var host device.Host
	if err := json.Unmarshal(data, &host); err != nil {
		return nil, err
	}
	none := func(string) string { return "" }
	return []hal0.Option{hal0.WithFiles(files), hal0.WithHost(host), hal0.WithGetenv(none)}, nil
}

// homeDir is where the flags say that the box's files are.
func (a *app) homeDir() (hal0.Home, error) {
	if a.home == "" {
		return hal0.DefaultHome(), nil
	}
	dir, err := absolute(a.home)
	return hal0.HomeAt(dir), err
}

// errDemo: the sample box is there to be looked at.
var errDemo = errors.New("the sample box has no models and no images: it can be resolved, not run")

// running is withPodman for verbs about slots that run. Those that the sample box
// could find are another box's, of slots that happen to have the same names.
func (a *app) running() (*hal0.Box, func(), error) {
	if a.demo {
		return nil, nil, errDemo
	}
	return a.withPodman()
}

// withPodman opens the box with podman to run it, and returns what closes the
// connection.
func (a *app) withPodman(more ...hal0.Option) (*hal0.Box, func(), error) {
	rt, err := podman.New(a.podman)
	if err != nil {
		return nil, nil, err
	}
	box, err := a.open(append(more, hal0.WithRuntime(rt))...)
	return box, func() { _ = rt.Close() }, err
}
