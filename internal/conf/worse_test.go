package conf_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// A problem that was there may stand somewhere else now, but not twice.
func TestWorse(t *testing.T) {
	t.Parallel()
	problem := func(line int, message string, path ...string) conf.ValidationError {
		p := conf.At(conf.ErrValue, message, path...)
		p.File, p.Line, p.Column = "f", line, 1
		return p
	}
	before := conf.ValidationErrors{problem(1, "bad", "a"), problem(2, "bad", "b")}
	after := conf.ValidationErrors{problem(1, "worse", "a"), problem(5, "bad", "b"), problem(6, "bad", "b")}
	assert.Equal(t, "f:1:1: a: worse\nf:6:1: b: bad", conf.Worse(before, after).Error())
	assert.Empty(t, conf.Worse(before, before))
	assert.Empty(t, conf.Worse(nil, nil))
	assert.Len(t, conf.Worse(nil, after), 3)
}

// Problems of an edited text point into the one that is there.
func TestOnDisk(t *testing.T) {
	t.Parallel()
	problems := conf.ValidationErrors{
		{File: "f", Line: 9, Column: 9, Path: "t.new", Message: "bad", Keys: []string{"t", "new"}},
		{File: "f", Line: 3, Column: 3, Path: "a", Message: "bad", Keys: []string{"a"}},
		{File: "g", Line: 1, Column: 1, Path: "a", Message: "bad", Keys: []string{"a"}},
	}
	got := conf.OnDisk(append(conf.ValidationErrors{}, problems...), "f", []byte("\na = 1\n[t]\n"))
	assert.Equal(t, "f:2:1: a: bad\nf:3:2: t.new: bad\ng:1:1: a: bad", got.Error())
	got = conf.OnDisk(problems, "f", nil)
	assert.Equal(t, "f: a: bad\nf: t.new: bad\ng:1:1: a: bad", got.Error())
}

func TestInFile(t *testing.T) {
	t.Parallel()
	err := conf.InFile(conf.UnknownKey("a.c", []string{"b.d", "b.e"}), "f")
	require.EqualError(t, err, "f: a.c: unknown key, want one of b.d, b.e")
	require.EqualError(t, conf.InFile(err, "g"), "f: a.c: unknown key, want one of b.d, b.e")
	require.NoError(t, conf.InFile(nil, "g"))
}
