package device

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// ParseHardware reads a hardware.json; name is what errors call the file. Keys
// that are not known are ignored: other writers of the file have more. The error
// holds every problem of the file, with its position. A platform that is not
// written is [PlatformUnknown].
func ParseHardware(name string, data []byte) (Hardware, error) {
	doc, err := conf.ParseJSON(name, data)
	if err != nil {
		return Hardware{}, err
	}
	h := Hardware{Platform: PlatformUnknown, GPUs: []GPUInfo{}}
	var at struct {
		Probed timestamp `koanf:"probed_at"`
	}
	problems := append(conf.Problems(doc.Decode(&h, conf.Ignore)), conf.Problems(doc.Decode(&at, conf.Ignore))...)
	problems.Sort()
	if err := problems.Err(); err != nil {
		return Hardware{}, err
	}
	h.ProbedAt = time.Time(at.Probed)
	return h, nil
}

// Encode returns h as the text of a hardware.json, which [ParseHardware] reads
// back: the keys in the order of the struct, indented by two spaces, with a line
// end. Equal values give equal bytes. A word that is not a vendor or platform is
// an error.
func (h Hardware) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode hardware: %w", err)
	}
	return append(data, '\n'), nil
}

// MarshalJSON implements [json.Marshaler]. A platform that is not set is written
// as unknown, and no GPUs as an empty list: readers of the file expect both.
func (h Hardware) MarshalJSON() ([]byte, error) {
	type plain Hardware
	if h.Platform == "" {
		h.Platform = PlatformUnknown
	}
	if h.GPUs == nil {
		h.GPUs = []GPUInfo{}
	}
	return json.Marshal(plain(h))
}

// A timestamp reads the forms in which hal0 writes a time: ISO 8601, in UTC
// when no offset is written. The empty text is the zero time.
type timestamp time.Time

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *timestamp) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, s); err == nil {
			*t = timestamp(at.UTC())
			return nil
		}
	}
	return fmt.Errorf("is %q, want a time such as 2026-01-31T18:30:00Z", s)
}
