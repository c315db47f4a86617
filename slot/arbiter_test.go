package slot_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// Slots of a box whose pool holds 96 GiB.
var (
	pool   = slot.Memory{Pool: "the GTT pool", Bytes: 96 * gib}
	large  = slot.Tenant{Slot: "chat", Device: device.GPUROCm, Type: provider.LLM, Bytes: 60 * gib}
	code   = slot.Tenant{Slot: "code", Device: device.GPUVulkan, Type: provider.LLM, Bytes: 30 * gib}
	small  = slot.Tenant{Slot: "small", Device: device.GPUROCm, Type: provider.LLM, Bytes: 5 * gib}
	embed  = slot.Tenant{Slot: "embed", Device: device.GPUVulkan, Type: provider.Embedding, Bytes: gib}
	rerank = slot.Tenant{Slot: "rerank", Device: device.CPU, Type: provider.Reranking, Bytes: 90 * gib}
	npu    = slot.Tenant{Slot: "npu", Device: device.NPU, Type: provider.LLM, Bytes: 90 * gib}
	image  = slot.Tenant{Slot: "image", Device: device.GPUROCm, Type: provider.Image}
	paint  = slot.Tenant{Slot: "paint", Device: device.GPUVulkan, Type: provider.Image}
	vague  = slot.Tenant{Slot: "vague", Device: device.GPUROCm, Type: provider.LLM}
)

func sized(t slot.Tenant, bytes int64) slot.Tenant {
	t.Bytes = bytes
	return t
}

func TestArbitrate(t *testing.T) {
	t.Parallel()
	type stop struct {
		slot    string
		reason  slot.Reason
		returns bool
	}
	for name, tc := range map[string]struct {
		wanted  slot.Tenant
		running []slot.Tenant
		pool    slot.Memory
		want    []stop
	}{
		"nothing runs":                                {large, nil, pool, nil},
		"the cpu is not concerned":                    {rerank, []slot.Tenant{large, image}, pool, nil},
		"the npu is not concerned":                    {npu, []slot.Tenant{large, image}, pool, nil},
		"nobody stops the cpu and the npu":            {image, []slot.Tenant{rerank, npu}, pool, nil},
		"nor for memory":                              {large, []slot.Tenant{rerank, npu}, pool, nil},
		"an image slot stops what is on the GPU":      {image, []slot.Tenant{code, large, rerank, embed}, pool, []stop{{"chat", "image", true}, {"code", "image", true}, {"embed", "image", true}}},
		"an image slot takes the place of another":    {image, []slot.Tenant{paint}, pool, []stop{{"paint", "image", false}}},
		"an image slot is replaced":                   {image, []slot.Tenant{image}, pool, nil},
		"an LLM stops the image slot":                 {large, []slot.Tenant{image}, pool, []stop{{"image", "image", false}}},
		"embeddings on the GPU stop the image slot":   {embed, []slot.Tenant{image}, pool, []stop{{"image", "image", false}}},
		"LLMs side by side":                           {code, []slot.Tenant{large, small, embed}, pool, nil},
		"to the last byte":                            {sized(code, 36*gib), []slot.Tenant{large}, pool, nil},
		"a byte too many":                             {sized(code, 36*gib+1), []slot.Tenant{large}, pool, []stop{{"chat", "memory", false}}},
		"one is replaced":                             {sized(large, 90*gib), []slot.Tenant{large, small}, pool, nil},
		"the smallest that makes room":                {sized(small, 10*gib), []slot.Tenant{large, code, embed}, pool, []stop{{"code", "memory", false}}},
		"the smallest is enough":                      {sized(small, 6*gib), []slot.Tenant{large, code, embed}, pool, []stop{{"embed", "memory", false}}},
		"two make room":                               {sized(small, 90*gib), []slot.Tenant{large, code, embed}, pool, []stop{{"chat", "memory", false}, {"code", "memory", false}}},
		"the largest and then the smallest of enough": {sized(small, 66*gib), []slot.Tenant{large, code, sized(embed, 2*gib)}, pool, []stop{{"chat", "memory", false}, {"embed", "memory", false}}},
		"all of the pool":                             {sized(small, 96*gib), []slot.Tenant{large}, pool, []stop{{"chat", "memory", false}}},
		"larger than the pool stops nobody":           {sized(small, 97*gib), []slot.Tenant{large}, pool, nil},
		"but the image slot":                          {sized(small, 97*gib), []slot.Tenant{large, image}, pool, []stop{{"image", "image", false}}},
		"the image slot and one more":                 {sized(small, 40*gib), []slot.Tenant{image, large}, pool, []stop{{"image", "image", false}, {"chat", "memory", false}}},
		"what is not known is not counted":            {code, []slot.Tenant{vague, large}, pool, nil},
		"nor chosen":                                  {sized(code, 50*gib), []slot.Tenant{vague, large}, pool, []stop{{"chat", "memory", false}}},
		"nor does it stop anybody":                    {vague, []slot.Tenant{large, sized(code, 36*gib)}, pool, nil},
		"a pool that is not known":                    {sized(code, 50*gib), []slot.Tenant{large}, slot.Memory{}, nil},
		"that is not known, with an image slot":       {sized(code, 50*gib), []slot.Tenant{large, image}, slot.Memory{}, []stop{{"image", "image", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := slot.Arbitrate(tc.wanted, tc.running, tc.pool)
			var got []stop
			for _, e := range d.Stop {
				got = append(got, stop{e.Slot, e.Reason, e.Returns})
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestArbitrateSaysWhy(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(slot.Arbitrate(image, []slot.Tenant{large}, pool))
	require.NoError(t, err)
	assert.JSONEq(t, `{"wanted":"image","stop":[{"slot":"chat","reason":"image","returns":true,
		"message":"slot chat (llm on gpu-rocm) and slot image (image) share the GPU, and an image slot takes it alone"}]}`, string(data))
	data, err = json.Marshal(slot.Arbitrate(sized(code, 50*gib), []slot.Tenant{large}, pool))
	require.NoError(t, err)
	assert.JSONEq(t, `{"wanted":"code","stop":[{"slot":"chat","reason":"memory","returns":false,
		"message":"slot chat takes 60 GiB, and slot code needs 50 GiB where 36 GiB of 96 GiB are left (the GTT pool)"}]}`, string(data))
	data, err = json.Marshal(slot.Arbitrate(large, nil, pool))
	require.NoError(t, err)
	assert.JSONEq(t, `{"wanted":"chat","stop":[]}`, string(data))
}

// Once those are stopped that the decision names, there is room: nobody else would
// have to. Without one of them there is none. The order of what runs does not
// matter, and what runs is left as it was.
func TestArbitrateProperties(t *testing.T) {
	t.Parallel()
	all := []slot.Tenant{large, code, small, embed, rerank, npu, image, paint, vague}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var running []slot.Tenant
		for _, t := range all {
			if random.IntN(2) == 0 {
				running = append(running, sized(t, t.Bytes*int64(random.IntN(3))/2))
			}
		}
		wanted := sized(all[random.IntN(len(all))], int64(random.IntN(110))*gib)
		random.Shuffle(len(running), func(i, j int) { running[i], running[j] = running[j], running[i] })
		before := slices.Clone(running)
		d := slot.Arbitrate(wanted, running, pool)
		require.Equal(t, before, running)

		random.Shuffle(len(running), func(i, j int) { running[i], running[j] = running[j], running[i] })
		require.Equal(t, d, slot.Arbitrate(wanted, running, pool))

		without := func(stopped []slot.Eviction) slot.Decision {
			return slot.Arbitrate(wanted, slices.DeleteFunc(slices.Clone(running), func(t slot.Tenant) bool {
				return slices.ContainsFunc(stopped, func(e slot.Eviction) bool { return e.Slot == t.Slot })
			}), pool)
		}
		require.Empty(t, without(d.Stop).Stop)
		for i := range d.Stop {
			require.NotEmpty(t, without(slices.Delete(slices.Clone(d.Stop), i, i+1)).Stop)
		}
	}
}

func TestSeat(t *testing.T) {
	t.Parallel()
	tenants := map[string]slot.Tenant{"image": image, "paint": paint, "chat": large, "code": code, "small": sized(small, 10*gib), "rerank": rerank}
	step := func(name string, a slot.Action) slot.Step { return slot.Step{Slot: name, Action: a, Reason: "x"} }
	left := func(name, reason string) slot.Step { return slot.Step{Slot: name, Action: slot.Leave, Reason: reason} }
	for name, tc := range map[string]struct{ steps, want []slot.Step }{
		"nothing": {nil, nil},
		"image slots come last": {
			[]slot.Step{step("image", slot.Start), step("rerank", slot.Start), step("chat", slot.Start)},
			[]slot.Step{left("image", "there is no room for it on the GPU: slot chat (llm on gpu-rocm) and slot image (image) share the GPU, and an image slot takes it alone"), step("rerank", slot.Start), step("chat", slot.Start)},
		},
		"what runs keeps its place": {
			[]slot.Step{step("chat", slot.Start), step("code", slot.Start), step("image", slot.Adopt)},
			[]slot.Step{left("chat", "there is no room for it on the GPU: slot image (image on gpu-rocm) and slot chat (llm) share the GPU, and an image slot takes it alone"),
				left("code", "there is no room for it on the GPU: slot image (image on gpu-rocm) and slot code (llm) share the GPU, and an image slot takes it alone"), step("image", slot.Adopt)},
		},
		"and what replaces it": {
			[]slot.Step{step("chat", slot.Replace), step("image", slot.Start)},
			[]slot.Step{step("chat", slot.Replace), left("image", "there is no room for it on the GPU: slot chat (llm on gpu-rocm) and slot image (image) share the GPU, and an image slot takes it alone")},
		},
		"what stops makes room":          {[]slot.Step{step("chat", slot.Stop), step("image", slot.Start)}, []slot.Step{step("chat", slot.Stop), step("image", slot.Start)}},
		"the first of two image slots":   {[]slot.Step{step("image", slot.Start), step("paint", slot.Start)}, []slot.Step{step("image", slot.Start), left("paint", "there is no room for it on the GPU: slot image (image on gpu-rocm) and slot paint (image) share the GPU, and an image slot takes it alone")}},
		"until the pool is full":         {[]slot.Step{step("chat", slot.Start), step("code", slot.Start), step("small", slot.Start)}, []slot.Step{step("chat", slot.Start), step("code", slot.Start), left("small", "there is no room for it on the GPU: slot code takes 30 GiB, and slot small needs 10 GiB where 6 GiB of 96 GiB are left (the GTT pool)")}},
		"two that already run":           {[]slot.Step{step("chat", slot.Adopt), step("image", slot.Adopt)}, []slot.Step{step("chat", slot.Adopt), step("image", slot.Adopt)}},
		"what has no plan is not judged": {[]slot.Step{step("gone", slot.Start), step("image", slot.Start)}, []slot.Step{step("gone", slot.Start), step("image", slot.Start)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(tc.steps)
			assert.Equal(t, tc.want, slot.Seat(tc.steps, tenants, pool))
			assert.Equal(t, before, tc.steps, "steps are left as they are")
		})
	}
}
