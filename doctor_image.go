package hal0

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// image looks at the local image, and holds the flags against what its server
// accepts.
func (x *exam) image(ctx context.Context) []slot.Finding {
	if x.runtime == nil {
		return nil
	}
	image, found := x.localImage(ctx)
	help, unchecked := x.accepts(ctx, image)
	if help == nil {
		return []slot.Finding{found, unchecked}
	}
	x.help = help
	return append([]slot.Finding{found}, x.file.CheckFlags(&x.plan, help, x.inputs)...)
}

// localImage judges the image as Up would. It returns the id of one that may be
// launched, else "".
func (x *exam) localImage(ctx context.Context) (id string, found slot.Finding) {
	pin, err := x.box.manifest.Resolve(x.plan.Image.Ref)
	if err != nil {
		return "", amiss(slot.FindImage, err, "", "image")
	}
	local, err := localImage(ctx, x.runtime, pin)
	if err != nil {
		return "", amiss(slot.FindRuntime, err, "")
	}
	result := manifest.Judge(pin, platform(), &local, nil)
	found = slot.Finding{Severity: slot.SeverityInfo, Code: slot.FindImageReady, Message: pin.Ref + ": " + result.Message}
	switch {
	case result.Verdict == manifest.WrongPlatform:
		found.Severity, found.Code, found.Err = slot.SeverityError, slot.FindImage, ErrImage
	case local.ID == "" || !result.Verdict.Launchable():
		found.Severity, found.Code, found.Err = slot.SeverityWarning, slot.FindImageAbsent, runtime.ErrImageNotFound
		found.Fix = "pull it; bringing the slot up does so too, unless it is told not to"
	default:
		id = local.ID
	}
	return id, found
}

// helpWithin bounds how long an image may take to print its help. Servers with a
// GPU's libraries take a second or two from a cold disk.
const helpWithin = 30 * time.Second

// accepts returns what the server in an image accepts, or why that is not known. An
// image that may not be launched is not run for this either.
func (x *exam) accepts(ctx context.Context, image string) (*provider.Help, slot.Finding) {
	unchecked := func(severity slot.Severity, format string, args ...any) slot.Finding {
		return slot.Finding{Severity: severity, Code: slot.FindFlagUnchecked, Message: "the flags are not checked: " + fmt.Sprintf(format, args...)}
	}
	prov, err := x.box.opts.providers.Get(x.plan.Provider)
	if err != nil || prov.Facts().Help == nil {
		return nil, unchecked(slot.SeverityInfo, "%s does not print what it accepts", x.plan.Provider)
	}
	runner, ok := x.runtime.(runtime.Runner)
	switch {
	case !ok:
		return nil, unchecked(slot.SeverityInfo, "the container runtime can't run an image to ask it")
	case image == "":
		return nil, unchecked(slot.SeverityInfo, "the image to launch is not there to be asked")
	}
	help, err := x.box.helps.get(image, func() (*provider.Help, error) {
		return askHelp(ctx, runner, runtime.Once{Image: x.plan.Spec.Image, ImageID: image, Command: prov.Facts().Help, Within: helpWithin})
	})
	if err != nil {
		return nil, unchecked(slot.SeverityWarning, "the server in image %s does not tell what it accepts: %v", x.plan.Image.Ref, err)
	}
	return help, slot.Finding{}
}

// askHelp runs an image once, and reads the help that its server prints.
func askHelp(ctx context.Context, runner runtime.Runner, run runtime.Once) (*provider.Help, error) {
	out, err := runner.RunOnce(ctx, run)
	if err != nil {
		return nil, err
	}
	help, err := provider.ReadHelp(out.Stdout)
	said, _, _ := strings.Cut(out.Stderr, "\n")
	switch {
	case out.ExitCode != 0:
		return nil, fmt.Errorf("%s ends with code %d: %s", strings.Join(run.Command, " "), out.ExitCode, said)
	case err == nil && out.Truncated:
		return nil, errors.New("it prints too much")
	}
	return help, err
}

// helps are what images accept, by their ids.
type helps struct {
	mu      sync.Mutex
	byImage map[string]*provider.Help
}

// get returns what is known of an image, or what ask returns. Two callers may ask at
// the same time.
func (h *helps) get(image string, ask func() (*provider.Help, error)) (*provider.Help, error) {
	h.mu.Lock()
	known := h.byImage[image]
	h.mu.Unlock()
	if known != nil {
		return known, nil
	}
	help, err := ask()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byImage == nil {
		h.byImage = map[string]*provider.Help{}
	}
	h.byImage[image] = help
	return help, nil
}
