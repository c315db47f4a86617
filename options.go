package hal0

import (
	"context"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
)

// An Option changes how [Open] and [Watch] read a box.
type Option func(*options)

type options struct {
	files     fs.FS
	sysroot   fs.FS
	host      *device.Host
	getenv    func(string) string
	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
	providers provider.Set
	runtime   runtime.Runtime
	debounce  time.Duration
	registry  manifest.Registry
	calls     []CallOption
}

func makeOptions(opts []Option) options {
	o := options{getenv: os.Getenv, now: time.Now, sleep: sleep, providers: provider.Builtin(), debounce: 100 * time.Millisecond}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// sleep waits for d, or until ctx ends, which is the error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WithFiles reads the box's files from fsys, rooted where "/" is, instead of
// the operating system: for tests, and for boxes embedded in a program.
func WithFiles(fsys fs.FS) Option { return func(o *options) { o.files = fsys } }

// WithSysroot looks for device nodes, groups, memory and model files under
// fsys, rooted where "/" is: another box's tree. Paths in plans stay as that
// box sees them.
func WithSysroot(fsys fs.FS) Option { return func(o *options) { o.sysroot = fsys } }

// WithHost resolves for h instead of the hardware that is found. Model files
// are then not looked for, unless [WithSysroot] says where.
func WithHost(h device.Host) Option { return func(o *options) { o.host = &h } }

// WithGetenv reads environment variables through getenv instead of
// [os.Getenv]. [Open] asks for HAL0_MODEL_STORE, HAL0_FLM_MODELS_DIR and
// HAL0_COMFYUI_DATA_ROOT.
func WithGetenv(getenv func(string) string) Option { return func(o *options) { o.getenv = getenv } }

// WithProviders adds providers of the program's own to the four of hal0. Slots
// choose one by its name.
func WithProviders(more ...provider.Provider) Option {
	return func(o *options) { o.providers = o.providers.With(more...) }
}

// WithRuntime lets the box start and stop containers through rt. Without it a
// box can be read, edited, resolved and examined by [Box.Doctor]; calls that are
// about containers or the local images return [ErrNoRuntime].
func WithRuntime(rt runtime.Runtime) Option { return func(o *options) { o.runtime = rt } }

// WithDebounce sets for how long a box's files must have been left alone before
// [Watch] looks at them; while they are not, it looks after ten times as long.
// The default is 100 milliseconds, and so a second at most; 0 looks at once.
func WithDebounce(d time.Duration) Option { return func(o *options) { o.debounce = d } }

// WithRegistry lets the box ask image registries through r, which package
// manifest/registry implements. Without it those calls that have to ask one
// return [ErrNoRegistry].
func WithRegistry(r manifest.Registry) Option { return func(o *options) { o.registry = r } }

// WithClock takes the time from now instead of [time.Now], where it is written in
// state records, see [Record], and where it says for how long a slot was up, see
// [RestartPolicy].
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithDefaults sets options for every call of the box; those of a call itself
// come after them.
func WithDefaults(opts ...CallOption) Option {
	return func(o *options) { o.calls = append(o.calls, opts...) }
}

// A CallOption changes one call of a [Box]; what does not concern the call is
// ignored.
type CallOption func(*call)

type call struct {
	listen   netip.Addr
	progress func(Event)
	pull     func(runtime.PullStep)
	diff     func(Diff)
	ready    time.Duration
	grace    time.Duration
	verify   VerifyPolicy
	fetch    PullPolicy
	ask      bool
	makeRoom bool
	parallel int
	restart  *RestartPolicy
}

// call returns the options of one call.
func (b *Box) call(opts []CallOption) call {
	c := call{
		progress: func(Event) {}, pull: func(runtime.PullStep) {}, diff: func(Diff) {},
		ready: 5 * time.Minute, grace: 20 * time.Second, verify: VerifyEnforce, fetch: PullMissing, parallel: 4,
	}
	for _, opt := range slices.Concat(b.opts.calls, opts) {
		opt(&c)
	}
	return c
}

// ListenOn publishes the slot on another address than 127.0.0.1. Whoever
// reaches that address can use the slot: servers ask for no key.
func ListenOn(addr netip.Addr) CallOption { return func(c *call) { c.listen = addr } }

// OnProgress calls report with each step of [Box.Up] and [Box.Down], from the
// calling goroutine, in order. States follow each other by the edges of
// [State.Next].
func OnProgress(report func(Event)) CallOption { return func(c *call) { c.progress = report } }

// OnPull calls report with each step of fetching an image, in [Box.Up] and
// [Box.Pull], from the calling goroutine, in order. Podman tells how far each
// blob is once a second; the events of [OnProgress] leave that out.
func OnPull(report func(runtime.PullStep)) CallOption { return func(c *call) { c.pull = report } }

// ReadyWithin bounds how long [Box.Up] waits for a started container to be
// ready. The default is 5 minutes: a 60 GB model from a disk that reads
// 500 MB/s takes 2. A time that is not above 0 means the default.
func ReadyWithin(d time.Duration) CallOption {
	return func(c *call) {
		if d > 0 {
			c.ready = d
		}
	}
}

// StopWithin bounds how long a server has to end by itself before it is
// killed. The default is 20 seconds.
func StopWithin(d time.Duration) CallOption { return func(c *call) { c.grace = d } }
