package edit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/hal0ai/hal0-go/internal/edit"
)

// fuzzOp makes an edit of what a fuzzer hands out.
func fuzzOp(path, value string, kind uint8) edit.Op {
	segments := strings.Split(path, "/")
	switch kind % 6 {
	case 0:
		return edit.Unset(segments...)
	case 1:
		return edit.Set(len(value), segments...)
	case 2:
		return edit.Set([]string{value, "x"}, segments...)
	case 3:
		return edit.Set(map[string]string{value: "x", "b": value}, segments...)
	}
	return edit.Set(value, segments...)
}

var seeds = []string{
	"# c\na = 1 # d\n\n[t]\nenv = { A = \"1\", B.c = '2' }\nl = [\n 'a', # x\n]\n",
	"[[t]]\na = \"\"\"\r\nb\"\"\"\r\n[t.u]\r\nx.y = 1\r\n", "t.env = {\n# c\n}", `{"a": {"b": [null, 1], "t": "x"}, "l": ["a"]}`,
	"{\n  \"t\": {\n    \"env\": {}\n  }\n}\n",
}

// Whatever an edit returns says what was asked for, and a second time nothing
// changes; whatever it refuses, it refuses without panicking. That the rest of
// the document is kept is checked by the edit itself.
func FuzzTOML(f *testing.F) {
	for _, s := range seeds {
		for kind := range uint8(5) {
			f.Add([]byte(s), "t/env/A", "x'\n", kind)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, path, value string, kind uint8) {
		op := fuzzOp(path, value, kind)
		fuzzed(t, edit.TOML, toml.Unmarshal, doc, op)
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range seeds {
		for kind := range uint8(5) {
			f.Add([]byte(s), "t/env", "x'\n", kind)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, path, value string, kind uint8) {
		fuzzed(t, edit.JSON, json.Unmarshal, doc, fuzzOp(path, value, kind))
	})
}

func fuzzed(t *testing.T, do func([]byte, ...edit.Op) ([]byte, error), parse func([]byte, any) error, doc []byte, op edit.Op) {
	t.Helper()
	whole := bytes.Clone(doc)
	after, err := do(doc, op)
	if !bytes.Equal(whole, doc) {
		t.Fatalf("the input %q was changed to %q", whole, doc)
	}
	if err != nil {
		if strings.Contains(err.Error(), "nothing is changed") {
			t.Fatalf("%#v of %q: %v", op, doc, err)
		}
		return
	}
	var tree any = map[string]any{}
	if err := parse(after, &tree); err != nil {
		t.Fatalf("%#v of %q gives %q: %v", op, doc, after, err)
	}
	found := true
	for _, key := range op.Path {
		table, _ := tree.(map[string]any)
		tree, found = table[key]
	}
	if found != (op.Value != nil) {
		t.Fatalf("%#v of %q gives %q", op, doc, after)
	}
	again, err := do(after, op)
	if err != nil || !bytes.Equal(again, after) {
		t.Fatalf("%#v of %q gives %q, then %q, %v", op, doc, after, again, err)
	}
}

// A file of 24 KB, as 60 profiles are.
func BenchmarkTOML(b *testing.B) {
	var doc bytes.Buffer
	for i := 0; doc.Len() < 24<<10; i++ {
		fmt.Fprintf(&doc, "# about the profile\n[profile.p%d]\n%s\n\n", i,
			"image = \"ghcr.io/hal0ai/amd-strix-halo-toolboxes:rocm-7.2.4-rocmfp4-server\"\n"+
				"flags = \"-fa on -ctk q8_0 -ctv q8_0 -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap\"\n"+
				"mtp = true\ndevice_class = \"gpu\" # the GPU\nbackend = \"rocm\"\nintent = \"MoE agents · q8 KV\"")
	}
	doc.WriteString("[profile.mine]\nimage = \"x\"\n")
	b.SetBytes(int64(doc.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := edit.TOML(doc.Bytes(), edit.Set("-fa off", "profile", "mine", "flags")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	doc := []byte("{\n  \"images\": {")
	for i := 0; len(doc) < 24<<10; i++ {
		doc = fmt.Appendf(doc, "\n    \"i%d\": {\n      \"tag\": \"ghcr.io/hal0ai/a:1\",\n      \"digest\": \"\",\n      \"_notes\": \"x\"\n    },", i)
	}
	doc = append(doc[:len(doc)-1], "\n  }\n}\n"...)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := edit.JSON(doc, edit.Set("sha256:x", "images", "i3", "digest")); err != nil {
			b.Fatal(err)
		}
	}
}
