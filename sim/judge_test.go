package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// checkJudge makes a request of which only some fields are known: if that is enough for a verdict, it is that of the whole
// request on such a ring.
func checkJudge(t *testing.T, seed uint64) (judged bool) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	release := kernel.Measured()[seed%5]
	ringFlags := []uint32{0, uapi.IORING_SETUP_IOPOLL, uapi.IORING_SETUP_SUBMIT_ALL}[rng.IntN(3)]
	d := drive(t, release)
	d.setup(trace.InitTask, "r", ringFlags)
	r := d.k.rings["r"]
	sqe, known := partlyKnown(rng)
	left := uint32(1)
	want := r.initReq(r.newRequest(d.k.tasks[trace.InitTask], sqe[:]), 0, &left)

	seen := trace.SeenSubmit{Ring: "r", Logged: trace.Logged{Known: true}}
	for i := range sqe {
		seen.SQE[i] = sqe[i] & known[i]
	}
	seen.Bits = known
	log := New(release)
	if rng.IntN(4) > 0 {
		log.Saw("", trace.SeenSetup{Ring: "r", Flags: ringFlags})
	}
	why, missing := log.judge(&seen)
	if len(missing) > 0 {
		return false
	}
	if !sameRefusal(why, want, known.IOPrio() != 0) {
		t.Errorf("%s, %s of % x, known % x: %v, want %v", release.Name, sqe.Opcode(), sqe, known, why, want)
	}
	return true
}

// sameRefusal compares refusals, or only their errnos.
func sameRefusal(a, b *verdict.Refusal, reason bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Errno == b.Errno && (!reason || a.Why == b.Why && a.Where == b.Where)
}

// partlyKnown is an SQE with a few fields that are not 0, and what is known of it: most fields.
func partlyKnown(rng *rand.Rand) (sqe, known uapi.SQE) {
	for i := range known {
		known[i] = 0xff
	}
	sqe.SetOpcode(uapi.Op(rng.IntN(int(uapi.IORING_OP_LAST) + 1)))
	for range rng.IntN(4) {
		f := uapi.SQEFields[rng.IntN(len(uapi.SQEFields))]
		if f.Name != "opcode" {
			f.Put(&sqe, 1<<rng.IntN(8*f.Size)|uint64(rng.IntN(2)))
		}
	}
	for range rng.IntN(3) {
		if f := uapi.SQEFields[rng.IntN(len(uapi.SQEFields))]; f.Name != "opcode" {
			f.Put(&known, 0)
		}
	}
	return sqe, known
}

// TestJudge holds what is said of requests in logs to what the model does with requests. The checks of io_init_req stand
// in two places for that; this is what keeps them the same.
func TestJudge(t *testing.T) {
	judged := 0
	for seed := range uint64(20_000) {
		if checkJudge(t, seed) {
			judged++
		}
	}
	if judged < 5_000 {
		t.Errorf("only %d of 20000 are judged", judged)
	}
}

// FuzzJudge is TestJudge for any seed.
func FuzzJudge(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkJudge(t, seed) })
}
