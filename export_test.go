package hal0

import (
	"context"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// WithSleep waits before restarts through sleep.
func WithSleep(sleep func(context.Context, time.Duration) error) Option {
	return func(o *options) { o.sleep = sleep }
}

// RestartStands reports whether a restart of a slot that crashed with container c
// would still be made.
func RestartStands(ctx context.Context, b *Box, slot string, c *runtime.Container) bool {
	return newKeeper(&observer{box: b}, new(b.call(nil)), nil).stands(ctx, slot, c)
}
