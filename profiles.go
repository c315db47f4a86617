package hal0

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// Errors of edits of profiles.
var (
	// ErrProfileInUse: a slot uses the profile.
	ErrProfileInUse = errors.New("a slot uses the profile")
	// ErrSeed: the profile is one that hal0 comes with.
	ErrSeed = profile.ErrSeed
	// ErrProfileExists: there is a profile of that name.
	ErrProfileExists = profile.ErrExists
	// ErrNoProfile: there is no profile of that name.
	ErrNoProfile = profile.ErrNoProfile
)

// A ProfileUse is a profile, what becomes of it, and who uses it.
type ProfileUse struct {
	profile.Profile
	// ResolvedFlags are its flags as they are launched, with the bundle of
	// multi-token prediction if that is on; see [slot.ProfileFlags].
	ResolvedFlags profile.Flags `json:"resolved_flags"`
	// Family is the provider that its image is for, and SlotTypes are what that
	// serves.
	Family    provider.Name       `json:"runtime_family"`
	SlotTypes []provider.SlotType `json:"supported_slot_types"`
	// Pin is how the manifest pins its image.
	Pin manifest.Pin `json:"image_pin"`
	// UsedBy are the names of the slots that name the profile, or take it because
	// they name none, sorted; disabled slots are among them.
	UsedBy []string `json:"used_by"`
	// Problems keep a slot that uses it from being launched, unless it has an image
	// and mtp of its own in place of the profile's. ResolvedFlags are empty when the
	// flags have any.
	Problems ValidationErrors `json:"problems,omitempty"`
}

// ProfileUses returns the profiles that the box serves, in the order of their
// file, with the slots that use each.
func (b *Box) ProfileUses() []ProfileUse {
	users := b.profileUsers()
	list := b.profiles.List()
	uses := make([]ProfileUse, len(list))
	for i, p := range list {
		uses[i] = b.profileUse(p)
		uses[i].UsedBy = append([]string{}, users[p.Name]...)
	}
	return uses
}

func (b *Box) profileUse(p profile.Profile) ProfileUse {
	use := ProfileUse{Profile: p, Family: p.Family()}
	if server, err := b.opts.providers.Get(use.Family); err == nil {
		use.SlotTypes = slices.Clone(server.Facts().Types)
	}
	flags, err := slot.ProfileFlags(p, b.opts.providers)
	for _, problem := range conf.Problems(err) {
		use.Problems = append(use.Problems, b.profiles.Locate(problem))
	}
	if use.Pin, err = b.manifest.Resolve(p.Image); err != nil {
		use.Problems = append(use.Problems, b.profiles.Locate(conf.At(conf.ErrValue, err.Error(), "profile", p.Name, "image")))
	}
	use.ResolvedFlags = profile.FlagsOf(argv.Argv(flags)...)
	return use
}

// profileUsers returns the names of the slots that use a profile, by its name.
func (b *Box) profileUsers() map[string][]string {
	users := map[string][]string{}
	for i := range b.slots {
		e := &b.slots[i]
		var name string
		if e.err == nil {
			name = slot.ProfileOf(e.file.Slot, slot.Inputs{Profiles: b.profiles, Providers: b.opts.providers})
		} else {
			name = b.profileNamedBy(e.name)
		}
		if name != "" {
			users[name] = append(users[name], e.name)
		}
	}
	return users
}

// profileNamedBy returns the profile that the file of a slot names, though it
// has problems: mended, it needs that profile.
func (b *Box) profileNamedBy(slotName string) string {
	data, err := b.read(b.home.Slot(slotName), maxConfig)
	if err != nil {
		return ""
	}
	doc, err := conf.ParseTOML(b.home.Slot(slotName), data)
	if err != nil {
		return ""
	}
	for _, path := range [][]string{{"profile"}, {"slot", "profile"}} {
		if v, ok := doc.Value(path...); ok {
			name, _ := v.(string)
			return name
		}
	}
	return ""
}

// CreateProfile adds a profile to profiles.toml. p needs a name that no profile
// and no seed has, and an image; what is zero is left out. The first change of a
// box without profiles.toml makes one that serves the seeds too.
//
// The edits of profiles work like [Box.SetSettings]. Their errors are
// [ValidationErrors], and match [ErrSeed], [ErrProfileExists], [ErrNoProfile] or
// [ErrProfileInUse] where that is the reason.
func (b *Box) CreateProfile(ctx context.Context, p profile.Profile, opts ...EditOption) (Change, error) {
	return b.edit(ctx, b.home.Profiles(), opts, func(old []byte, _ *Box) ([]byte, error) {
		return profile.Create(b.home.Profiles(), old, p)
	})
}

// CloneProfile copies the profile from, a seed or not, to one called to, and
// changes the copy by edits, which may be none.
func (b *Box) CloneProfile(ctx context.Context, from, to string, edits []Edit, opts ...EditOption) (Change, error) {
	return b.edit(ctx, b.home.Profiles(), opts, func(old []byte, _ *Box) ([]byte, error) {
		return profile.Clone(b.home.Profiles(), old, from, to, edits)
	})
}

// UpdateProfile changes the keys of a profile that edits name, and no others.
// The keys are those of [profile.Edit]. A seed can't be changed, and a profile
// not so that a slot which uses it could no longer be launched.
func (b *Box) UpdateProfile(ctx context.Context, name string, edits []Edit, opts ...EditOption) (Change, error) {
	return b.edit(ctx, b.home.Profiles(), opts, func(old []byte, now *Box) ([]byte, error) {
		text, err := profile.Update(b.home.Profiles(), old, name, edits)
		if err != nil {
			return nil, err
		}
		return text, now.stillResolve(name, text)
	})
}

// DeleteProfile removes a profile that is no seed and that no slot uses.
func (b *Box) DeleteProfile(ctx context.Context, name string, opts ...EditOption) (Change, error) {
	return b.edit(ctx, b.home.Profiles(), opts, func(old []byte, now *Box) ([]byte, error) {
		text, err := profile.Delete(b.home.Profiles(), old, name)
		if err == nil {
			err = now.unused(name)
		}
		return text, err
	})
}

// unused returns an error when a slot uses a profile, or may: its file can't be
// read at all.
func (b *Box) unused(name string) error {
	problem := func(format string, args ...any) error {
		p := conf.At(conf.ErrConflict, fmt.Sprintf(format, args...), "profile", name)
		p.Err = ErrProfileInUse
		return ValidationErrors{b.profiles.Locate(p)}
	}
	if users := b.profileUsers()[name]; len(users) > 0 {
		return problem("is used by %s: choose another profile there first", slotList(users))
	}
	for _, e := range b.slots {
		if errors.Is(e.err, ErrSyntax) || errors.Is(e.err, ErrUnreadable) {
			return problem("can't be deleted while %s can't be read, which may use it: mend that file first", b.home.Slot(e.name))
		}
	}
	return nil
}

// ExportProfile returns a profile as [profile.Export] writes it, for another
// box.
func (b *Box) ExportProfile(name string) ([]byte, error) {
	p, err := b.profiles.Get(name)
	switch {
	case errors.Is(err, ErrInvalid): // it has problems
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNoProfile, err)
	}
	return profile.Export(p)
}

// ImportProfile adds a profile that [Box.ExportProfile] returned on this box or
// another one. file is what errors call data. The profile is called name, or as
// it was when that is "".
func (b *Box) ImportProfile(ctx context.Context, file string, data []byte, name string, opts ...EditOption) (Change, error) {
	p, err := profile.Import(file, data)
	if err != nil {
		return Change{}, err
	}
	if name != "" {
		p.Name = name
	}
	return b.CreateProfile(ctx, p, opts...)
}

// stillResolve returns an error when a slot that uses a profile has a problem
// with the profiles in text that it does not have now.
func (b *Box) stillResolve(name string, text []byte) error {
	profiles, _ := profile.Parse(b.home.Profiles(), text) // whose problems are looked for elsewhere
	var problems ValidationErrors
	for _, user := range b.profileUsers()[name] {
		e, err := b.entry(user)
		if err != nil {
			continue // it can't be launched anyhow
		}
		in := b.inputs(&e.file.Slot, &call{})
		_, before := e.file.Resolve(in)
		in.Profiles = profiles
		_, after := e.file.Resolve(in)
		for _, worse := range conf.Worse(before, after) {
			p := conf.At(conf.ErrConflict, fmt.Sprintf("slot %s could not be launched any more: %s: %s", user, worse.Path, worse.Message), "profile", name)
			p.Err = worse
			problems = append(problems, b.profiles.Locate(p))
		}
	}
	return problems.Err()
}

func slotList(names []string) string {
	if len(names) == 1 {
		return "slot " + names[0]
	}
	names = slices.Clone(names)
	return "slots " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
