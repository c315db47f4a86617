package hal0

import (
	"context"
	"time"
)

// WithSleep waits before restarts through sleep.
func WithSleep(sleep func(context.Context, time.Duration) error) Option {
	return func(o *options) { o.sleep = sleep }
}
