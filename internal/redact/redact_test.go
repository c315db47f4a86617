package redact_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/redact"
)

var sha = "sha256:" + strings.Repeat("ab", 32)

func TestText(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":        {"manifest unknown", "manifest unknown"},
		"plain address":  {`Get "https://ghcr.io/v2/": EOF`, `Get "https://ghcr.io/v2/": EOF`},
		"reference":      {"pull ghcr.io/a/b:v1@" + sha + ": no", "pull ghcr.io/a/b:v1@" + sha + ": no"},
		"user":           {"https://me:pw@ghcr.io/v2/", "https://xxxxx@ghcr.io/v2/"},
		"token as user":  {`Get "https://tok@h:5000/x?a=1": EOF`, `Get "https://xxxxx@h:5000/x?a=xxxxx": EOF`},
		"user in a ref":  {`"me:pw@ghcr.io/a/b@` + sha + `"`, `"xxxxx@ghcr.io/a/b@` + sha + `"`},
		"slash in it":    {"docker://me:p/w@x@ghcr.io/a:v1", "docker://xxxxx@ghcr.io/a:v1"},
		"query":          {"at https://s3/x?X-Sig=abc&token=d&bare: EOF", "at https://s3/x?X-Sig=xxxxx&token=xxxxx&xxxxx: EOF"},
		"query's end":    {"(see https://s3/x?a=b).", "(see https://s3/x?a=xxxxx)."},
		"@ in a query":   {"https://h/x?a=me@b", "https://h/x?a=xxxxx"},
		"header":         {"Authorization: Basic bWU6cHc9PQ== refused", "Authorization: Basic xxxxx refused"},
		"bearer":         {"bearer eyJh.bGci.x_-~ expired", "bearer xxxxx expired"},
		"challenge":      {`Bearer realm="https://h/token"`, `Bearer realm="https://h/token"`},
		"relative":       {`Get "/v2/?sig=abc": EOF`, `Get "/v2/?sig=xxxxx": EOF`},
		"question":       {"is it up? ask me@home", "is it up? ask xxxxx@home"},
		"a short digest": {"want repo@sha256:…", "want repo@sha256:…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, redact.Text(tc.text))
			assert.Equal(t, tc.want, redact.Text(tc.want), "what is redacted stays as it is")
		})
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	require.NoError(t, redact.Error(nil))
	plain := errors.New("plain")
	assert.Same(t, plain, redact.Error(plain))
	err := redact.Error(errors.Join(errors.New("https://me:pw@h/"), io.EOF))
	require.EqualError(t, err, "https://xxxxx@h/\nEOF")
	assert.ErrorIs(t, err, io.EOF)
}

// Whatever surrounds it, a password in an address is gone.
func FuzzText(f *testing.F) {
	f.Add("Get \"", "/v2/?a=b\": EOF")
	f.Add("x@y ", "?"+sha)
	f.Add("", "@")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "s3cr3t-Pa55"
		got := redact.Text(before + " https://me:" + secret + "@host" + after)
		if strings.Contains(before, secret) || strings.Contains(after, secret) {
			return
		}
		assert.NotContains(t, got, secret)
		assert.Equal(t, got, redact.Text(got))
	})
}
