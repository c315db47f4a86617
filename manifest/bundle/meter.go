package bundle

// reportEvery is how many bytes there are between two steps.
const reportEvery = 8 << 20

// A meter counts what is written to it, and reports.
type meter struct {
	report func(Step)
	step   Step
	told   int64
}

func newMeter(o *Options, phase Phase, ref string, total int64) *meter {
	return &meter{report: o.Report, step: Step{Phase: phase, Ref: ref, Total: total}}
}

func (m *meter) Write(p []byte) (int, error) {
	m.step.Done += int64(len(p))
	if m.step.Done-m.told >= reportEvery {
		m.tell()
	}
	return len(p), nil
}

// tell reports how far it is.
func (m *meter) tell() {
	m.told = m.step.Done
	if m.report != nil {
		m.report(m.step)
	}
}
