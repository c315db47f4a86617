package registrytest

import (
	"fmt"
	"net/http"
	"strings"
)

// What the faults of this package let slip wherever a client could pick it up.
const (
	token     = "tok-7f3a9c" //nolint:gosec // opens nothing
	password  = "pass-5be210"
	signature = "sig-c4d81e"
)

// Secrets returns the words that must not show up in anything that a person is
// shown.
func Secrets() []string { return []string{token, password, signature} }

// Status answers every request for a manifest or a blob with a status, and a
// body that echoes what it was sent.
func Status(code int) Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		w.Header().Set("Retry-After", "60")
		echo(w, r, code)
		return true
	}
}

// echo is an answer that repeats what the client sent and where it should have
// gone, as careless proxies do.
func echo(w http.ResponseWriter, r *http.Request, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":"UNKNOWN","message":"you sent %s, go to http://user:%s@%s/v2/?sig=%s"}]}`, //nolint:gosec // nobody's browser reads it
		r.Header.Get("Authorization"), password, r.Host, signature)
}

// Slow never answers, until the client gives up.
func Slow(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// BreakOff sends a part of every manifest and closes the connection.
func BreakOff(w http.ResponseWriter, r *http.Request) bool {
	if !strings.Contains(r.URL.Path, "/manifests/") {
		return false
	}
	w.Header().Set("Content-Length", "1000")
	w.WriteHeader(http.StatusOK)
	_, _ = fmt.Fprint(w, `{"schemaVersion":2,`)
	_ = http.NewResponseController(w).Flush() // the connection is closed either way
	panic(http.ErrAbortHandler)
}

// TokenPath is where a registry behind [Token] hands out tokens.
const TokenPath = "/token"

// Token wants a token with every request, as public registries do, and hands one
// to everybody at an address that has a password and a signature in it. status
// other than 200 is what the token's address answers instead.
func Token(status int) Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == TokenPath && status == http.StatusOK:
			_, _ = fmt.Fprintf(w, `{"token":%q}`, token)
			return true
		case r.URL.Path == TokenPath:
			echo(w, r, status)
			return true
		case r.Header.Get("Authorization") == "Bearer "+token:
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://user:%s@%s%s?sig=%s",service="test"`, password, r.Host, TokenPath, signature))
		echo(w, r, http.StatusUnauthorized)
		return true
	}
}

// Login wants a name and a password, which nobody has.
func Login(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	echo(w, r, http.StatusUnauthorized)
	return true
}
