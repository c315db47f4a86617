package registry

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// maxBody bounds an answer's body in bytes, a blob's aside: manifests may have
// 4 MiB.
const maxBody = 4 << 20

// anySize marks the context of a request whose answer may be of any size.
type anySize struct{}

// newTransport returns a transport that keeps to the bound on connections.
func newTransport(o *options) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: o.timeout, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxConnsPerHost:       o.connections,
		MaxIdleConnsPerHost:   o.connections,
		IdleConnTimeout:       30 * time.Second,
		TLSHandshakeTimeout:   o.timeout,
		ResponseHeaderTimeout: o.timeout,
	}
}

// A guard decides by the host alone whether HTTP is spoken in the clear, so that
// nobody on the way can talk a client into it, and bounds bodies.
type guard struct {
	inner    http.RoundTripper
	insecure []string
}

// RoundTrip implements [http.RoundTripper].
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "https"
	if g.plain(r.URL) {
		r.URL.Scheme = "http"
	}
	resp, err := g.inner.RoundTrip(r)
	if err == nil && r.Context().Value(anySize{}) == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxBody)
	}
	return resp, err
}

// plain reports whether a host is spoken to without TLS.
func (g guard) plain(u *url.URL) bool {
	if slices.Contains(g.insecure, u.Host) || u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}
