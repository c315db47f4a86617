package slot

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/provider"
)

// CheckModel holds what a llama-server plan asks of its model against what the
// model's files tell. CheckModel is pure.
func CheckModel(p *Plan, m *ModelFacts) []Finding {
	s := servingOf(p, m.Shape.ContextLength)
	return slices.Concat([]Finding{describeModel(p, m)}, checkParts(p, m), checkContext(&s, m), checkMTP(&s, m), checkCacheTypes(&s, m))
}

func describeModel(p *Plan, m *ModelFacts) Finding {
	text := fmt.Sprintf("%s is a %s model of %s, %d layers", p.ModelFile, m.Shape.Architecture, Bytes(m.Bytes), len(m.Shape.Layers))
	if m.Shape.ContextLength > 0 {
		text += fmt.Sprintf(", with a context of %d tokens", m.Shape.ContextLength)
	}
	if len(m.Shape.MTP) > 0 {
		text += fmt.Sprintf(" and %d for multi-token prediction", len(m.Shape.MTP))
	}
	return foundf(SeverityInfo, FindModel, "%s", text)
}

// partName is the name of one file of a model that is split.
var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// ModelParts returns the paths of all files of a model: of one that is named as a
// part of several, such as m-00001-of-00003.gguf, the others too.
func ModelParts(file string) []string {
	m := partName.FindStringSubmatch(path.Base(file))
	if m == nil {
		return []string{file}
	}
	const most = 1000 // far above what there is
	count, err := strconv.Atoi(m[3])
	if err != nil || count < 1 || count > most {
		return []string{file}
	}
	parts := make([]string, count)
	for i := range parts {
		parts[i] = path.Join(path.Dir(file), fmt.Sprintf("%s-%05d-of-%s.gguf", m[1], i+1, m[3]))
	}
	return parts
}

// checkParts: llama.cpp loads a split model by its first file, finds the others by
// their names, and needs all of them.
func checkParts(p *Plan, m *ModelFacts) []Finding {
	parts := ModelParts(p.ModelFile)
	var found []Finding
	switch {
	case m.Shape.Parts > 1 && len(parts) != m.Shape.Parts:
		found = append(found, foundf(SeverityError, FindModelParts, "%s is one of %d files of a split model, and its name does not say so", p.ModelFile, m.Shape.Parts).
			fix("give it back its name, which ends in -00001-of-%05d.gguf", m.Shape.Parts))
	case parts[0] != p.ModelFile:
		found = append(found, foundf(SeverityError, FindModelParts, "%s is not the first file of a split model", p.ModelFile).
			fix("name the first one, %s", parts[0]))
	}
	if len(m.Missing) > 0 {
		found = append(found, foundf(SeverityError, FindModelParts, "the model is split into %d files, and %s can't be read", len(parts), strings.Join(m.Missing, " and ")).
			fix("fetch the missing files"))
	}
	for i := range found {
		found[i] = found[i].At("model", "default")
	}
	return found
}

// checkContext: llama-server caps what a sequence gets at the model's own window
// and has allocated the rest for nothing, unless RoPE scaling stretches the window.
func checkContext(s *serving, m *ModelFacts) []Finding {
	native, asked := m.Shape.ContextLength, s.context
	if !s.unified {
		asked /= s.slots
	}
	if native == 0 || asked <= native || s.scaled {
		return nil
	}
	return []Finding{foundf(SeverityWarning, FindModelContext, "the context is %d tokens, and the model's own is %d: the server caps it, and wastes the memory for the rest", asked, native).
		fix("set context_size to at most %d, or stretch the model's window with --rope-scaling", native*s.streams()).At("model", "context_size")}
}

// checkMTP: llama-server does not start with --spec-type draft-mtp and a model
// without heads for it: "context type MTP requested but model doesn't contain MTP
// layers". Files tell of them in nextn_predict_layers. A draft model of its own may
// bring them.
func checkMTP(s *serving, m *ModelFacts) []Finding {
	if !s.mtp || s.hasDraft || len(m.Shape.MTP) > 0 {
		return nil
	}
	return []Finding{foundf(SeverityError, FindModelMTP, "multi-token prediction is on, and the model has no heads for it (%s.nextn_predict_layers): the server would not start", m.Shape.Architecture).
		fix("set mtp = false, or use a file of the model that keeps its MTP layers").At("mtp")}
}

// checkCacheTypes: llama.cpp keeps quantized keys and values in blocks that must
// not go beyond a head, and quantized values with flash attention only.
func checkCacheTypes(s *serving, m *ModelFacts) []Finding {
	var found []Finding
	for _, c := range []struct {
		flag, typ string
		length    int
	}{{"-ctk", s.key, m.Shape.KeyLength}, {"-ctv", s.value, m.Shape.ValueLength}} {
		if block := typeOf(c.typ).block; c.length%block != 0 {
			found = append(found, foundf(SeverityError, FindCacheType, "%s %s keeps %d elements together, and a head of the model has %d: the server would not start", c.flag, c.typ, block, c.length).
				fix("use %s f16 for this model", c.flag).At("server", "extra_args"))
		}
	}
	if typeOf(s.value).block > 1 && !s.flash {
		found = append(found, foundf(SeverityError, FindCacheType, "-ctv %s needs flash attention, which a flag switches off: the server would not start", s.value).
			fix("remove that flag, or use -ctv f16").At("server", "extra_args"))
	}
	return found
}

// TemplateFile returns the chat template that a plan loads, "" for the model's
// own.
func TemplateFile(p *Plan) string {
	if p.Provider != provider.LlamaServer {
		return ""
	}
	return readFlags(p.Flags).text("--chat-template-file", "")
}

// ProjectorFile returns the vision projector that a plan loads, or "".
func ProjectorFile(p *Plan) string {
	if p.Provider != provider.LlamaServer {
		return ""
	}
	return readFlags(p.Flags).text("--mmproj", "")
}
