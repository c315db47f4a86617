package hal0

import (
	"errors"

	"github.com/hal0ai/hal0-go/internal/enum"
)

// A VerifyPolicy says what [Box.Up] does with an image that is not the pinned
// one, or that is made for another platform.
type VerifyPolicy string

// The policies. None of them makes Up launch a tag where a digest is pinned.
const (
	VerifyEnforce VerifyPolicy = "enforce" // refuses: [ErrImage]
	VerifyWarn    VerifyPolicy = "warn"    // reports an event and goes on
	VerifyOff     VerifyPolicy = "off"     // does not look
)

// A PullPolicy says when [Box.Up] fetches an image.
type PullPolicy string

// The policies.
const (
	PullMissing PullPolicy = "missing" // when the local store does not hold it
	PullAlways  PullPolicy = "always"  // also when it does and no digest is pinned: the tag may have moved
	PullNever   PullPolicy = "never"   // not at all: for boxes that reach no registry
)

var (
	verifyPolicies = []VerifyPolicy{VerifyEnforce, VerifyWarn, VerifyOff}
	pullPolicies   = []PullPolicy{PullMissing, PullAlways, PullNever}
)

// ParseVerifyPolicy returns the policy written s. The error lists the policies.
func ParseVerifyPolicy(s string) (VerifyPolicy, error) {
	return enum.Parse("verify policy", verifyPolicies, s)
}

// ParsePullPolicy returns the policy written s. The error lists the policies.
func ParsePullPolicy(s string) (PullPolicy, error) {
	return enum.Parse("pull policy", pullPolicies, s)
}

// VerifyImage sets what [Box.Up] does with an image that is not the pinned one.
// The default is [VerifyEnforce].
func VerifyImage(p VerifyPolicy) CallOption { return func(c *call) { c.verify = p } }

// PullImage sets when [Box.Up] fetches an image. The default is [PullMissing].
func PullImage(p PullPolicy) CallOption { return func(c *call) { c.fetch = p } }

// checkPolicies refuses a policy that is none, rather than take it for one.
func (c *call) checkPolicies() error {
	_, verifyErr := ParseVerifyPolicy(string(c.verify))
	_, pullErr := ParsePullPolicy(string(c.fetch))
	return errors.Join(verifyErr, pullErr)
}
