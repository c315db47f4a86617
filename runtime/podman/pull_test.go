package podman_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func TestPull(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	made := reg.push(t, "hal0/model", 2000)
	for title, ref := range map[string]string{
		"tag": made.tag, "index": made.repo + "@" + made.index, "instance": made.repo + "@" + made.instance,
		"tag and digest": made.tag + "@" + made.index,
	} {
		t.Run(title, func(t *testing.T) {
			_, err := r.Image(t.Context(), ref)
			require.ErrorIs(t, err, runtime.ErrImageNotFound)
			var steps []runtime.PullStep
			image, err := r.Pull(t.Context(), ref, runtime.PullOptions{Report: func(s runtime.PullStep) { steps = append(steps, s) }})
			require.NoError(t, err)
			assert.Equal(t, runtime.PullStep{Ref: ref, Phase: runtime.PullResolving, Message: "asking the registry for " + ref}, steps[0])
			assert.Equal(t, runtime.PullStep{Ref: ref, Phase: runtime.PullDone, Message: "image " + image.ID[:12] + " is present"}, steps[len(steps)-1])
			assert.ElementsMatch(t, made.blobs, blobs(steps, runtime.PullDownloaded))
			assert.Equal(t, "linux/amd64", image.Platform)
			assert.Regexp(t, "^[0-9a-f]{64}$", image.ID)
			assert.Positive(t, image.Size)
			assert.Contains(t, image.RepoDigests, made.repo+"@"+made.instance)
			if title != "instance" {
				assert.Contains(t, image.RepoDigests, made.repo+"@"+made.index)
			}
			local, err := r.Image(t.Context(), ref)
			require.NoError(t, err)
			assert.Equal(t, image, local)

			reg.forget()
			again, err := r.Pull(t.Context(), ref, runtime.PullOptions{Report: func(runtime.PullStep) { t.Error("nothing is done") }})
			require.NoError(t, err)
			assert.Equal(t, image, again)
			assert.Zero(t, reg.count(""), "present: nothing to ask the registry")
			forgetImage(t, image.ID)
		})
	}
}

// blobs returns the blobs of the steps of that phase.
func blobs(steps []runtime.PullStep, phase runtime.PullPhase) (list []string) {
	for _, s := range steps {
		if s.Phase == phase {
			list = append(list, s.Blob)
		}
	}
	return list
}

func TestPullAlwaysFollowsATag(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	old := reg.push(t, "hal0/moving", 2000)
	first, err := r.Pull(t.Context(), old.tag, runtime.PullOptions{})
	require.NoError(t, err)
	defer forgetImage(t, first.ID)

	var steps []runtime.PullStep
	again, err := r.Pull(t.Context(), old.tag, runtime.PullOptions{Always: true, Report: func(s runtime.PullStep) { steps = append(steps, s) }})
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.ElementsMatch(t, old.blobs[:2], blobs(steps, runtime.PullPresent), "no layer is fetched twice")

	moved := reg.push(t, "hal0/moving", 2000)
	missing, err := r.Pull(t.Context(), old.tag, runtime.PullOptions{})
	require.NoError(t, err)
	assert.Equal(t, first.ID, missing.ID)
	now, err := r.Pull(t.Context(), old.tag, runtime.PullOptions{Always: true})
	require.NoError(t, err)
	defer forgetImage(t, now.ID)
	assert.NotEqual(t, first.ID, now.ID)
	assert.Contains(t, now.RepoDigests, moved.repo+"@"+moved.index)
}

// Podman tells of a blob's bytes when some come and a second has passed.
func TestPullTellsBytes(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	made := reg.push(t, "hal0/slow", 200_000)
	told := make(chan struct{})
	reg.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isBlob(r, made.blobs[0]) {
			w = &slowWriter{ResponseWriter: w, until: told}
		}
		next.ServeHTTP(w, r)
	})
	var steps []runtime.PullStep
	image, err := r.Pull(t.Context(), made.tag, runtime.PullOptions{Report: func(s runtime.PullStep) {
		if s.Blob == made.blobs[0] {
			steps = append(steps, s)
			if s.Phase == runtime.PullDownloading && s.Done > 0 {
				close(told)
			}
		}
	}})
	require.NoError(t, err)
	defer forgetImage(t, image.ID)
	require.GreaterOrEqual(t, len(steps), 2)
	middle, end := steps[len(steps)-2], steps[len(steps)-1]
	assert.Less(t, middle.Done, middle.Total)
	assert.Equal(t, fmt.Sprintf("downloading %s: %.1f of 0.2 MB", middle.Blob, float64(middle.Done)/1e6), middle.Message)
	assert.Equal(t, runtime.PullDownloaded, end.Phase)
	assert.Equal(t, middle.Total, end.Total)
	assert.Equal(t, end.Total, end.Done)
}

func isBlob(r *http.Request, blob string) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:"+blob)
}

// slowWriter sends a KB at a time until a channel is closed.
type slowWriter struct {
	http.ResponseWriter
	until <-chan struct{}
}

func (s *slowWriter) Write(p []byte) (sent int, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for sent < len(p) {
		part := p[sent:]
		select {
		case <-s.until:
		case <-tick.C:
			part = part[:min(1<<10, len(part))]
		}
		n, err := s.ResponseWriter.Write(part)
		if sent += n; err != nil {
			return sent, err
		}
		if err := http.NewResponseController(s.ResponseWriter).Flush(); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// truncated answers with half of a blob.
func truncated(blob string) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isBlob(r, blob) {
			w = &halfWriter{w}
		}
		next.ServeHTTP(w, r)
	}
}

type halfWriter struct{ http.ResponseWriter }

func (h *halfWriter) Write(p []byte) (int, error) {
	if _, err := h.ResponseWriter.Write(p[:len(p)/2]); err != nil {
		return 0, err
	}
	panic(http.ErrAbortHandler)
}

func TestPullFailures(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	made := reg.push(t, "hal0/failing", 50_000)
	unauthorized := func(challenge string) middleware {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	for title, tc := range map[string]struct {
		ref    string
		around middleware
		class  error
		text   string
	}{
		"tag":          {made.repo + ":v9", nil, runtime.ErrPull, "manifest unknown"},
		"digest":       {made.repo + "@sha256:" + strings.Repeat("1", 64), nil, runtime.ErrPull, "manifest unknown"},
		"registry":     {"127.0.0.1:1/hal0/model:v1", nil, runtime.ErrPull, "connection refused"},
		"upper":        {"127.0.0.1:1/Hal0:v1", nil, runtime.ErrInvalidSpec, "repository name (Hal0) must be lowercase"},
		"empty":        {"", nil, runtime.ErrInvalidSpec, `image: found "", want a reference such as`},
		"user in it":   {"me:hunter2@" + made.tag, nil, runtime.ErrInvalidSpec, `found "xxxxx@` + made.tag + `", want a reference`},
		"login wanted": {made.tag, unauthorized(`Basic realm="hal0"`), runtime.ErrPull, "unauthorized: authentication required"},
		"no token":     {made.tag, unauthorized(`Bearer realm="http://127.0.0.1:1/token?secret=hunter2",service="hal0"`), runtime.ErrPull, "connection refused"},
		"server error": {made.tag, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusInternalServerError)
		}, runtime.ErrPull, "status code from registry 500 (Internal Server Error)"},
		"not a registry": {made.tag, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { fmt.Fprint(w, "<html>") }, runtime.ErrPull, "invalid character '<'"},
		"truncated blob": {made.tag, truncated(made.blobs[0]), runtime.ErrPull, "unexpected EOF"},
		"other blob": {made.tag, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&flipWriter{ResponseWriter: w, flip: isBlob(r, made.blobs[0])}, r)
		}, runtime.ErrPull, "sha256:"},
	} {
		t.Run(title, func(t *testing.T) {
			reg.around.Store(nil)
			if tc.around != nil {
				reg.do(tc.around)
			}
			var steps []runtime.PullStep
			_, err := r.Pull(t.Context(), tc.ref, runtime.PullOptions{Report: func(s runtime.PullStep) { steps = append(steps, s) }})
			require.ErrorIs(t, err, tc.class)
			require.ErrorContains(t, err, tc.text)
			told, jsonErr := json.Marshal(steps)
			require.NoError(t, jsonErr)
			assert.NotContains(t, err.Error()+string(told), "hunter2", "no credential is told")
			assert.Empty(t, blobs(steps, runtime.PullDone))
			_, err = r.Image(t.Context(), tc.ref)
			assert.Error(t, err)
		})
	}
}

// flipWriter changes one bit of an answer.
type flipWriter struct {
	http.ResponseWriter
	flip bool
}

func (f *flipWriter) Write(p []byte) (int, error) {
	if f.flip {
		p = slices.Clone(p)
		p[len(p)/2] ^= 1
		f.flip = false
	}
	return f.ResponseWriter.Write(p)
}

func TestPullWaitsOutALimit(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	made := reg.push(t, "hal0/limited", 2000)
	var refused atomic.Int32
	reg.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "/manifests/") && refused.Add(1) <= 2 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
	image, err := r.Pull(t.Context(), made.tag, runtime.PullOptions{})
	require.NoError(t, err)
	assert.Greater(t, refused.Load(), int32(2))
	forgetImage(t, image.ID)
}
