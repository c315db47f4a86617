// Package registry asks image registries what they serve, over HTTPS and
// without a login. It implements [manifest.Registry], and is a source of images
// for package bundle.
//
// As a [manifest.Registry] it asks with HEAD where that is enough, which
// registries that limit pulls don't count as one, and never fetches a layer.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"

	"github.com/hal0ai/hal0-go/manifest"
)

var _ manifest.Registry = (*Client)(nil)

// A Client asks any number of registries. It keeps what they want to be shown and
// the tokens that they hand to everybody, and idle connections until
// [Client.Close]. It may be used concurrently; make it with [New].
type Client struct {
	options   options
	transport *http.Transport
	logins    logins
	turns     chan struct{} // holds a token for each question under way
}

// An Option changes a [Client] at its making.
type Option func(*options)

type options struct {
	timeout     time.Duration
	connections int
	insecure    []string
}

// WithTimeout bounds how long one question may take, all its requests together;
// the wait for a free connection is not counted. It must be above 0; the
// default is 10s.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithConnections bounds the connections to a registry, and the questions under
// way at a time, which wait for each other beyond it. It must be above 0; the
// default is 32, with which 64 images take the time of two and a login.
func WithConnections(n int) Option { return func(o *options) { o.connections = n } }

// WithInsecure speaks plain HTTP to the registries at hosts, such as
// "registry.lan:5000", and to none else but those on a loopback address:
// whoever sits between can then answer in their place.
func WithInsecure(hosts ...string) Option {
	return func(o *options) { o.insecure = append(o.insecure, hosts...) }
}

// New returns a Client. It connects to nobody yet. The proxy that the
// environment names is used, as [http.ProxyFromEnvironment] does.
func New(opts ...Option) (*Client, error) {
	o := options{timeout: 10 * time.Second, connections: 32}
	for _, opt := range opts {
		opt(&o)
	}
	switch {
	case o.timeout <= 0:
		return nil, fmt.Errorf("registry: timeout: found %v, want above 0", o.timeout)
	case o.connections <= 0:
		return nil, fmt.Errorf("registry: connections: found %d, want above 0", o.connections)
	}
	t := newTransport(&o)
	return &Client{options: o, transport: t, logins: newLogins(guard{t, o.insecure}), turns: make(chan struct{}, o.connections)}, nil
}

// Close closes idle connections. The Client is not used again. It always
// returns nil.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Digest implements [manifest.Registry]. It is a HEAD of the manifest, or, where
// the registry does not answer that as it should, a GET.
func (c *Client) Digest(ctx context.Context, ref string) (digest.Digest, error) {
	var found digest.Digest
	err := c.ask(ctx, ref, func(named name.Reference, opts ...remote.Option) error {
		d, err := remote.Head(named, opts...)
		if err != nil {
			if answersHead(err) {
				return err
			}
			full, err := remote.Get(named, opts...)
			if err != nil {
				return err
			}
			d = &full.Descriptor
		}
		found, err = manifest.ParseDigest(d.Digest.String())
		return err
	})
	return found, err
}

// answersHead reports whether err is more than a registry's way to say that it
// does not answer HEAD.
func answersHead(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.StatusCode != http.StatusMethodNotAllowed
	}
	return isNetwork(err)
}

// Describe implements [manifest.Registry]. It reads the manifest and, of an image
// for one platform, the configuration.
func (c *Client) Describe(ctx context.Context, ref string) (manifest.Served, error) {
	var served manifest.Served
	err := c.ask(ctx, ref, func(named name.Reference, opts ...remote.Option) error {
		d, err := remote.Get(named, opts...)
		if err != nil {
			return err
		}
		if served.Digest, err = manifest.ParseDigest(d.Digest.String()); err != nil {
			return err
		}
		served.Instances, err = instances(d)
		return err
	})
	return served, err
}

func instances(d *remote.Descriptor) ([]manifest.Instance, error) {
	if d.MediaType.IsIndex() {
		return indexed(d)
	}
	image, err := d.Image()
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	return []manifest.Instance{{Digest: digest.Digest(d.Digest.String()), Platform: platform(config.Platform())}}, nil
}

// indexed returns the images of an index; it also holds what is none, such as
// the attestations of a build, for the platform "unknown/unknown".
func indexed(d *remote.Descriptor) ([]manifest.Instance, error) {
	index, err := d.ImageIndex()
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var all []manifest.Instance
	for _, m := range list.Manifests {
		if p := platform(m.Platform); m.MediaType.IsImage() && p != "unknown/unknown" {
			all = append(all, manifest.Instance{Digest: digest.Digest(m.Digest.String()), Platform: p})
		}
	}
	return all, nil
}

// platform returns "os/architecture", or "" when that is not known.
func platform(p *v1.Platform) string {
	if p == nil || p.OS == "" || p.Architecture == "" {
		return ""
	}
	return p.OS + "/" + p.Architecture
}

// ask carries out one question within its time, once it is its turn.
func (c *Client) ask(ctx context.Context, ref string, question func(name.Reference, ...remote.Option) error) error {
	named, err := parse(ref)
	if err != nil {
		return fmt.Errorf("%w: %w", manifest.ErrNotServed, err)
	}
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, c.options.timeout)
	defer cancel()
	login, err := c.logins.of(limited, named.Context())
	if err == nil {
		err = question(named, remote.WithContext(limited), remote.WithTransport(login))
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return &manifest.RegistryError{Ref: ref, Class: manifest.ErrNoAnswer, Reason: fmt.Sprintf("nothing within %v", c.options.timeout)}
	}
	failed := explain(ref, err)
	if errors.Is(failed, manifest.ErrDenied) {
		c.logins.forget(named.Context())
	}
	return failed
}

// parse returns a reference as the library has it. Package manifest alone says
// what is one.
func parse(ref string) (name.Reference, error) {
	named, err := manifest.ParseRef(ref)
	if err != nil {
		return nil, err
	}
	return name.ParseReference(named.String())
}
