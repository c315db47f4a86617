package registry_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go/internal/registrytest"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t testing.TB, opts ...registry.Option) *registry.Client {
	t.Helper()
	c, err := registry.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

func TestDigest(t *testing.T) {
	t.Parallel()
	r := registrytest.Start(t)
	amd64 := registrytest.Image(t, "linux/amd64", "1", nil)
	index := registrytest.Index(t, amd64, registrytest.Image(t, "linux/arm64", "1", nil))
	want := r.Push(t, "hal0/a:v1", index)
	instance := registrytest.Digest(t, amd64)
	c := newClient(t)
	for name, tc := range map[string]struct{ ref, want string }{
		"tag":            {"hal0/a:v1", want.String()},
		"digest":         {"hal0/a@" + want.String(), want.String()},
		"instance":       {"hal0/a@" + instance.String(), instance.String()},
		"tag and digest": {"hal0/a:gone@" + want.String(), want.String()},
	} {
		got, err := c.Digest(t.Context(), r.Host+"/"+tc.ref)
		require.NoError(t, err, name)
		assert.Equal(t, tc.want, got.String(), name)
	}
	for _, request := range r.Requests() {
		assert.True(t, request == "GET /v2/" || strings.HasPrefix(request, "HEAD /v2/hal0/a/manifests/"), "no body is fetched: %s", request)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	r := registrytest.Start(t)
	amd64, arm64 := registrytest.Image(t, "linux/amd64", "1", nil), registrytest.Image(t, "linux/arm64", "1", nil)
	attested := registrytest.Index(t, amd64, registrytest.Image(t, "unknown/unknown", "1", nil))
	both := []manifest.Instance{{Digest: registrytest.Digest(t, amd64), Platform: "linux/amd64"}, {Digest: registrytest.Digest(t, arm64), Platform: "linux/arm64"}}
	c := newClient(t)
	for name, tc := range map[string]struct {
		push any
		want []manifest.Instance
	}{
		"index":        {registrytest.Index(t, amd64, arm64), both},
		"attestations": {attested, both[:1]},
		"one image":    {arm64, both[1:]},
		"no platform":  {registrytest.Image(t, "", "1", nil), []manifest.Instance{{Digest: registrytest.Digest(t, registrytest.Image(t, "", "1", nil))}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag := "hal0/" + strings.ReplaceAll(name, " ", "-") + ":v1"
			want := r.Push(t, tag, tc.push.(interface{ RawManifest() ([]byte, error) }))
			got, err := c.Describe(t.Context(), r.Host+"/"+tag)
			require.NoError(t, err)
			assert.Equal(t, manifest.Served{Digest: want, Instances: tc.want}, got)
		})
	}
	for _, request := range r.Requests() {
		if strings.HasPrefix(request, "GET") && strings.Contains(request, "/blobs/") {
			assert.True(t, slices.ContainsFunc([]v1.Image{arm64, registrytest.Image(t, "", "1", nil)}, func(i v1.Image) bool {
				config, err := i.ConfigName()
				require.NoError(t, err)
				return strings.HasSuffix(request, config.String())
			}), "only configurations are fetched: %s", request)
		}
	}
}

// Each way in which a registry fails is its own class, with a text that says
// what it is and holds nothing of what the registry let slip.
func TestFailures(t *testing.T) {
	t.Parallel()
	const class = "the registry gives no answer"
	for name, tc := range map[string]struct {
		fault registrytest.Fault
		ref   string
		class error
		text  string // %s is the registry's host
	}{
		"no such tag":         {nil, "hal0/a:gone", manifest.ErrNotServed, "%s/hal0/a:gone: the registry does not serve it"},
		"no such image":       {nil, "hal0/gone:v1", manifest.ErrNotServed, "%s/hal0/gone:v1: the registry does not serve it"},
		"login":               {registrytest.Login, "", manifest.ErrDenied, "%s/hal0/a:v1: the registry wants a login: the image is private, or does not exist"},
		"no token":            {registrytest.Token(403), "", manifest.ErrDenied, "%s/hal0/a:v1: the registry wants a login: the image is private, or does not exist"},
		"token endpoint down": {registrytest.Token(503), "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": %s answers HTTP 503 Service Unavailable"},
		"no token endpoint":   {registrytest.Token(404), "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": %s answers HTTP 404 Not Found"},
		"rate limit":          {registrytest.Status(429), "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": it limits how often it is asked (HTTP 429): ask again later"},
		"broken":              {registrytest.Status(500), "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": %s answers HTTP 500 Internal Server Error"},
		"slow":                {registrytest.Slow, "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": nothing within 200ms"},
		"breaks off":          {registrytest.BreakOff, "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": the connection broke off"},
		"not a registry":      {notFound, "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": %s answers HTTP 404 Not Found"},
		"odd token":           {oddToken, "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": its answer is not one that a registry gives"},
		"redirected away":     {redirect, "", manifest.ErrNoAnswer, "%s/hal0/a:v1: " + class + ": its answer is not one that a registry gives"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := registrytest.Start(t)
			r.Push(t, "hal0/a:v1", registrytest.Image(t, "linux/amd64", "1", nil))
			r.Fail(tc.fault)
			c := newClient(t, registry.WithTimeout(timeout(name)))
			ref := r.Host + "/hal0/a:v1"
			if tc.ref != "" {
				ref = r.Host + "/" + tc.ref
			}
			for call, ask := range calls(t.Context(), c, ref) {
				err := ask()
				require.ErrorIs(t, err, tc.class, call)
				var known *manifest.RegistryError
				require.ErrorAs(t, err, &known)
				assert.Equal(t, strings.ReplaceAll(tc.text, "%s", r.Host), err.Error(), call)
				for _, secret := range registrytest.Secrets() {
					assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, known), secret)
				}
			}
		})
	}
}

func calls(ctx context.Context, c *registry.Client, ref string) map[string]func() error {
	return map[string]func() error{
		"digest":   func() error { _, err := c.Digest(ctx, ref); return err },
		"describe": func() error { _, err := c.Describe(ctx, ref); return err },
	}
}

// timeout is time enough, but for a registry that never answers.
func timeout(test string) time.Duration {
	if test == "slow" {
		return 200 * time.Millisecond
	}
	return time.Minute
}

func notFound(w http.ResponseWriter, r *http.Request) bool { http.NotFound(w, r); return true }

// oddToken hands out what is no token.
func oddToken(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path == registrytest.TokenPath {
		fmt.Fprintf(w, `{"tokn":%q}`, registrytest.Secrets()[0])
		return true
	}
	return registrytest.Token(http.StatusOK)(w, r)
}

// redirect sends whoever asks for a manifest to an address that is none.
func redirect(w http.ResponseWriter, r *http.Request) bool {
	if !strings.Contains(r.URL.Path, "/manifests/") {
		return false
	}
	w.Header().Set("Location", "https://%zz/?sig="+registrytest.Secrets()[2])
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	_, err := c.Digest(t.Context(), "127.0.0.1:1/hal0/a:v1")
	require.ErrorIs(t, err, manifest.ErrNoAnswer)
	require.EqualError(t, err, "127.0.0.1:1/hal0/a:v1: the registry gives no answer: dial tcp 127.0.0.1:1: connect: connection refused")
	_, err = c.Digest(t.Context(), "https://me:hunter2@x.io/a:v1")
	require.ErrorIs(t, err, manifest.ErrNotServed)
	require.ErrorContains(t, err, `"https://xxxxx@x.io/a:v1" is not an image reference`)
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestTokensForEverybody(t *testing.T) {
	t.Parallel()
	r := registrytest.Start(t)
	want := r.Push(t, "hal0/a:v1", registrytest.Image(t, "linux/amd64", "1", nil))
	r.Fail(registrytest.Token(http.StatusOK))
	c := newClient(t)
	for range 3 {
		got, err := c.Digest(t.Context(), r.Host+"/hal0/a:v1")
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	tokens := slices.DeleteFunc(r.Requests(), func(request string) bool { return request != "GET "+registrytest.TokenPath })
	assert.Len(t, tokens, 1, "a token is used again")
}

// A registry may come to want a token, or not to want one any more.
func TestARegistryChangesItsMind(t *testing.T) {
	t.Parallel()
	r := registrytest.Start(t)
	r.Push(t, "hal0/a:v1", registrytest.Image(t, "linux/amd64", "1", nil))
	c := newClient(t)
	ask := func() error { _, err := c.Digest(t.Context(), r.Host+"/hal0/a:v1"); return err }
	require.NoError(t, ask())
	r.Fail(registrytest.Token(http.StatusOK))
	require.ErrorIs(t, ask(), manifest.ErrDenied)
	require.NoError(t, ask(), "it was asked anew what it wants")
	r.Fail(nil)
	require.NoError(t, ask())
}

// A registry that does not answer HEAD as it should is asked with GET.
func TestDigestWithoutHead(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]registrytest.Fault{
		"not allowed": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
			return r.Method == http.MethodHead
		},
		"no digest": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			}
			return r.Method == http.MethodHead
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := registrytest.Start(t)
			want := r.Push(t, "hal0/a:v1", registrytest.Image(t, "linux/amd64", "1", nil))
			r.Fail(fault)
			got, err := newClient(t).Digest(t.Context(), r.Host+"/hal0/a:v1")
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	r := registrytest.Start(t)
	sent := make(chan int, 1)
	r.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		n, block := 0, make([]byte, 1<<20)
		for range 100 {
			wrote, err := w.Write(block)
			if n += wrote; err != nil {
				break
			}
		}
		sent <- n
		return true
	})
	_, err := newClient(t).Describe(t.Context(), r.Host+"/hal0/a:v1")
	require.ErrorIs(t, err, manifest.ErrNoAnswer)
	assert.Less(t, <-sent, 100<<20)
}

// Many questions use no more connections than allowed, and that many; and
// however many registries are asked, there are no more questions at a time.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	const bound, questions = 4, 40
	for name, registries := range map[string]int{"one registry": 1, "two": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := registrytest.Gather(bound)
			hold := func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodHead {
					g.Hold()
				}
				return false
			}
			var all sync.WaitGroup
			var hosts []*registrytest.Registry
			for range registries {
				r := registrytest.Start(t)
				r.Push(t, "hal0/a:v1", registrytest.Image(t, "linux/amd64", "1", nil))
				r.Fail(hold)
				hosts = append(hosts, r)
			}
			c := newClient(t, registry.WithConnections(bound), registry.WithTimeout(time.Minute))
			for i := range questions {
				all.Go(func() {
					_, err := c.Digest(t.Context(), hosts[i%registries].Host+"/hal0/a:v1")
					assert.NoError(t, err)
				})
			}
			all.Wait()
			assert.Equal(t, bound, g.Most(), "questions at a time")
			for _, r := range hosts {
				assert.LessOrEqual(t, r.MostConnections(), bound)
				pings := slices.DeleteFunc(r.Requests(), func(request string) bool { return request != "GET /v2/" })
				assert.Less(t, len(pings), 3, "what it wants is asked once, twice if that takes long")
			}
		})
	}
}

func TestContextEndsAQuestion(t *testing.T) {
	t.Parallel()
	r := registrytest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
		cancel()
		return registrytest.Slow(w, req)
	})
	c := newClient(t, registry.WithTimeout(time.Minute))
	_, err := c.Digest(ctx, r.Host+"/hal0/a:v1")
	require.ErrorIs(t, err, context.Canceled)
}

// Two questions about one repository share its login; the end of one is not the
// end of the other.
func TestOnesEndIsNotTheOthers(t *testing.T) {
	t.Parallel()
	r := registrytest.Start(t)
	want := r.Push(t, "hal0/a:v1", registrytest.Image(t, "linux/amd64", "1", nil))
	c := newClient(t, registry.WithTimeout(time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	var once sync.Once
	r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
		first := false
		once.Do(func() { first = true; close(asked) })
		return first && registrytest.Slow(w, req)
	})
	var both sync.WaitGroup
	both.Go(func() {
		_, err := c.Digest(ctx, r.Host+"/hal0/a:v1")
		assert.ErrorIs(t, err, context.Canceled)
	})
	<-asked
	both.Go(func() {
		got, err := c.Digest(t.Context(), r.Host+"/hal0/a:v1")
		assert.NoError(t, err) //nolint:testifylint // not the test's goroutine
		assert.Equal(t, want, got)
	})
	cancel()
	both.Wait()
}

func TestNewRefusesOptions(t *testing.T) {
	t.Parallel()
	_, err := registry.New(registry.WithTimeout(0))
	require.EqualError(t, err, "registry: timeout: found 0s, want above 0")
	_, err = registry.New(registry.WithConnections(-1))
	require.EqualError(t, err, "registry: connections: found -1, want above 0")
}

func ExampleClient_Digest() {
	c, err := registry.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	digest, err := c.Digest(context.Background(), "ghcr.io/hal0ai/hal0-toolbox-kokoro:v1")
	fmt.Println(digest, err)
}
