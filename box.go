package hal0

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// A Box is what a box's files and hardware said when it was opened. It does not
// change; open the box again to see an edit. All methods may be called
// concurrently.
type Box struct {
	home Home
	opts options

	profiles profile.Catalog
	manifest *manifest.Manifest
	registry slot.Registry
	host     device.Host
	paths    provider.Paths
	settings Settings
	slots    []entry // sorted by name
	noSlots  bool    // their directory is not there

	// broken are the problems of files that every slot depends on;
	// registryErr are those of a registry that could not be read at all.
	broken      conf.ValidationErrors
	registryErr error
	problems    conf.ValidationErrors

	models modelFiles
	gates  gates
	helps  helps
}

// An entry is one slot file, read or not.
type entry struct {
	name string
	file *slot.File
	err  error
	port int // that it asks for; 0 when that can't be told
}

// Settings is hal0.toml. Tables that belong to other programs are not read.
type Settings struct {
	Slots  SlotSettings  `koanf:"slots"`
	Models ModelSettings `koanf:"models"`
}

// SlotSettings is the [slots] table of hal0.toml.
type SlotSettings struct {
	// PortRangeStart and PortRangeEnd bound the ports handed to new slots; 8081
	// and 8099 when absent.
	PortRangeStart int `koanf:"port_range_start" validate:"min=1,max=65535"`
	PortRangeEnd   int `koanf:"port_range_end" validate:"min=1,max=65535"`
	// MaxSlots bounds how many slots there may be; 0 is no bound.
	MaxSlots int `koanf:"max_slots" validate:"min=0"`
}

// ModelSettings is the [models] table of hal0.toml.
type ModelSettings struct {
	// Store is the absolute path of the model store; "" is /mnt/ai-models.
	Store string `koanf:"store"`
}

// defaultStore is where models are when nothing says otherwise.
const defaultStore = "/mnt/ai-models"

// Sizes that files may have. The registry of a large collection is a few MB.
const (
	maxConfig   = 1 << 20
	maxRegistry = 64 << 20
)

// Open reads the box at home: hal0.toml, profiles.toml or the built-in seeds,
// manifest.json or the built-in one, the model registry, and every slot file.
// Files that are not there are not problems; neither is an empty home.
//
// A file with problems does not keep the box from being opened: they are in
// [Box.Problems], and come back from [Box.Resolve] for the slots that they
// concern. The error is for what leaves no box at all: hardware that can't be
// looked at, a directory that can't be listed.
//
// Open blocks on reading files. Nothing is written.
func Open(home Home, opts ...Option) (*Box, error) { return open(home, makeOptions(opts)) }

func open(home Home, opts options) (*Box, error) {
	b := &Box{home: home, opts: opts}
	b.gates.init()
	b.readSettings()
	b.readProfiles()
	b.readManifest()
	b.readRegistry()
	if err := b.detect(); err != nil {
		return nil, err
	}
	if err := b.readSlots(); err != nil {
		return nil, err
	}
	b.problems.Sort()
	return b, nil
}

// read returns a file of the box.
func (b *Box) read(name string, limit int64) ([]byte, error) {
	if b.opts.files != nil {
		return conf.ReadFS(b.opts.files, strings.TrimPrefix(name, "/"), limit)
	}
	return conf.ReadFile(name, limit)
}

// readShared reads a file that every slot depends on; ok is false when it is
// not there or can't be read, which is noted.
func (b *Box) readShared(name string) (data []byte, ok bool) {
	data, err := b.read(name, maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.breaks(err)
	}
	return data, err == nil
}

// breaks notes problems of a file that every slot depends on.
func (b *Box) breaks(err error) {
	ps := conf.Problems(err)
	b.broken = append(b.broken, ps...)
	b.problems = append(b.problems, ps...)
}

func (b *Box) readSettings() {
	b.settings = defaultSettings()
	if data, ok := b.readShared(b.home.Settings()); ok {
		var err error
		b.settings, err = parseSettings(b.home.Settings(), data)
		b.breaks(err)
	}
	store := cmp.Or(b.opts.getenv("HAL0_MODEL_STORE"), b.settings.Models.Store, defaultStore)
	b.paths = provider.Paths{
		Store:   store,
		FLM:     cmp.Or(b.opts.getenv("HAL0_FLM_MODELS_DIR"), "/var/lib/hal0/.config/flm/models"),
		ComfyUI: cmp.Or(b.opts.getenv("HAL0_COMFYUI_DATA_ROOT"), path.Join(store, "comfyui")),
	}
}

func defaultSettings() Settings {
	return Settings{Slots: SlotSettings{PortRangeStart: 8081, PortRangeEnd: 8099}}
}

// parseSettings reads a hal0.toml; name is what errors call it. What has a
// problem is left at its default.
func parseSettings(name string, data []byte) (Settings, error) {
	s := defaultSettings()
	doc, err := conf.ParseTOML(name, data)
	if err != nil {
		return s, err
	}
	problems := conf.Problems(doc.Decode(&s, conf.Ignore))
	if s.Slots.PortRangeEnd < s.Slots.PortRangeStart {
		problems = append(problems, doc.Problem(conf.ErrConflict,
			fmt.Sprintf("is %d, below port_range_start, which is %d", s.Slots.PortRangeEnd, s.Slots.PortRangeStart), "slots", "port_range_end"))
	}
	if st := s.Models.Store; st != "" && !conf.IsPlainPath(st) {
		problems = append(problems, doc.Problem(conf.ErrValue, conf.NotPlainPath(st), "models", "store"))
	}
	return s, problems.Err()
}

// readProfiles reads profiles.toml. A profile with problems concerns the slots
// that use it; a file that can't be read at all concerns every slot.
func (b *Box) readProfiles() {
	b.profiles = profile.Seeds()
	data, ok := b.readShared(b.home.Profiles())
	if !ok {
		return
	}
	var err error
	b.profiles, err = profile.Parse(b.home.Profiles(), data)
	if errors.Is(err, conf.ErrSyntax) {
		b.breaks(err)
	} else {
		b.problems = append(b.problems, conf.Problems(err)...)
	}
}

func (b *Box) readManifest() {
	b.manifest = manifest.Embedded()
	data, ok := b.readShared(b.home.Manifest())
	if !ok {
		return
	}
	m, err := manifest.Parse(b.home.Manifest(), data)
	b.breaks(err)
	b.manifest = m
}

// readRegistry reads the model registry. Its problems concern the slots that
// need a model from it.
func (b *Box) readRegistry() {
	data, err := b.read(b.home.Registry(), maxRegistry)
	if err == nil {
		b.registry, err = slot.ParseRegistry(b.home.Registry(), data)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	b.problems = append(b.problems, conf.Problems(err)...)
	if errors.Is(err, conf.ErrSyntax) || errors.Is(err, conf.ErrUnreadable) {
		b.registryErr = err
	}
}

// detect finds the hardware, unless it was handed in.
func (b *Box) detect() error {
	if b.opts.host != nil {
		b.host = *b.opts.host
		b.models.root = b.opts.sysroot
		return nil
	}
	root := b.opts.sysroot
	if root == nil {
		root = os.DirFS("/")
	}
	b.models.root = root
	var err error
	b.host, err = device.Detect(root)
	return err
}

// readSlots reads every slot file. One that can't be read leaves the others
// usable.
func (b *Box) readSlots() error {
	names, err := b.slotNames()
	if err != nil {
		return err
	}
	b.slots = make([]entry, len(names))
	for i, name := range names {
		b.slots[i] = b.readSlot(name)
		b.problems = append(b.problems, conf.Problems(b.slots[i].err)...)
	}
	return nil
}

func (b *Box) readSlot(name string) entry {
	e := entry{name: name}
	var data []byte
	if data, e.err = b.read(b.home.Slot(name), maxConfig); e.err == nil {
		e.file, e.err = slot.Parse(b.home.Slot(name), data, b.opts.providers)
	}
	if e.err != nil {
		e.port = slot.ClaimedPort(data)
	} else {
		e.port = e.file.Slot.Port
	}
	return e
}

// slotNames returns the stems of the slot files, sorted.
func (b *Box) slotNames() ([]string, error) {
	dir := b.home.Slots()
	var files []fs.DirEntry
	var err error
	if b.opts.files != nil {
		files, err = fs.ReadDir(b.opts.files, strings.TrimPrefix(dir, "/"))
	} else {
		files, err = os.ReadDir(dir)
	}
	b.noSlots = errors.Is(err, fs.ErrNotExist)
	if err != nil && !b.noSlots {
		return nil, fmt.Errorf("list slot files: %w", err)
	}
	var names []string
	for _, f := range files {
		stem, ok := strings.CutSuffix(f.Name(), ".toml")
		if ok && !strings.HasPrefix(stem, ".") {
			names = append(names, stem)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Home returns where the box was read from.
func (b *Box) Home() Home { return b.home }

// Settings returns what hal0.toml says, with its defaults.
func (b *Box) Settings() Settings { return b.settings }

// Profiles returns the profiles that the box serves.
func (b *Box) Profiles() profile.Catalog { return b.profiles }

// Providers returns the providers that slots can run.
func (b *Box) Providers() provider.Set { return b.opts.providers }

// Manifest returns the image pins, nil when manifest.json has problems.
func (b *Box) Manifest() *manifest.Manifest { return b.manifest }

// Registry returns the models that the box knows.
func (b *Box) Registry() slot.Registry { return b.registry }

// Host returns the hardware that plans are made for.
func (b *Box) Host() device.Host { return b.host }

// Paths returns the directories that containers mount.
func (b *Box) Paths() provider.Paths { return b.paths }

// Problems returns every problem found in the box's files, sorted by position;
// empty when there is none. What only shows when a slot is resolved comes from
// [Box.Resolve].
func (b *Box) Problems() ValidationErrors { return slices.Clone(b.problems) }

// Names returns the stems of all slot files, sorted, those that can't be read
// among them.
func (b *Box) Names() []string {
	names := make([]string, len(b.slots))
	for i, e := range b.slots {
		names[i] = e.name
	}
	return names
}

// Slot returns what a slot's file says. The error holds the file's problems, or
// is [ErrNoSlot].
func (b *Box) Slot(name string) (slot.Slot, error) {
	e, err := b.entry(name)
	if err != nil {
		return slot.Slot{}, err
	}
	return e.file.Slot, nil
}

// entry returns a slot's file, if it could be read.
func (b *Box) entry(name string) (*entry, error) {
	i, ok := slices.BinarySearchFunc(b.slots, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	if !ok {
		return nil, b.noSlot(name)
	}
	e := &b.slots[i]
	return e, e.err
}

// noSlot is the error of a slot without a file.
func (b *Box) noSlot(name string) error {
	err := fmt.Errorf("%w: %q: %s is not there", ErrNoSlot, name, b.home.Slot(name))
	if near := conf.Closest(name, b.Names()); near != "" {
		err = fmt.Errorf("%w; did you mean %q?", err, near)
	}
	return err
}
