package manifest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/manifest"
)

const (
	host  = "linux/amd64"
	ref   = "x.io/a:v1"
	pin   = digest.Digest("sha256:" + hex)
	other = digest.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	index = digest.Digest("sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
)

var (
	published   = manifest.Pin{Name: "a", Ref: ref, Digest: pin, Launch: "x.io/a@" + pin.String()}
	unpublished = manifest.Pin{Name: "a", Ref: ref, Launch: ref}
)

// local returns what a store holds: an image of a platform under digests.
func local(platform string, digests ...digest.Digest) *manifest.Local {
	return &manifest.Local{ID: "1", Platform: platform, Digests: digests}
}

var locals = map[string]*manifest.Local{
	"not looked at":          nil,
	"absent":                 {},
	"other":                  local(host, other),
	"no digest":              local(host),
	"other, for arm64":       local("linux/arm64", other),
	"the pin":                local(host, index, pin),
	"the pin, for arm64":     local("linux/arm64", pin),
	"the pin, for who knows": local("/", pin),
}

func failed(class error) *manifest.Remote {
	return &manifest.Remote{Err: &manifest.RegistryError{Ref: ref, Class: class}}
}

func serves(d digest.Digest, platforms ...string) *manifest.Remote {
	return &manifest.Remote{Served: manifest.Served{Digest: d}, Platforms: platforms}
}

// remotes are the columns of the table below.
var remotes = []struct {
	name   string
	remote *manifest.Remote
}{
	{"not asked", nil},
	{"no answer", failed(manifest.ErrNoAnswer)},
	{"denied", failed(manifest.ErrDenied)},
	{"not served", failed(manifest.ErrNotServed)},
	{"other", serves(other, "linux/arm64", host)},
	{"pin", serves(pin, host)},
	{"index with the pin", &manifest.Remote{Served: manifest.Served{Digest: index, Instances: []manifest.Instance{{other, "linux/arm64"}, {pin, host}}}}},
	{"pin for arm64", serves(pin, "linux/arm64")},
}

// One row a local state, one column a state of the registry.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	const (
		match, drift, stale, absent = manifest.Match, manifest.Drift, manifest.Stale, manifest.Absent
		silent, wrong, free         = manifest.Unreachable, manifest.WrongPlatform, manifest.Unpublished
	)
	for name, tc := range map[string]struct{ published, unpublished []manifest.Verdict }{
		//                        not asked, no answer, denied, not served, other, pin, within, for arm64
		"not looked at": {
			[]manifest.Verdict{match, silent, silent, drift, drift, match, match, wrong},
			[]manifest.Verdict{free, free, free, free, free, free, free, wrong},
		},
		"absent": {
			[]manifest.Verdict{absent, absent, absent, absent, absent, absent, absent, wrong},
			[]manifest.Verdict{free, free, free, free, free, free, free, wrong},
		},
		"other": {
			[]manifest.Verdict{stale, stale, stale, stale, stale, stale, stale, wrong},
			[]manifest.Verdict{free, free, free, free, free, free, free, free},
		},
		"no digest": {
			[]manifest.Verdict{stale, stale, stale, stale, stale, stale, stale, wrong},
			[]manifest.Verdict{free, free, free, free, free, free, free, free},
		},
		"other, for arm64": {
			[]manifest.Verdict{stale, stale, stale, stale, stale, stale, stale, wrong},
			[]manifest.Verdict{wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong},
		},
		"the pin": {
			[]manifest.Verdict{match, silent, silent, drift, drift, match, match, match},
			[]manifest.Verdict{free, free, free, free, free, free, free, free},
		},
		"the pin, for arm64": {
			[]manifest.Verdict{wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong},
			[]manifest.Verdict{wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong},
		},
		"the pin, for who knows": {
			[]manifest.Verdict{match, silent, silent, drift, drift, match, match, match},
			[]manifest.Verdict{free, free, free, free, free, free, free, free},
		},
	} {
		l, ok := locals[name]
		require.True(t, ok, name)
		for i, column := range remotes {
			for want, p := range map[manifest.Verdict]manifest.Pin{tc.published[i]: published, tc.unpublished[i]: unpublished} {
				if tc.published[i] == tc.unpublished[i] {
					require.Equal(t, want, manifest.Judge(published, host, l, column.remote).Verdict, "published, %s, %s", name, column.name)
				}
				got := manifest.Judge(p, host, l, column.remote)
				assert.Equal(t, want, got.Verdict, "published %v, %s, %s: %s", p.Published(), name, column.name, got.Message)
			}
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	gone := serves(other)
	gone.PinGone = true
	const moved = "the registry serves " + string(other) + ", and " + string(pin) + " is pinned"
	const pull = "pull x.io/a@" + string(pin) + ", or load it from a bundle that keeps digests"
	for name, tc := range map[string]struct {
		pin    manifest.Pin
		local  *manifest.Local
		remote *manifest.Remote
		want   string
	}{
		"nothing": {published, nil, nil, "nothing was looked at"},
		"match":   {published, local(host, pin), nil, "the local image is the pinned " + string(pin)},
		"match, asked": {published, local(host, pin), serves(pin), "the local image is the pinned " + string(pin) +
			"; the registry serves the pinned " + string(pin)},
		"match, in an index": {published, local(host, pin), remotes[6].remote, "the local image is the pinned " + string(pin) +
			"; the registry serves the pinned " + string(pin) + " as one platform's image of " + string(index)},
		"drift": {published, local(host, pin), serves(other), "the local image is the pinned " + string(pin) + "; " + moved +
			": lock the manifest to take the registry's image, or keep the pin"},
		"drift, deleted": {published, local(host, pin), failed(manifest.ErrNotServed), "the local image is the pinned " + string(pin) +
			"; the registry does not serve it: it can't be pulled again by that name, so save it to a bundle, or pin another"},
		"stale": {published, local(host, other, index), nil, "the local image is " + string(other) + " or " + string(index) +
			", and " + string(pin) + " is pinned: " + pull},
		"stale, side-loaded": {published, local(host), nil, "the local image has no digest (it was built here, or loaded from an archive that keeps none), and " +
			string(pin) + " is pinned: " + pull},
		"absent": {published, &manifest.Local{}, nil, "the image is not in the local store: " + pull},
		"absent and gone": {published, &manifest.Local{}, gone, "the image is not in the local store; " + moved +
			": the registry does not serve the pinned image any more: load a bundle that holds it, or pin another"},
		"unpublished": {unpublished, local(host, other), serves(other), "the local image is " + string(other) + "; the registry serves " + string(other) +
			": no digest is pinned, so that the tag decides what runs"},
		"unpublished, built": {unpublished, local(host), nil, "the local image has no digest: no digest is pinned, so that the tag decides what runs"},
		"unreachable": {published, local(host, pin), &manifest.Remote{Err: &manifest.RegistryError{Ref: ref, Class: manifest.ErrNoAnswer, Reason: "nothing within 10s"}},
			"the local image is the pinned " + string(pin) + "; the registry gives no answer: nothing within 10s"},
		"wrong platform": {published, local("linux/arm64", pin), nil, "the local image is the pinned " + string(pin) +
			": what would be launched is made for linux/arm64 and this host is linux/amd64, so pin an image for that"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, manifest.Judge(tc.pin, host, tc.local, tc.remote).Message)
		})
	}
}

func TestResultAsJSON(t *testing.T) {
	t.Parallel()
	r := manifest.Judge(published, host, local(host, pin), failed(manifest.ErrNoAnswer))
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.JSONEq(t, fmt.Sprintf(`{"pin":{"name":"a","ref":"x.io/a:v1","launch":"x.io/a@%[1]s","digest":%[1]q},"verdict":"unreachable",
		"local":{"id":"1","digests":[%[1]q],"platform":"linux/amd64"},
		"registry":{"digest":"","instances":null,"platforms":null,"pin_gone":false,"error":"x.io/a:v1: the registry gives no answer"},
		"message":%[2]q}`, pin, r.Message), string(text))
	var back struct{ Verdict manifest.Verdict }
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, manifest.Unreachable, back.Verdict)
	require.EqualError(t, json.Unmarshal([]byte(`{"verdict":"fine"}`), &back), `verdict "fine": want one of match, drift, stale, absent, unpublished, unreachable, wrong-platform`)
}

func TestLaunchable(t *testing.T) {
	t.Parallel()
	var no []manifest.Verdict
	for _, v := range manifest.Verdicts() {
		if !v.Launchable() {
			no = append(no, v)
		}
	}
	assert.Equal(t, []manifest.Verdict{manifest.Stale, manifest.Absent, manifest.WrongPlatform}, no)
	assert.False(t, manifest.Verdict("").Launchable())
}

// askable answers from two tables, by reference, and notes what it was asked.
type askable struct {
	digests map[string]digest.Digest
	served  map[string]manifest.Served
	err     error
	asked   []string
}

func (a *askable) Digest(_ context.Context, ref string) (digest.Digest, error) {
	a.asked = append(a.asked, "digest "+ref)
	if d, ok := a.digests[ref]; ok {
		return d, nil
	}
	return "", a.err
}

func (a *askable) Describe(_ context.Context, ref string) (manifest.Served, error) {
	a.asked = append(a.asked, "describe "+ref)
	if s, ok := a.served[ref]; ok {
		return s, nil
	}
	return manifest.Served{}, a.err
}

func TestAsk(t *testing.T) {
	t.Parallel()
	launch := published.Launch
	one := func(d digest.Digest, platform string) manifest.Served {
		return manifest.Served{Digest: d, Instances: []manifest.Instance{{d, platform}}}
	}
	within := remotes[6].remote.Served
	notServed := fmt.Errorf("mine: %w", manifest.ErrNotServed)
	known := &manifest.RegistryError{Ref: "q", Class: manifest.ErrDenied, Reason: "r"}
	for name, tc := range map[string]struct {
		pin       manifest.Pin
		platforms bool
		registry  askable
		asked     []string
		want      manifest.Remote
	}{
		"the pin": {pin: published, registry: askable{digests: map[string]digest.Digest{ref: pin}},
			asked: []string{"digest " + ref}, want: *serves(pin)},
		"unpublished": {pin: unpublished, registry: askable{digests: map[string]digest.Digest{ref: other}},
			asked: []string{"digest " + ref}, want: *serves(other)},
		"unpublished, platforms": {pin: unpublished, platforms: true, registry: askable{digests: map[string]digest.Digest{ref: other}, served: map[string]manifest.Served{ref: one(other, "linux/arm64")}},
			asked: []string{"digest " + ref, "describe " + ref}, want: *serves(other, "linux/arm64")},
		"an index with the pin": {pin: published, registry: askable{digests: map[string]digest.Digest{ref: index}, served: map[string]manifest.Served{ref: within}},
			asked: []string{"digest " + ref, "describe " + ref}, want: manifest.Remote{Served: within}},
		"moved": {pin: published, platforms: true, registry: askable{digests: map[string]digest.Digest{ref: other}, served: map[string]manifest.Served{ref: one(other, host), launch: one(pin, "linux/arm64")}},
			asked: []string{"digest " + ref, "describe " + ref, "describe " + launch}, want: manifest.Remote{Served: one(other, host), Platforms: []string{"linux/arm64"}}},
		"moved, the pin is gone": {pin: published, platforms: true, registry: askable{digests: map[string]digest.Digest{ref: other}, served: map[string]manifest.Served{ref: one(other, host)}, err: notServed},
			asked: []string{"digest " + ref, "describe " + ref, "describe " + launch}, want: manifest.Remote{Served: one(other, host), PinGone: true}},
		"a platform that is not known": {pin: published, platforms: true, registry: askable{digests: map[string]digest.Digest{ref: pin}, served: map[string]manifest.Served{launch: {Digest: pin, Instances: []manifest.Instance{{pin, host}, {other, ""}}}}},
			asked: []string{"digest " + ref, "describe " + launch}, want: *serves(pin)},
		"deleted": {pin: published, platforms: true, registry: askable{err: notServed},
			asked: []string{"digest " + ref, "describe " + launch}, want: manifest.Remote{Err: failed(manifest.ErrNotServed).Err, PinGone: true}},
		"deleted, and nobody needs it": {pin: published, registry: askable{err: notServed},
			asked: []string{"digest " + ref}, want: *failed(manifest.ErrNotServed)},
		"deleted, and nothing is pinned": {pin: unpublished, platforms: true, registry: askable{err: notServed},
			asked: []string{"digest " + ref}, want: *failed(manifest.ErrNotServed)},
		"an error of ours": {pin: published, registry: askable{err: known},
			asked: []string{"digest " + ref}, want: manifest.Remote{Err: known}},
		"an error of nobody": {pin: published, registry: askable{err: errors.New("GET https://me:hunter2@x.io")},
			asked: []string{"digest " + ref}, want: *failed(manifest.ErrNoAnswer)},
		"an error at the second question": {pin: published, registry: askable{digests: map[string]digest.Digest{ref: index}, err: known},
			asked: []string{"digest " + ref, "describe " + ref}, want: manifest.Remote{Err: known}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := manifest.Ask(t.Context(), &tc.registry, tc.pin, tc.platforms)
			assert.Equal(t, tc.asked, tc.registry.asked)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	fixed := manifest.Pin{Name: "a", Ref: published.Launch, Launch: published.Launch, Digest: pin}
	for name, tc := range map[string]struct {
		pin    manifest.Pin
		remote manifest.Remote
		want   digest.Digest
	}{
		"the same":                       {published, *serves(pin), pin},
		"another":                        {published, *serves(other), other},
		"one platform's image":           {published, *remotes[6].remote, pin},
		"not served":                     {published, *failed(manifest.ErrNotServed), pin},
		"no answer":                      {published, *failed(manifest.ErrNoAnswer), pin},
		"a reference with a digest":      {fixed, *serves(other), pin},
		"nothing pinned":                 {unpublished, *serves(other), other},
		"nothing pinned, nothing served": {unpublished, *failed(manifest.ErrNotServed), ""},
	} {
		assert.Equal(t, tc.want, manifest.Lock(tc.pin, tc.remote), name)
	}
}

// What may be launched is the pin, on the right platform, wherever it was
// looked; nothing else decides.
func FuzzJudge(f *testing.F) {
	f.Add(string(pin), string(pin), host, string(pin), host, byte(3))
	f.Add("", string(other), "linux/arm64", "", "", byte(1))
	f.Add(string(pin), "", "/", string(other), "linux/arm64", byte(7))
	f.Fuzz(func(t *testing.T, pinned, localDigest, localPlatform, served, platform string, state byte) {
		p := manifest.Pin{Name: "a", Ref: ref, Digest: digest.Digest(pinned), Launch: ref}
		var l *manifest.Local
		var r *manifest.Remote
		if state&1 != 0 {
			l = &manifest.Local{Platform: localPlatform}
			if state&8 != 0 {
				l.ID = "1"
			}
			if localDigest != "" {
				l.Digests = []digest.Digest{digest.Digest(localDigest)}
			}
		}
		if state&2 != 0 {
			r = serves(digest.Digest(served), platform)
			if state&4 != 0 {
				r = failed([]error{manifest.ErrNoAnswer, manifest.ErrDenied, manifest.ErrNotServed}[int(state)%3])
			}
		}
		got := manifest.Judge(p, host, l, r)
		if _, err := manifest.ParseVerdict(string(got.Verdict)); err != nil {
			t.Fatal(err)
		}
		if again := manifest.Judge(p, host, l, r); again.Verdict != got.Verdict || again.Message != got.Message || got.Message == "" {
			t.Fatalf("%+v, then %+v", got, again)
		}
		if l == nil || l.ID == "" {
			return
		}
		known := strings.Trim(l.Platform, "/") != ""
		isPin := pinned == "" || slices.Contains(l.Digests, digest.Digest(pinned))
		if want := isPin && (!known || l.Platform == host); got.Verdict.Launchable() != want {
			t.Fatalf("%s is launchable: %v, want %v", got.Verdict, got.Verdict.Launchable(), want)
		}
	})
}
