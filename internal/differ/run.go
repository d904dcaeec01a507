package differ

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// Plan is what to compare.
type Plan struct {
	Kernels  []Kernel
	Kinds    []gen.Kind
	Seed     uint64
	N        int           // traces of the rarest kind; see gen.Kind.Weight
	For      time.Duration // go on with rounds of N, of further seeds, until so much time has passed on a kernel; 0 is one round
	First    bool          // a kernel is done at its first disagreement
	Parallel int           // guests at a time
	Shrink   int           // disagreements to make small, per kernel and kind
	Engine   cbpfvm.Engine
	Corpus   *Corpus
	Progress func(format string, args ...any)
	Boot     func(ctx context.Context, vmlinuz string) (judge.Judge, error)
}

// Kernel is a kernel image, and the release that it is compared with.
type Kernel struct {
	Vmlinuz string
	Release kernel.Release
}

// subject is a kernel that is compared.
type subject struct {
	Kernel
	deaths int // that the same trace did not repeat after a boot
}

// Row is what came out for one kind on one kernel.
type Row struct {
	Kernel   string // its version
	Release  string
	Kind     string
	Cases    int
	Agree    int
	Disagree int
	Excluded int // gave two results of which the model agrees with one, or the kernel died once, and not again
	Stats    *Stats
	Found    []Found
}

// Found is a group of disagreements with one cause, as far as their results tell.
type Found struct {
	Cause   string
	Seeds   []uint64
	Finding Finding
	Small   *trace.Trace // the first one made small, with the kernel's results; nil if that was not asked for
}

// Run carries out the plan. The rows come in the order of kernels and kinds; an error is about a kernel that could not
// be asked.
func Run(ctx context.Context, p Plan) ([]Row, error) {
	rows := make([][]Row, len(p.Kernels))
	errs := make([]error, len(p.Kernels))
	slots := make(chan struct{}, max(1, p.Parallel))
	var wg sync.WaitGroup
	for i, k := range p.Kernels {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			rows[i], errs[i] = p.kernel(ctx, &subject{Kernel: k})
		})
	}
	wg.Wait()
	var all []Row
	for i := range rows {
		all = append(all, rows[i]...)
		if errs[i] != nil {
			return all, fmt.Errorf("%s: %w", p.Kernels[i].Vmlinuz, errs[i])
		}
	}
	return all, nil
}

// kernel compares on one kernel. A guest that dies is booted anew.
func (p *Plan) kernel(ctx context.Context, k *subject) ([]Row, error) {
	j, err := p.Boot(ctx, k.Vmlinuz)
	if err != nil {
		return nil, err
	}
	defer func() {
		if j != nil { // the last that was booted
			_ = j.Close() // whatever it says, the results are there
		}
	}()
	rows := make([]Row, len(p.Kinds))
	for i, kind := range p.Kinds {
		rows[i] = Row{Release: k.Release.Name, Kind: kind.Name, Stats: newStats()}
	}
	var timeUp <-chan time.Time // never, without a limit: one round is then all
	if p.For > 0 {
		timeUp = time.After(p.For)
	}
	for round := uint64(0); ; round++ {
		for i, kind := range p.Kinds {
			var over bool
			if j, over, err = p.round(ctx, j, k, kind, round, timeUp, &rows[i]); err != nil || over {
				return rows, err
			}
		}
		if p.For == 0 {
			return rows, nil
		}
	}
}

// round plays N times the kind's weight of traces, of seeds that no earlier round had, and makes small what disagrees.
// After it, the comparison may be over.
func (p *Plan) round(ctx context.Context, j judge.Judge, k *subject, kind gen.Kind, round uint64, timeUp <-chan time.Time,
	row *Row) (_ judge.Judge, over bool, err error) {
	n := uint64(p.N * kind.Weight)
	for seed := p.Seed + round*n; seed < p.Seed+(round+1)*n && !over; seed++ {
		if j, err = p.compare(ctx, j, k, kind, seed, row); err != nil {
			return j, true, err
		}
		select {
		case <-timeUp:
			over = true
		default:
			over = p.First && row.Disagree > 0
		}
	}
	if j, err = p.shrink(ctx, j, k, kind, row); err != nil {
		return j, true, err
	}
	p.Progress("%s %-8s %6d cases, %d disagree, %d excluded", k.Release.Name, kind.Name, row.Cases, row.Disagree, row.Excluded)
	return j, over, nil
}

// compare asks about one trace and adds the answer to the row.
func (p *Plan) compare(ctx context.Context, j judge.Judge, k *subject, kind gen.Kind, seed uint64, row *Row) (judge.Judge, error) {
	question := judge.Question{Kind: kind.Name, Seed: seed, Twice: true}
	v, err := j.Ask(question)
	row.Cases++
	if err != nil {
		_ = j.Close() // it is dead
		return p.afterDeath(ctx, k, question, row, err)
	}
	row.Kernel = v.Version
	f, excluded := p.judged(k.Release, kind.Trace(seed), &v, row.Stats)
	switch {
	case excluded:
		row.Excluded++
		p.Progress("%s %s, seed %d: excluded, as two runs differ (-first +second):\n%s", k.Release.Name, kind.Name, seed, v.Unsteady)
	case f != nil:
		p.disagrees(row, seed, f)
	default:
		row.Agree++
		if p.Corpus != nil {
			p.Corpus.Keep(kind, seed, &v)
		}
	}
	return j, nil
}

// afterDeath boots the kernel that died, and asks it the same. If it dies of that again, which then is the trace's doing,
// that is a disagreement. If not, it has died of what other traces left. That is seen once in days on released kernels,
// and the trace is excluded; a kernel that does it twice is broken.
func (p *Plan) afterDeath(ctx context.Context, k *subject, q judge.Question, row *Row, died error) (judge.Judge, error) {
	j, err := p.Boot(ctx, k.Vmlinuz)
	if err != nil {
		return nil, err
	}
	if _, err = j.Ask(q); err == nil {
		if k.deaths++; k.deaths > 1 {
			p.disagrees(row, q.Seed, &Finding{Diff: "the kernel died, and not for the first time: " + died.Error()})
			return j, nil
		}
		row.Excluded++
		p.Progress("%s %s, seed %d: excluded, as the kernel died, and not after a boot: %v", k.Release.Name, q.Kind, q.Seed, died)
		return j, nil
	}
	_ = j.Close() // it is dead
	p.disagrees(row, q.Seed, &Finding{Diff: "the kernel died: " + err.Error()})
	if row.Disagree > 3 {
		return nil, err
	}
	return p.Boot(ctx, k.Vmlinuz)
}

// judged compares with both runs. If they differ and the model agrees with one of them, the trace is excluded: what the
// kernel gave then depended on time.
func (p *Plan) judged(r kernel.Release, t *trace.Trace, v *judge.Verdict, stats *Stats) (f *Finding, excluded bool) {
	f = Model(r, t, v, stats, sim.WithEngine(p.Engine))
	if v.Second == nil {
		return f, false
	}
	second := Model(r, t, v.Second, newStats(), sim.WithEngine(p.Engine))
	if f == nil && second == nil {
		return nil, false
	}
	return f, f == nil || second == nil
}

const disagreesFormat = "%s %s, seed %d: case %d disagrees in event %d (-kernel +model):\n%s%s"

// disagrees counts a disagreement, and names it at once if it is the first of its cause.
func (p *Plan) disagrees(row *Row, seed uint64, f *Finding) {
	if row.add(seed, f) {
		p.Progress(disagreesFormat, row.Release, row.Kind, seed, row.Cases, f.Event, f.Diff, f.Why)
	}
}

// add puts a disagreement with the others of its cause. It is true for the first of them.
func (r *Row) add(seed uint64, f *Finding) bool {
	r.Disagree++
	cause := causeOf(f)
	for i := range r.Found {
		if r.Found[i].Cause == cause {
			r.Found[i].Seeds = append(r.Found[i].Seeds, seed)
			return false
		}
	}
	r.Found = append(r.Found, Found{Cause: cause, Seeds: []uint64{seed}, Finding: *f})
	return true
}

var digits = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+`)

// causeOf names a disagreement by the call, the results that differ, and the model's reason.
func causeOf(f *Finding) string {
	var parts []string
	for line := range strings.Lines(strings.ReplaceAll(f.Diff, "\u00a0", " ")) { // cmp.Diff has both, at random
		text := strings.Join(strings.Fields(strings.TrimLeft(line, "+-")), " ")
		if line[0] != ' ' && line[0] != '\t' && strings.HasPrefix(text, "Re") && !slices.Contains(parts, line[:1]+text) {
			parts = append(parts, line[:1]+text)
		}
	}
	if len(parts) == 0 {
		first, _, _ := strings.Cut(f.Diff, "\n")
		parts = []string{first}
	}
	slices.Sort(parts)
	_, why, _ := strings.Cut(f.Why, ": ")
	why, _, _ = strings.Cut(why, "\n")
	return digits.ReplaceAllString(f.Call+" "+strings.Join(parts, " ")+" "+why, "N")
}

// shrink makes the first disagreements small that are not yet.
func (p *Plan) shrink(ctx context.Context, j judge.Judge, k *subject, kind gen.Kind, row *Row) (judge.Judge, error) {
	for i := range min(len(row.Found), p.Shrink) {
		found := &row.Found[i]
		if found.Small != nil || strings.HasPrefix(found.Finding.Diff, "the kernel died") {
			continue // done in an earlier round, or not to be had
		}
		var booted error
		still := func(t *trace.Trace) bool {
			if booted != nil {
				return false
			}
			v, err := j.Ask(judge.Question{Trace: t, Twice: true})
			if err != nil { // an attempt that the kernel does not survive is none
				_ = j.Close()
				j, booted = p.Boot(ctx, k.Vmlinuz)
				return false
			}
			if v.Err != "" || v.Second != nil {
				return false
			}
			f := Model(k.Release, t, &v, newStats(), sim.WithEngine(p.Engine))
			return f != nil && causeOf(f) == found.Cause
		}
		small := Shrink(kind.Trace(found.Seeds[0]), 3000, still)
		if booted != nil {
			return j, booted
		}
		v, err := j.Ask(judge.Question{Trace: small})
		if err != nil {
			return j, err
		}
		found.Small = clone(small)
		for e := range v.Results {
			found.Small.Events[e].Record(v.Results[e])
		}
		found.Small.Source = fmt.Sprintf("generated: %s, seed %d, made small", kind.Name, found.Seeds[0])
	}
	return j, nil
}

// NewRow is an empty row, to add others to.
func NewRow() *Row { return &Row{Stats: newStats()} }

// Add sums up.
func (r *Row) Add(o *Row) {
	r.Cases += o.Cases
	r.Agree += o.Agree
	r.Disagree += o.Disagree
	r.Excluded += o.Excluded
	r.Stats.add(o.Stats)
}
