package registry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/hal0ai/hal0-go/manifest"
)

// explain returns why a question has no answer. Of what the library and the
// registry say only such parts are passed on that can't hold a token, a
// password, or a signed address: never a body, a header or an address.
func explain(ref string, err error) *manifest.RegistryError {
	e := &manifest.RegistryError{Ref: ref, Class: manifest.ErrNoAnswer}
	var answer *transport.Error
	if !errors.As(err, &answer) {
		e.Reason = reason(err)
		return e
	}
	switch status := answer.StatusCode; {
	case status == http.StatusNotFound && isManifest(answer.Request):
		e.Class = manifest.ErrNotServed
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Class = manifest.ErrDenied
	case status == http.StatusTooManyRequests:
		e.Reason = "it limits how often it is asked (HTTP 429): ask again later"
	default:
		e.Reason = strings.TrimSpace(fmt.Sprintf("%s answers HTTP %d %s", where(answer.Request), status, http.StatusText(status)))
	}
	return e
}

// isManifest reports whether a request was for a manifest, rather than for a
// token or for whether there is a registry at all.
func isManifest(r *http.Request) bool { return r != nil && strings.Contains(r.URL.Path, "/manifests/") }

func where(r *http.Request) string {
	if r == nil {
		return "it"
	}
	return r.URL.Host
}

// isNetwork reports whether err is of the way to the registry, rather than of
// what it answered.
func isNetwork(err error) bool {
	var request *url.Error
	return errors.As(err, &request)
}

// reason returns what went wrong on the way, where that is an error of the
// network, whose text holds no address but the host's. Anything else is an
// answer that is of no use.
func reason(err error) string {
	var (
		name *net.DNSError
		cert *tls.CertificateVerificationError
		op   *net.OpError
	)
	switch {
	case errors.As(err, &name):
		return name.Error()
	case errors.As(err, &cert):
		return cert.Error()
	case errors.As(err, &op):
		return op.Error()
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it speaks plain HTTP, which has to be allowed by name"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke off"
	}
	return "its answer is not one that a registry gives"
}
