package enum_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/enum"
)

type colour string

var colours = []colour{"red", "green"}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := enum.Parse("colour", colours, "green")
	require.NoError(t, err)
	assert.Equal(t, colour("green"), got)

	for name, word := range map[string]string{"another word": "blue", "another case": "Red", "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := enum.Parse("colour", colours, word)
			assert.Empty(t, got)
			require.ErrorIs(t, err, enum.ErrUnknown)
			require.EqualError(t, err, `colour "`+word+`": want one of red, green`)
		})
	}
}

func TestSetLeavesTheValueAloneOnAnError(t *testing.T) {
	t.Parallel()
	parse := func(s string) (colour, error) { return enum.Parse("colour", colours, s) }
	c := colour("red")
	require.Error(t, enum.Set(&c, parse, []byte("blue")))
	assert.Equal(t, colour("red"), c)
	require.NoError(t, enum.Set(&c, parse, []byte("green")))
	assert.Equal(t, colour("green"), c)
}

func TestErrorOfAnEmptySet(t *testing.T) {
	t.Parallel()
	require.EqualError(t, &enum.Error{Kind: "unknown profile", Found: "a"}, `unknown profile "a": there is none`)
}
