package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/bundle"
	"github.com/hal0ai/hal0-go/manifest/registry"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// registryFlags adds the flags of verbs that ask registries, and returns what
// makes the client.
func registryFlags(cmd *cobra.Command) func() (*registry.Client, error) {
	insecure := cmd.Flags().StringSlice("insecure-registry", nil, "speak plain HTTP to `HOST`")
	return func() (*registry.Client, error) { return registry.New(registry.WithInsecure(*insecure...)) }
}

func (a *app) check() *cobra.Command {
	var ask bool
	var client func() (*registry.Client, error)
	cmd := a.verb("check", "Compare the images of the box with their pinned digests", noArgs, func(cmd *cobra.Command, _ []string) error {
		from, err := client()
		if err != nil {
			return err
		}
		defer func() { _ = from.Close() }()
		box, done, err := a.withPodman(hal0.WithRegistry(from))
		if err != nil {
			return err
		}
		defer done()
		var opts []hal0.CallOption
		if ask {
			opts = append(opts, hal0.AskRegistry())
		}
		results, err := box.CheckImages(cmd.Context(), opts...)
		if results == nil || err != nil && !errors.Is(err, hal0.ErrInvalid) {
			return err
		}
		return a.printChecks(results, err)
	})
	cmd.Flags().BoolVar(&ask, "registry", false, "ask the registries too what they serve")
	client = registryFlags(cmd)
	return cmd
}

// printChecks prints results, and beside them the references that are malformed,
// if any.
func (a *app) printChecks(results []manifest.Result, malformed error) error {
	table := make([][]string, 1, 1+len(results))
	table[0] = []string{"IMAGE", "VERDICT", "PINNED", "LOCAL", "REGISTRY", "WHAT IS KNOWN"}
	var failed error
	if malformed != nil {
		_, _ = fmt.Fprintln(a.stderr, malformed)
		failed = errProblems
	}
	for _, r := range results {
		local, served := "", ""
		if r.Local != nil && len(r.Local.Digests) > 0 {
			local = shortDigest(r.Local.Digests[0])
		}
		if r.Registry != nil {
			served = shortDigest(r.Registry.Digest)
		}
		name := r.Pin.Name
		if name == "" {
			name = r.Pin.Ref
		}
		table = append(table, []string{name, string(r.Verdict), shortDigest(r.Pin.Digest), local, served, r.Message})
		if isProblem(r) {
			failed = errProblems
		}
	}
	if a.json {
		if err := a.printJSON(append([]manifest.Result{}, results...)); err != nil {
			return err
		}
		return failed
	}
	if err := a.table(table); err != nil {
		return err
	}
	return failed
}

// isProblem reports whether there is more amiss with an image than that it is not
// pulled yet or not published.
func isProblem(r manifest.Result) bool {
	switch r.Verdict {
	case manifest.Match, manifest.Unpublished:
		return false
	case manifest.Absent:
		return r.Registry != nil && r.Registry.PinGone
	case manifest.Drift, manifest.Stale, manifest.Unreachable, manifest.WrongPlatform:
	}
	return true
}

func shortDigest(d digest.Digest) string {
	_, hex, _ := strings.Cut(string(d), ":")
	return hex[:min(12, len(hex))]
}

func (a *app) pull() *cobra.Command {
	var all bool
	cmd := a.verb("pull [SLOT…]", "Fetch the images of slots", cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
		box, done, err := a.running()
		if err != nil {
			return err
		}
		defer done()
		if all {
			args = orEnabled(box, nil)
		}
		show := a.meter()
		type row struct {
			Slot   string        `json:"slot"`
			Image  runtime.Image `json:"image,omitzero"`
			Errors []problem     `json:"errors,omitempty"`
		}
		rows, problems := []row{}, []error{}
		for _, name := range args {
			image, err := box.Pull(cmd.Context(), name, hal0.OnPull(show.pull))
			show.clear()
			r := row{Slot: name, Image: image}
			if err != nil {
				r.Errors = problemsOf(err)
				problems = append(problems, err)
			} else if !a.json {
				a.printf("%s  %.12s\n", name, image.ID)
			}
			rows = append(rows, r)
		}
		if a.json {
			err = a.printJSON(rows)
		}
		return errors.Join(err, errors.Join(problems...))
	})
	cmd.Flags().BoolVar(&all, "all", false, "the images of all slots that are enabled")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if all != (len(args) == 0) {
			return errors.New("name the slots, or give --all")
		}
		return nil
	}
	return cmd
}

func (a *app) manifest() *cobra.Command {
	return group("manifest", "Show the pinned images, or pin them anew", a.manifestShow(), a.manifestLock())
}

func (a *app) manifestShow() *cobra.Command {
	return a.verb("show", "List the images that the manifest pins", noArgs, func(*cobra.Command, []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		pins := box.Manifest().Images()
		if a.json {
			err = a.printJSON(append([]manifest.Pin{}, pins...))
		} else {
			table := [][]string{{"NAME", "IMAGE", "DIGEST"}}
			for _, p := range pins {
				table = append(table, []string{p.Name, p.Ref, string(p.Digest)})
			}
			err = a.table(table)
		}
		if err != nil {
			return err
		}
		return a.complain(box, box.Home().Manifest())
	})
}

func (a *app) manifestLock() *cobra.Command {
	var dry, check bool
	var client func() (*registry.Client, error)
	cmd := a.verb("lock", "Ask the registries for each image's digest, and pin it in manifest.json", noArgs, func(cmd *cobra.Command, _ []string) error {
		from, err := client()
		if err != nil {
			return err
		}
		defer func() { _ = from.Close() }()
		box, err := a.open(hal0.WithRegistry(from))
		if err != nil {
			return err
		}
		var opts []hal0.EditOption
		if dry || check {
			opts = append(opts, hal0.DryRun())
		}
		lock, err := box.LockManifest(cmd.Context(), opts...)
		if err != nil {
			return err
		}
		if err := a.printLock(lock, dry || check); err != nil {
			return err
		}
		if check && (lock.Drifted() || gone(lock)) {
			return errProblems
		}
		return unanswered(lock)
	})
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would change, and change nothing")
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; exit with 3 if a registry serves something else than is pinned")
	client = registryFlags(cmd)
	return cmd
}

// gone reports whether a registry serves nothing any more where an image is
// pinned.
func gone(lock hal0.ManifestLock) bool {
	return slices.ContainsFunc(lock.Entries, func(e hal0.LockEntry) bool {
		return e.Err != nil && errors.Is(e.Err, manifest.ErrNotServed) && e.Before != ""
	})
}

// unanswered fails where a registry did not say what it serves.
func unanswered(lock hal0.ManifestLock) error {
	var names []string
	for _, e := range lock.Entries {
		if e.Err != nil {
			names = append(names, e.Name)
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("no registry told the digest of %s", strings.Join(names, ", "))
}

func (a *app) printLock(lock hal0.ManifestLock, dry bool) error {
	if a.json {
		return a.printJSON(lock)
	}
	kept := false
	for _, e := range lock.Entries {
		if e.Err != nil {
			a.printf("kept: %s: %v\n", e.Name, e.Err)
			kept = true
		}
	}
	switch {
	case !lock.Change.Changed() && kept:
		return nil // that the file says so already nobody knows
	case lock.Change.Changed() && !dry:
		a.printf("%s", lock.Change.Diff())
	}
	return a.printChange(lock.Change, dry)
}

// replace writes a file as a whole or, with an error, not at all. A link stays
// one; a pipe or a device is written to.
func replace(name string, write func(io.Writer) error) (err error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // the user's file
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".hal0-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = errors.Join(write(f), f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// input opens a file, or standard input for "-".
func input(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	return os.Open(name) //nolint:gosec // the user's file
}

// saveTo hands write a file, or standard output for "-".
func (a *app) saveTo(name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(a.stdout)
	}
	return replace(name, write)
}

func (a *app) images() *cobra.Command {
	return group("images", "Carry pinned images to a box that reaches no registry", a.saveImages(), a.loadImages())
}

func (a *app) saveImages() *cobra.Command {
	var opts bundle.Options
	var client func() (*registry.Client, error)
	cmd := a.verb("save FILE [SLOT…]", "Write the pinned images of slots, of all that are enabled when none is named, to an archive", cobra.MinimumNArgs(1), func(cmd *cobra.Command, args []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		pins, err := box.PinsOf(args[1:]...)
		if err != nil {
			return err
		}
		from, err := client()
		if err != nil {
			return err
		}
		defer func() { _ = from.Close() }()
		show := a.meter()
		defer show.clear()
		opts.Report = show.bundle
		var images []bundle.Image
		err = a.saveTo(args[0], func(w io.Writer) (err error) {
			images, err = bundle.Save(cmd.Context(), w, from, pins, opts)
			return err
		})
		if err != nil || args[0] == "-" {
			return err
		}
		return a.printImages(images)
	})
	client = registryFlags(cmd)
	cmd.Flags().StringVar(&opts.Platform, "platform", "", "the `OS/ARCH` of the box (default linux and that of this machine)")
	return cmd
}

func (a *app) loadImages() *cobra.Command {
	var opts bundle.Options
	cmd := a.verb("load FILE", "Verify an archive of images and give them to podman; - reads standard input", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		rt, err := podman.New(a.podman)
		if err != nil {
			return err
		}
		defer func() { _ = rt.Close() }()
		box, err := a.open()
		if err != nil {
			return err
		}
		archive, err := input(cmd, args[0])
		if err != nil {
			return err
		}
		defer archive.Close() //nolint:errcheck // only read
		show := a.meter()
		defer show.clear()
		opts.Report = show.bundle
		images, err := bundle.Load(cmd.Context(), archive, rt, box.Pins(), opts)
		if err != nil {
			return err
		}
		return a.printImages(images)
	})
	cmd.Flags().StringVar(&opts.Dir, "tmp", "", "unpack the archive in `DIR`, which has to have room for it")
	return cmd
}

func (a *app) printImages(images []bundle.Image) error {
	if a.json {
		return a.printJSON(append([]bundle.Image{}, images...))
	}
	for _, image := range images {
		a.printf("%s  %d MB\n", image.Ref, image.Size>>20)
	}
	return nil
}
