package uringsim_test

import (
	gocmp "cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/differ"
	"github.com/uringsim/uringsim/internal/dryrun"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/internal/judge/judgetest"
	"github.com/uringsim/uringsim/internal/probe"
	"github.com/uringsim/uringsim/internal/vm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// recorded are the traces with results of real kernels.
func recorded(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, dir := range []string{"kernel", "found"} {
		found, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Fatal("there are no traces in testdata")
	}
	return files
}

// ofKernel tells whether a trace is to have results of all measured releases.
func ofKernel(file string) bool { return filepath.Base(filepath.Dir(file)) == "kernel" }

// TestRecordedTraces holds the model to everything that real kernels gave, with each engine for filters.
func TestRecordedTraces(t *testing.T) {
	for _, file := range recorded(t) {
		tr, err := trace.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, r := range kernel.Measured() {
			if !ofKernel(file) && tr.Events[0].RecordedOn(r.Name) == nil {
				continue // found on other releases
			}
			for _, on := range cbpfvm.Engines() {
				if err := replay(tr, r, on); err != nil {
					t.Errorf("%s on %s, filters on %s: %v", file, r.Name, on, err)
				}
			}
		}
	}
}

// replay plays a trace on the model; every event has to have a result recorded, and to give it.
func replay(tr *trace.Trace, r kernel.Release, on cbpfvm.Engine) error {
	p := trace.NewPlayer(sim.New(r, sim.WithEngine(on)), r.Name)
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		switch {
		case err != nil:
			return err
		case o.Want == nil:
			return fmt.Errorf("event %d has no recorded result", o.Number)
		case !o.OK():
			return fmt.Errorf("event %d: %s%s", o.Number, o.Unmodelled, o.Diff)
		}
	}
	return nil
}

// TestClock plays traces whose results the model is not told, up to the first that it cannot know: itself and its own clock
// have to give them. In which order CQEs of workers come is not asked.
func TestClock(t *testing.T) {
	for _, file := range recorded(t) {
		tr, err := trace.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range kernel.Measured() {
			if ofKernel(file) {
				playUntold(t, file, tr, r)
			}
		}
	}
}

func playUntold(t *testing.T, file string, tr *trace.Trace, r kernel.Release) {
	t.Helper()
	p := trace.NewPlayer(sim.New(r), r.Name)
	for i := range tr.Events {
		untold, want := tr.Events[i], *tr.Events[i].RecordedOn(r.Name)
		untold.Results = nil
		got, err := p.Play(&untold)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(got.Requests, func(q trace.Request) bool { return strings.HasSuffix(q.Note, "is not known") }) {
			return
		}
		want.CQEs, got.Got.CQEs = byUserData(want.CQEs), byUserData(got.Got.CQEs)
		untold.Results = []trace.Recorded{want}
		if o := trace.Compare(&untold, i+1, r.Name, got.Got); o.Diff != "" || got.Unmodelled != "" {
			t.Errorf("%s on %s, event %d: %s%s", file, r.Name, i+1, got.Unmodelled, o.Diff)
			return
		}
	}
}

// byUserData are CQEs in an order that is always the same.
func byUserData(cqes []trace.CQEOut) []trace.CQEOut {
	return slices.SortedFunc(slices.Values(cqes), func(a, b trace.CQEOut) int {
		return gocmp.Or(gocmp.Compare(a.UserData, b.UserData), gocmp.Compare(a.Res, b.Res), gocmp.Compare(a.Flags, b.Flags))
	})
}

// TestLiveKernels boots the kernels in URINGSIM_KERNELS (RELEASE/vmlinuz) and compares what they do now with what is
// recorded and with the model.
func TestLiveKernels(t *testing.T) {
	dir := os.Getenv("URINGSIM_KERNELS")
	if dir == "" {
		t.Skip("URINGSIM_KERNELS names no folder of kernels")
	}
	program := filepath.Join(t.TempDir(), "uringsim")
	build := exec.Command("go", "build", "-o", program, "./cmd/uringsim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if msg, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	booted := 0
	for _, r := range kernel.Measured() {
		vmlinuz := filepath.Join(dir, r.Name, "vmlinuz")
		if _, err := os.Stat(vmlinuz); err != nil {
			t.Logf("%s is not there; its recordings judge", vmlinuz)
			continue
		}
		booted++
		t.Run(r.Name, func(t *testing.T) { liveKernel(t, r, vmlinuz, program) })
	}
	if booted < 3 {
		t.Errorf("only %d kernels in %s, expected at least 3", booted, dir)
	}
}

func liveKernel(t *testing.T, r kernel.Release, vmlinuz, program string) {
	g, err := judge.BootWith(t.Context(), vm.Config{Kernel: vmlinuz, Init: program})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range recorded(t) {
		tr, err := trace.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !ofKernel(file) && tr.Events[0].RecordedOn(r.Name) == nil {
			continue
		}
		v, err := g.Ask(judge.Question{Trace: tr})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if v.Err != "" {
			t.Errorf("%s: %s", file, v.Err)
			continue
		}
		for i := range v.Results {
			if o := trace.Compare(&tr.Events[i], i+1, r.Name, v.Results[i]); o.Diff != "" {
				t.Errorf("%s, event %d: differs from the recording (-want +got):\n%s", file, i+1, o.Diff)
			}
		}
		for _, on := range cbpfvm.Engines() {
			if f := differ.Model(r, tr, &v, differ.NewRow().Stats, sim.WithEngine(on)); f != nil {
				t.Errorf("%s, event %d: the model with %s differs (-kernel +model):\n%s", file, f.Event, on, f.Diff)
			}
		}
	}
	probed(t, g, r)
	answered(t, g, r)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// answered holds what a kernel says to requests of all opcodes under a policy to what the model says, where neither carries
// them out.
func answered(t *testing.T, j judge.Judge, r kernel.Release) {
	t.Helper()
	p, err := load.File("docs/examples/inet.policy", load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var sqes []*trace.SQE
	for op := range uint64(uapi.IORING_OP_LAST) {
		for _, with := range []trace.SQEField{{Name: "user_data"}, {Name: "flags", Value: trace.Pointer{Num: uapi.IOSQE_IO_DRAIN}},
			{Name: "ioprio", Value: trace.Pointer{Num: 1}}, {Name: "rw_flags", Value: trace.Pointer{Num: 1}}} {
			sqes = append(sqes, &trace.SQE{Fields: []trace.SQEField{{Name: "opcode", Value: trace.Pointer{Num: op}}, with}})
		}
	}
	for some := range slices.Chunk(sqes, 100) {
		got, err := dryrun.Ask(j, p, some)
		if err != nil {
			t.Fatal(err)
		}
		want, err := dryrun.Ask(judgetest.Model{Release: r}, p, some)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Answers, got.Answers); diff != "" || want.Refused != got.Refused {
			t.Errorf("the model is told %q, the kernel %q (-model +kernel)\n%s", want.Refused, got.Refused, diff)
		}
	}
}

// probed holds what the quirks' traces tell about a kernel to what its release has. Without filters, less can be told.
func probed(t *testing.T, j judge.Judge, r kernel.Release) {
	t.Helper()
	report, err := probe.Run(j)
	if err != nil {
		t.Fatal(err)
	}
	if report.As != r {
		t.Errorf("the kernel was taken for %s", report.As.Name)
	}
	for _, f := range report.Findings {
		shown := kernel.Quirks[f.Quirk].TraceFile() != "" && !r.Has(kernel.NoBPFFilter)
		if f.Answer == probe.Unknown && shown || f.Answer != probe.Unknown && (f.Answer == probe.Has) != r.Has(f.Quirk) {
			t.Errorf("%s: %s, by event %d of %s: %s", f.Quirk, f.Answer, f.Event, f.Trace, f.Why)
		}
	}
}
