package argv_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/hal0ai/hal0-go/internal/argv"
)

func TestKey(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"-b":                              "--batch-size",
		"--batch-size":                    "--batch-size",
		"--batch_size":                    "--batch-size",
		"--batch-size=1":                  "--batch-size",
		"--batch_size=a_b":                "--batch-size",
		"--n-gpu-layers":                  "--gpu-layers",
		"--mmap":                          "--mmap",
		"--no-mmap":                       "--mmap",
		"--no_mmap":                       "--mmap",
		"-nkvo":                           "--kv-offload",
		"-no-kvu":                         "--kv-unified",
		"-dio":                            "--direct-io",
		"--no-direct-io":                  "--direct-io",
		"--embeddings":                    "--embedding",
		"--reranking":                     "--rerank",
		"-mm":                             "--mmproj",
		"--mmproj":                        "--mmproj",
		"--no-mmproj":                     "--mmproj-auto",
		"--no-mmproj-auto":                "--mmproj-auto",
		"--host":                          "--host",
		"--no-host":                       "--no-host", // bypasses the host buffer
		"-v":                              "--verbose",
		"-lv":                             "--verbosity",
		"-ctkd":                           "--spec-draft-type-k",
		"--draft-max":                     "--draft",
		"--help":                          "--help",
		"--unheard-of":                    "--unheard-of",
		"--unheard_of=1":                  "--unheard-of",
		"--no-unheard-of":                 "--unheard-of",
		"--no-metrics":                    "--metrics",    // known, without a negation
		"--no-flash-attn":                 "--flash-attn", // its value may be left out
		"--no-embeddings":                 "--embedding",  // by way of an alias
		"--no-ctx-size":                   "--no-ctx-size",
		"--no-control-vector":             "--no-control-vector",
		"--no-control-vector-layer-range": "--no-control-vector-layer-range",
		"--no-no-x":                       "--no-no-x",
		"--no-":                           "--no-",
		"-x_y":                            "-x_y",
		"-x=1":                            "-x",
		"":                                "",
		"-":                               "-",
		"--":                              "--",
		"-1=2":                            "-1=2",
		"stray=word":                      "stray=word",
		"--spec_draft_n-max":              "--spec-draft-n-max",
		"--fim-qwen-1.5b-default":         "--fim-qwen-1.5b-default",
	} {
		assert.Equal(t, want, argv.LlamaServer().Key(name), "%q", name)
	}
}

func TestPlainKey(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"-b": "-b", "--port": "--port", "--port=1": "--port", "--model_path": "--model_path",
		"--no-mmap": "--no-mmap", "word=1": "word=1", "": "",
	} {
		assert.Equal(t, want, argv.Plain().Key(name), "%q", name)
		assert.Equal(t, want, new(argv.Grammar).Key(name), "%q", name)
	}
}

func BenchmarkKey(b *testing.B) {
	g := argv.LlamaServer()
	b.ReportAllocs()
	for b.Loop() {
		_ = g.Key("--spec-draft-type-k")
	}
}
