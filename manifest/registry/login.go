package registry

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// logins are what registries want to be shown: nothing, or a token for each
// repository, which they hand to everybody.
type logins struct {
	inner http.RoundTripper

	mu    sync.Mutex
	hosts map[string]*host
	repos map[string]http.RoundTripper
}

// A host is one registry. Who holds its turn may use challenge, and learns it
// for all others.
type host struct {
	turn      chan struct{}
	challenge *transport.Challenge
}

func newLogins(inner http.RoundTripper) logins {
	return logins{
		inner: transport.NewUserAgent(inner, "hal0-go"),
		hosts: map[string]*host{}, repos: map[string]http.RoundTripper{},
	}
}

// of returns what sends requests about a repository as its registry wants them.
func (l *logins) of(ctx context.Context, repo name.Repository) (http.RoundTripper, error) {
	l.mu.Lock()
	known := l.repos[repo.Name()]
	l.mu.Unlock()
	if known != nil {
		return known, nil
	}
	challenge, err := l.challenge(ctx, repo.Registry)
	if err != nil {
		return nil, err
	}
	token := &transport.Token{}
	if strings.EqualFold(challenge.Scheme, "bearer") {
		token, err = transport.Exchange(ctx, repo.Registry, authn.Anonymous, l.inner, []string{repo.Scope(transport.PullScope)}, challenge)
		if err != nil {
			return nil, err
		}
		token.Token = cmp.Or(token.AccessToken, token.Token)
	}
	login, err := transport.FromToken(repo.Registry, authn.Anonymous, l.inner, challenge, token)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.repos[repo.Name()] = login
	return login, nil
}

// challenge returns what a registry answers to who shows nothing. It is asked
// once.
func (l *logins) challenge(ctx context.Context, registry name.Registry) (*transport.Challenge, error) {
	l.mu.Lock()
	h := l.hosts[registry.RegistryStr()]
	if h == nil {
		h = &host{turn: make(chan struct{}, 1)}
		l.hosts[registry.RegistryStr()] = h
	}
	l.mu.Unlock()
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if h.challenge != nil {
		return h.challenge, nil
	}
	var err error
	h.challenge, err = transport.Ping(ctx, registry, l.inner)
	return h.challenge, err
}

// forget lets the next question about a repository find out anew what its
// registry wants: it may have changed its mind.
func (l *logins) forget(repo name.Repository) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.repos, repo.Name())
	delete(l.hosts, repo.RegistryStr())
}
