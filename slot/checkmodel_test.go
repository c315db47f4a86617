package slot_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/gguf"
	"github.com/hal0ai/hal0-go/slot"
)

func TestCheckModel(t *testing.T) {
	t.Parallel()
	const readable = "/m/model.gguf is a llama model of 4.6 GiB, 32 layers, with a context of 8192 tokens"
	for name, tc := range map[string]struct {
		flags  string
		change func(*slot.Plan, *slot.ModelFacts)
		want   []slot.Finding // beside the description
	}{
		"nothing amiss": {"", nil, nil},
		"a context beyond the model's": {"-c 16384 -np 1", nil, []slot.Finding{{
			Severity: "warning", Code: "model.context", Message: "the context is 16384 tokens, and the model's own is 8192: the server caps it, and wastes the memory for the rest",
			Fix: "set context_size to at most 8192, or stretch the model's window with --rope-scaling",
		}}},
		"two sequences of the model's own": {"-c 16384 -np 2", nil, nil},
		"two sequences beyond it": {"-c 16388 -np 2", nil, []slot.Finding{{
			Severity: "warning", Code: "model.context", Message: "the context is 8194 tokens, and the model's own is 8192: the server caps it, and wastes the memory for the rest",
			Fix: "set context_size to at most 16384, or stretch the model's window with --rope-scaling",
		}}},
		"stretched":              {"-c 16384 -np 1 --rope-scaling yarn", nil, nil},
		"stretched, scale alone": {"-c 16384 -np 1 --rope-scale 2", nil, nil},
		"no context is told":     {"-c 16384", func(_ *slot.Plan, m *slot.ModelFacts) { m.Shape.ContextLength = 0 }, nil},
		"MTP without heads": {"--spec-type draft-mtp", nil, []slot.Finding{{
			Severity: "error", Code: "model.no-mtp", Message: "multi-token prediction is on, and the model has no heads for it (llama.nextn_predict_layers): the server would not start",
			Fix: "set mtp = false, or use a file of the model that keeps its MTP layers",
		}}},
		"MTP with heads":           {"--spec-type ngram-simple,draft-mtp", func(_ *slot.Plan, m *slot.ModelFacts) { m.Shape.MTP = layers(1, gguf.Layer{}) }, nil},
		"MTP of a draft model":     {"--spec-type draft-mtp -md /m/draft.gguf", nil, nil},
		"another kind of drafting": {"--spec-type draft-simple", nil, nil},
		"heads that the KV type does not fit": {"-ctk q8_0 -ctv q4_0", func(_ *slot.Plan, m *slot.ModelFacts) { m.Shape.KeyLength, m.Shape.ValueLength = 80, 96 }, []slot.Finding{{
			Severity: "error", Code: "model.cache-type", Message: "-ctk q8_0 keeps 32 elements together, and a head of the model has 80: the server would not start",
			Fix: "use -ctk f16 for this model",
		}}},
		"quantized values without flash attention": {"-ctv q4_0 -fa off", nil, []slot.Finding{{
			Severity: "error", Code: "model.cache-type", Message: "-ctv q4_0 needs flash attention, which a flag switches off: the server would not start",
			Fix: "remove that flag, or use -ctv f16",
		}}},
		"quantized keys without flash attention": {"-ctk q4_0 -fa 0", nil, nil},
		"a part that is missing": {"", func(p *slot.Plan, m *slot.ModelFacts) {
			p.ModelFile, m.Shape.Parts, m.Missing = "/m/a-00001-of-00002.gguf", 2, []string{"/m/a-00002-of-00002.gguf"}
		}, []slot.Finding{{
			Severity: "error", Code: "model.parts", Message: "the model is split into 2 files, and /m/a-00002-of-00002.gguf can't be read", Fix: "fetch the missing files",
		}}},
		"not the first part": {"", func(p *slot.Plan, m *slot.ModelFacts) { p.ModelFile, m.Shape.Parts = "/m/a-00002-of-00002.gguf", 2 }, []slot.Finding{{
			Severity: "error", Code: "model.parts", Message: "/m/a-00002-of-00002.gguf is not the first file of a split model", Fix: "name the first one, /m/a-00001-of-00002.gguf",
		}}},
		"a part by another name": {"", func(_ *slot.Plan, m *slot.ModelFacts) { m.Shape.Parts = 3 }, []slot.Finding{{
			Severity: "error", Code: "model.parts", Message: "/m/model.gguf is one of 3 files of a split model, and its name does not say so",
			Fix: "give it back its name, which ends in -00001-of-00003.gguf",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, p := llama3(), serves(t, device.GPUVulkan, tc.flags)
			if tc.change != nil {
				tc.change(p, &m)
			}
			found := slot.CheckModel(p, &m)
			assert.Equal(t, slot.FindModel, found[0].Code)
			if tc.change == nil {
				assert.Equal(t, slot.Finding{Severity: "info", Code: "model.readable", Message: readable}, plain(found[0]))
			}
			var rest []slot.Finding
			for _, f := range found[1:] {
				rest = append(rest, plain(f))
			}
			assert.Equal(t, tc.want, rest)
		})
	}
}

func TestDescribeModelWithMTP(t *testing.T) {
	t.Parallel()
	m := llama3()
	m.Shape.ContextLength, m.Shape.MTP = 0, layers(2, gguf.Layer{})
	assert.Equal(t, "/m/model.gguf is a llama model of 4.6 GiB, 32 layers and 2 for multi-token prediction",
		slot.CheckModel(serves(t, device.CPU, ""), &m)[0].Message)
}

func TestModelParts(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][]string{
		"/m/a.gguf":                 {"/m/a.gguf"},
		"/m/a-00001-of-00003.gguf":  {"/m/a-00001-of-00003.gguf", "/m/a-00002-of-00003.gguf", "/m/a-00003-of-00003.gguf"},
		"/m/a-00002-of-00002.gguf":  {"/m/a-00001-of-00002.gguf", "/m/a-00002-of-00002.gguf"},
		"/m/a-00001-of-00000.gguf":  {"/m/a-00001-of-00000.gguf"},
		"/m/a-00001-of-99999.gguf":  {"/m/a-00001-of-99999.gguf"},
		"/m/a-1-of-3.gguf":          {"/m/a-1-of-3.gguf"},
		"/m-00001-of-00002/a.gguf":  {"/m-00001-of-00002/a.gguf"},
		"/m/-00001-of-00001.gguf":   {"/m/-00001-of-00001.gguf"},
		"/m/a-00001-of-00003.ggufx": {"/m/a-00001-of-00003.ggufx"},
	} {
		assert.Equal(t, want, slot.ModelParts(file), file)
	}
}

func TestFilesOfAPlan(t *testing.T) {
	t.Parallel()
	p := serves(t, device.CPU, "--mmproj /m/p.gguf --chat-template-file /m/chat-templates/x.jinja")
	assert.Equal(t, "/m/p.gguf", slot.ProjectorFile(p))
	assert.Equal(t, "/m/chat-templates/x.jinja", slot.TemplateFile(p))
	p.Provider = "kokoro"
	assert.Empty(t, slot.ProjectorFile(p)+slot.TemplateFile(p))
}
