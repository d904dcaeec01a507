package fleet

import "github.com/uringsim/uringsim/trace"

// Lacks adds up what recordings and logs say in their headers that they lack (trace.Recording).
type Lacks struct {
	CutOff     uint64 `json:"cut_off,omitzero"` // recordings without an end; what else they lack is unknown
	Unanswered uint64 `json:"unanswered,omitzero"`
	Polled     uint64 `json:"polled,omitzero"`
	LostSQEs   uint64 `json:"lost_sqes,omitzero"`
	LostCQEs   uint64 `json:"lost_cqes,omitzero"`
	Sampled    uint64 `json:"sampled,omitzero"`
	Unread     uint64 `json:"unread,omitzero"`
	Unfinished uint64 `json:"unfinished,omitzero"`
	Concurrent uint64 `json:"concurrent,omitzero"`
	Strangers  uint64 `json:"strangers,omitzero"`
	Skipped    uint64 `json:"skipped,omitzero"`
	Missed     uint64 `json:"missed,omitzero"`
}

// lacksOf returns what a trace lacks, which is nothing if it is not a recording.
func lacksOf(h *trace.Header) Lacks {
	r := h.Recording
	if r == nil {
		return Lacks{}
	}
	l := Lacks{Unanswered: r.Unanswered, Polled: r.Polled, LostSQEs: r.LostSQEs, LostCQEs: r.LostCQEs, Sampled: r.Sampled,
		Unread: r.Unread, Unfinished: r.Unfinished, Concurrent: r.Concurrent, Strangers: r.Strangers, Skipped: r.Skipped,
		Missed: r.Missed}
	if !r.Complete {
		l.CutOff = 1
	}
	return l
}

// told returns the counts that tell of something missing, and what each of them counts.
func (l *Lacks) told() []told {
	return []told{{&l.CutOff, "recording cut off"}, {&l.LostSQEs, "SQE lost"}, {&l.LostCQEs, "CQE lost"},
		{&l.Sampled, "SQE sampled"}, {&l.Unread, "pointer not followed"}, {&l.Strangers, "call on a ring not seen before"},
		{&l.Missed, "event lost by the kernel"}, {&l.Skipped, "line not understood"}}
}

type told struct {
	n    *uint64
	what string
}

func (l *Lacks) add(o *Lacks) {
	from := o.fields()
	for i, n := range l.fields() {
		*n += *from[i]
	}
}

// fields returns all counts.
func (l *Lacks) fields() []*uint64 {
	return []*uint64{&l.CutOff, &l.Unanswered, &l.Polled, &l.LostSQEs, &l.LostCQEs, &l.Sampled, &l.Unread, &l.Unfinished,
		&l.Concurrent, &l.Strangers, &l.Skipped, &l.Missed}
}
