package argv_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/argv"
)

func TestSources(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []argv.Source{argv.Base, argv.Profile, argv.MTP, argv.Model, argv.Type, argv.Slot}, argv.Sources())
	argv.Sources()[0] = "changed"
	assert.Equal(t, argv.Base, argv.Sources()[0], "each call returns its own slice")
}

func TestFlagWords(t *testing.T) {
	t.Parallel()
	flags := []argv.Flag{
		{Name: "-b", Values: []string{"512"}},
		{Name: "--jinja"},
		{Name: "--control-vector-layer-range", Values: []string{"1", "3"}},
		{Values: []string{"stray"}},
		{Name: "--alias", Values: []string{""}},
	}
	assert.Equal(t, []string{"-b", "512", "--jinja", "--control-vector-layer-range", "1", "3", "stray", "--alias", ""}, argv.Argv(flags))
	values := make([]string, len(flags))
	for i, f := range flags {
		values[i] = f.Value()
	}
	assert.Equal(t, []string{"512", "", "1 3", "stray", ""}, values)
	assert.Equal(t, []string{"x", "-b", "512"}, flags[0].AppendTo([]string{"x"}))
}

func TestHas(t *testing.T) {
	t.Parallel()
	g := argv.LlamaServer()
	flags := []argv.Flag{{Name: "--no-mmap"}, {Name: "-b", Values: []string{"1"}}, {Values: []string{"stray"}}}
	for name, want := range map[string]bool{
		"--mmap": true, "--no-mmap": true, "--batch_size": true, "-b": true,
		"--ctx-size": false, "stray": false, "": false,
	} {
		assert.Equal(t, want, argv.Has(flags, g, name), "%q", name)
	}
}

func TestFlagJSON(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		flag argv.Flag
		want string
	}{
		"value":       {argv.Flag{Name: "-b", Values: []string{"1024"}, Source: argv.Slot}, `{"flag":"-b","value":"1024","source":"slot"}`},
		"no value":    {argv.Flag{Name: "--jinja", Source: argv.Profile}, `{"flag":"--jinja","source":"profile"}`},
		"empty value": {argv.Flag{Name: "--alias", Values: []string{""}, Source: argv.Base}, `{"flag":"--alias","value":"","source":"base"}`},
		"two values": {
			argv.Flag{Name: "--control-vector-layer-range", Values: []string{"1", "3"}, Source: argv.Slot},
			`{"flag":"--control-vector-layer-range","value":"1 3","values":["1","3"],"source":"slot"}`,
		},
		"no flag": {argv.Flag{Values: []string{"stray"}, Source: argv.Slot}, `{"flag":"","value":"stray","source":"slot"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := json.Marshal(tc.flag)
			require.NoError(t, err)
			assert.Equal(t, tc.want, string(data))
			var back argv.Flag
			require.NoError(t, json.Unmarshal(data, &back))
			assert.Equal(t, tc.flag, back)
		})
	}
}

func TestDroppedJSON(t *testing.T) {
	t.Parallel()
	d := argv.Dropped{Flag: argv.Flag{Name: "-b", Values: []string{"512"}, Source: argv.Profile}, By: argv.Slot}
	data, err := json.Marshal(d)
	require.NoError(t, err)
	assert.JSONEq(t, `{"flag":"-b","value":"512","source":"profile","by":"slot"}`, string(data))
	var back argv.Dropped
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, d, back)
}

func TestUnmarshalErrors(t *testing.T) {
	t.Parallel()
	f := argv.Flag{Name: "-b"}
	require.Error(t, json.Unmarshal([]byte(`{"flag":1}`), &f))
	assert.Equal(t, argv.Flag{Name: "-b"}, f, "left alone")
	d := argv.Dropped{By: argv.Slot}
	require.Error(t, json.Unmarshal([]byte(`{"by":1}`), &d))
	assert.Equal(t, argv.Dropped{By: argv.Slot}, d, "left alone")
}
