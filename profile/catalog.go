package profile

import (
	_ "embed"
	"slices"
	"sync"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
)

//go:embed seeds.toml
var seedsTOML []byte

// bench are the throughputs of the seeds, measured by hal0 on a Strix Halo.
var bench = map[string]struct{ tps, rtf float64 }{
	"rocm": {tps: 52.8}, "rocm-dnse": {tps: 30.4}, "rocm-moe": {tps: 90}, "vulkan": {tps: 41}, "flm": {tps: 38.6},
	"tts": {rtf: 0.18},
}

// A Catalog is an immutable list of profiles. The zero value is empty. It may
// be used concurrently.
type Catalog struct {
	list     []Profile
	byName   map[string]int
	problems map[string]conf.ValidationErrors
	doc      *conf.Document
}

// Seeds returns the built-in catalog, which a box without profiles.toml serves.
func Seeds() Catalog { return seeds() }

var seeds = sync.OnceValue(func() Catalog {
	c, err := parse("seeds.toml", seedsTOML)
	if err != nil || len(c.problems) > 0 {
		panic("the embedded seed catalog does not load") // a test loads it
	}
	for i := range c.list {
		p := &c.list[i]
		p.Seed, p.TPS, p.RTF = true, bench[p.Name].tps, bench[p.Name].rtf
	}
	return c
})

// isSeed reports whether a name is a seed's.
func isSeed(name string) bool {
	_, ok := Seeds().byName[name]
	return ok
}

// markSeeds marks the profiles that have a seed's name. What the bench measured
// stands for those that launch what it launched.
func (c *Catalog) markSeeds() {
	for i := range c.list {
		p := &c.list[i]
		seed, err := Seeds().Get(p.Name)
		if err != nil {
			continue
		}
		p.Seed = true
		if p.Image == seed.Image && p.MTP == seed.MTP && slices.Equal(p.Flags.Words(), seed.Flags.Words()) {
			p.TPS, p.RTF = seed.TPS, seed.RTF
		}
	}
}

// New returns a catalog of the given profiles. A later one of a name replaces
// an earlier one.
func New(profiles ...Profile) Catalog {
	c := Catalog{byName: make(map[string]int, len(profiles))}
	for _, p := range profiles {
		p.Class, p.Backend = p.class(), p.backend()
		if i, ok := c.byName[p.Name]; ok {
			c.list[i] = p
			continue
		}
		c.byName[p.Name] = len(c.list)
		c.list = append(c.list, p)
	}
	return c
}

// entry is one [profile.NAME] table.
type entry struct {
	Image      string         `koanf:"image" validate:"required"`
	Flags      Flags          `koanf:"flags" conf:"multiline"`
	MTP        bool           `koanf:"mtp"`
	Class      device.Class   `koanf:"device_class"`
	Backend    device.Backend `koanf:"backend"`
	Intent     string         `koanf:"intent"`
	Quant      string         `koanf:"quant"`
	ClonedFrom string         `koanf:"cloned_from"`
}

type file struct {
	Profiles map[string]*entry `koanf:"profile" validate:"dive"`
}

// Parse reads a profiles.toml; name is what errors call the file. Profiles
// with problems are left out of the catalog, and asking for one returns them;
// the others can be used. The error holds every problem of the file.
func Parse(name string, data []byte) (Catalog, error) {
	c, err := parse(name, data)
	c.markSeeds()
	return c, err
}

func parse(name string, data []byte) (Catalog, error) {
	doc, err := conf.ParseTOML(name, data)
	if err != nil {
		return Catalog{}, err
	}
	var f file
	all := conf.Problems(doc.Decode(&f, conf.Reject))
	for key := range f.Profiles {
		if err := CheckName(key); err != nil {
			all = append(all, doc.Problem(conf.ErrValue, err.Error(), "profile", key))
		}
	}
	all.Sort()
	c := Catalog{byName: map[string]int{}, problems: map[string]conf.ValidationErrors{}, doc: doc}
	for _, p := range all {
		if len(p.Keys) > 1 && p.Keys[0] == "profile" {
			c.problems[p.Keys[1]] = append(c.problems[p.Keys[1]], p)
		}
	}
	c.add(f.Profiles)
	return c, all.Err()
}

// add appends the entries without problems, in the order of the file.
func (c *Catalog) add(entries map[string]*entry) {
	type placed struct {
		name      string
		line, col int
	}
	var order []placed
	for name, e := range entries {
		if e == nil || c.problems[name] != nil {
			continue
		}
		line, col := c.doc.At("profile", name)
		order = append(order, placed{name, line, col})
	}
	slices.SortFunc(order, func(a, b placed) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.col - b.col
	})
	for _, o := range order {
		e := entries[o.name]
		p := Profile{
			Name: o.name, Image: e.Image, Flags: e.Flags, MTP: e.MTP, Class: e.Class, Backend: e.Backend,
			Intent: e.Intent, Quant: e.Quant, ClonedFrom: e.ClonedFrom,
		}
		p.Class, p.Backend = p.class(), p.backend()
		c.byName[p.Name] = len(c.list)
		c.list = append(c.list, p)
	}
}

// List returns the profiles in the order of their file. The slice is the
// caller's.
func (c Catalog) List() []Profile { return slices.Clone(c.list) }

// Names returns the names in the order of their file. The slice is the
// caller's.
func (c Catalog) Names() []string {
	names := make([]string, len(c.list))
	for i, p := range c.list {
		names[i] = p.Name
	}
	return names
}

// Get returns the profile of that name. The error lists the names there are,
// or, for a profile that did not load, holds its problems.
func (c Catalog) Get(name string) (Profile, error) {
	if i, ok := c.byName[name]; ok {
		return c.list[i], nil
	}
	if ps := c.problems[name]; len(ps) > 0 {
		return Profile{}, ps
	}
	return Profile{}, &enum.Error{Kind: "profile", Found: name, Allowed: c.Names()}
}

// Locate adds the position in the catalog's file to a problem of one of its
// keys. A catalog without a file returns it as it is.
func (c Catalog) Locate(p conf.ValidationError) conf.ValidationError {
	if c.doc == nil {
		return p
	}
	return c.doc.Locate(p)
}
