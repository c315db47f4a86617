package profile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
)

// What an exported profile says of itself.
const (
	// Kind is its "kind".
	Kind = "hal0.profile"
	// SchemaVersion is its "schema_version", the newest that [Import] reads.
	SchemaVersion = 1
)

// exported is a profile in the order in which it is exported.
type exported struct {
	Name       string         `json:"name" koanf:"name" validate:"required"`
	Image      string         `json:"image" koanf:"image" validate:"required"`
	Flags      Flags          `json:"flags" koanf:"flags" conf:"multiline"`
	MTP        bool           `json:"mtp" koanf:"mtp"`
	Class      device.Class   `json:"device_class" koanf:"device_class"`
	Backend    device.Backend `json:"backend" koanf:"backend"`
	Intent     string         `json:"intent" koanf:"intent"`
	Quant      string         `json:"quant" koanf:"quant"`
	ClonedFrom string         `json:"cloned_from" koanf:"cloned_from"`
}

type envelope struct {
	Kind          string   `json:"kind" koanf:"kind"`
	SchemaVersion int      `json:"schema_version" koanf:"schema_version"`
	Checksum      string   `json:"checksum" koanf:"checksum" validate:"required"`
	Profile       exported `json:"profile" koanf:"profile"`
}

// envelopeHead is what tells whether the rest can be understood.
type envelopeHead struct {
	Kind          string `koanf:"kind" validate:"required"`
	SchemaVersion int    `koanf:"schema_version" validate:"required"`
}

// Export returns a profile as a JSON object that [Import] reads, on this box or
// another one: kind, schema_version, checksum and profile, with every key of a
// profiles.toml and its name. The same profile always gives the same bytes.
//
// The checksum is "sha256:" and the SHA-256, in hexadecimal, of the profile
// object in the form of RFC 8785: its keys sorted, no blanks, strings in UTF-8
// with no more escapes than JSON needs.
func Export(p Profile) ([]byte, error) {
	e := envelope{Kind, SchemaVersion, "", exported{
		p.Name, p.Image, p.Flags, p.MTP, p.class(), p.backend(), p.Intent, p.Quant, p.ClonedFrom,
	}}
	e.Checksum = e.Profile.checksum()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(e)
	return b.Bytes(), err
}

// Import reads what [Export] wrote; file is what errors call it. Another kind, a
// newer schema, a key that is not known, a profile that profiles.toml could not
// hold and a checksum that is not the profile's are errors. Give the profile
// another name before creating it where its own is taken.
func Import(file string, data []byte) (Profile, error) {
	doc, err := conf.ParseJSON(file, data)
	if err != nil {
		return Profile{}, err
	}
	if err := checkHead(doc); err != nil {
		return Profile{}, err
	}
	var e envelope
	if err := doc.Decode(&e, conf.Reject); err != nil {
		return Profile{}, err
	}
	x := e.Profile
	if err := CheckName(x.Name); err != nil {
		return Profile{}, conf.ValidationErrors{doc.Problem(conf.ErrValue, err.Error(), "profile", "name")}
	}
	p := Profile{
		Name: x.Name, Image: x.Image, Flags: x.Flags, MTP: x.MTP, Class: x.Class, Backend: x.Backend,
		Intent: x.Intent, Quant: x.Quant, ClonedFrom: x.ClonedFrom,
	}
	p.Class, p.Backend = p.class(), p.backend()
	x.Class, x.Backend = p.Class, p.Backend
	if sum := x.checksum(); e.Checksum != sum {
		return Profile{}, conf.ValidationErrors{doc.Problem(conf.ErrConflict,
			fmt.Sprintf("is %q, but the profile's is %q: the file was damaged, or changed by hand", e.Checksum, sum), "checksum")}
	}
	return p, nil
}

// checkHead returns what keeps the rest of an envelope from being understood.
func checkHead(doc *conf.Document) error {
	var head envelopeHead
	problems := conf.Problems(doc.Decode(&head, conf.Ignore))
	switch {
	case len(problems) > 0:
	case head.Kind != Kind:
		problems = append(problems, doc.Problem(conf.ErrValue, fmt.Sprintf("is %q, want %q: this is no exported profile", head.Kind, Kind), "kind"))
	case head.SchemaVersion < 1 || head.SchemaVersion > SchemaVersion:
		problems = append(problems, doc.Problem(conf.ErrValue,
			fmt.Sprintf("is %d, and this program reads version %d: use one that is as new as the export", head.SchemaVersion, SchemaVersion), "schema_version"))
	}
	return problems.Err()
}

// checksum returns the checksum of the canonical form that Export documents.
func (x exported) checksum() string {
	members := []string{
		`"backend":` + jsonText(string(x.Backend)),
		`"cloned_from":` + jsonText(x.ClonedFrom),
		`"device_class":` + jsonText(string(x.Class)),
		`"flags":` + jsonText(x.Flags.String()),
		`"image":` + jsonText(x.Image),
		`"intent":` + jsonText(x.Intent),
		`"mtp":` + strconv.FormatBool(x.MTP),
		`"name":` + jsonText(x.Name),
		`"quant":` + jsonText(x.Quant),
	}
	sum := sha256.Sum256([]byte("{" + strings.Join(members, ",") + "}"))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// jsonText quotes a string as RFC 8785 does: encoding/json escapes more.
func jsonText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		short := strings.IndexRune("\b\t\n\f\r\"\\", r)
		switch {
		case short >= 0:
			b.WriteString(`\` + `btnfr"\`[short:short+1])
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
