package slot_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/slot"
)

func TestSeverities(t *testing.T) {
	t.Parallel()
	for _, s := range slot.Severities() {
		parsed, err := slot.ParseSeverity(string(s))
		require.NoError(t, err)
		assert.Equal(t, s, parsed)
		assert.True(t, s.Valid())
	}
	_, err := slot.ParseSeverity("fatal")
	require.EqualError(t, err, `severity "fatal": want one of error, warning, info`)
	assert.False(t, slot.Severity("").Valid())
	_, err = json.Marshal(slot.Finding{})
	require.Error(t, err, "the zero value is never valid")
}

func TestWorst(t *testing.T) {
	t.Parallel()
	of := func(severities ...slot.Severity) (list []slot.Finding) {
		for _, s := range severities {
			list = append(list, slot.Finding{Severity: s})
		}
		return list
	}
	assert.Equal(t, slot.Severity(""), slot.Worst(nil))
	assert.Equal(t, slot.SeverityInfo, slot.Worst(of("info")))
	assert.Equal(t, slot.SeverityWarning, slot.Worst(of("info", "warning", "info")))
	assert.Equal(t, slot.SeverityError, slot.Worst(of("warning", "error", "info")))
}

func TestSortFindings(t *testing.T) {
	t.Parallel()
	list := []slot.Finding{
		{Slot: "b", Severity: "error"}, {Slot: "a", Severity: "info", Code: "1"}, {Slot: "a", Severity: "warning"}, {Severity: "info"}, {Slot: "a", Severity: "info", Code: "2"},
	}
	slot.SortFindings(list)
	assert.Equal(t, []slot.Finding{
		{Severity: "info"}, {Slot: "a", Severity: "warning"}, {Slot: "a", Severity: "info", Code: "1"}, {Slot: "a", Severity: "info", Code: "2"}, {Slot: "b", Severity: "error"},
	}, list)
}

func TestFindingJSON(t *testing.T) {
	t.Parallel()
	f := slot.Finding{
		Slot: "chat", Severity: slot.SeverityError, Code: slot.FindFlagUnknown, Message: "m", Fix: "f", File: "profiles.toml", Line: 3, Column: 1,
		Path: "profile.p.flags", Err: errors.New("not printed"),
	}
	data, err := json.Marshal(f)
	require.NoError(t, err)
	assert.JSONEq(t, `{"slot":"chat","severity":"error","code":"flags.unknown","message":"m","fix":"f","file":"profiles.toml","line":3,"column":1,"path":"profile.p.flags"}`, string(data))
	var back slot.Finding
	require.NoError(t, json.Unmarshal(data, &back))
	f.Err = nil
	assert.Equal(t, f, back)
}

func plain(f slot.Finding) slot.Finding { return slot.Plain(f) }
