package bpffilter

import (
	"math/rand/v2"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// screened are programs that look at different parts of a request, and allow some.
var screened = []string{
	"ret #1",
	"ret #0",
	"ld [user_data]\nret a",
	"ld [user_data.hi]\nret a",
	"ld [op]\nand #0xff00\nret a", // no plain SQE has flags
	"ld [socket.family]\njeq #2, yes\njeq #10, yes\nret #0\nyes: ret #1",
	"ld [socket.type]\nand #0xf\njeq #1, yes\nret #0\nyes: ret #1",
	"ld [socket.protocol]\ntax\nld [socket.family]\nadd x\nst M[1]\nld M[1]\nrsh #1\nret a",
	"ldx #3\ntxa\nret a",
}

// checkScreen sends SQEs, a few values for each field, past filters that are added meanwhile: a Screen allows what is plain
// and what Run allows, and what it says is like that is so.
func checkScreen(t *testing.T, on cbpfvm.Engine, rng *rand.Rand) {
	t.Helper()
	k := kernel.V7_3
	ops := opdef.On(k)
	s := NewScreen(on, ops)
	var r Restriction
	var like *Likeness // what was allowed last
	for range 60 {
		if rng.IntN(8) == 0 {
			op := []uapi.Op{uapi.IORING_OP_NOP, uapi.IORING_OP_SOCKET}[rng.IntN(2)]
			register(t, k, &r, op, screened[rng.IntN(len(screened))], uint32(rng.IntN(9)/8)) // at times DENY_REST
			like = nil
		}
		sqe := someSQE(rng)
		want := ops.Plain(&sqe)
		if set := r.Filters(); want && set != nil {
			refusal, _ := set.Run(on, ops, &opdef.Request{SQE: sqe, Opcode: sqe.Opcode(), UserData: sqe.UserData()})
			want = refusal == nil
		}
		covered := like != nil && like.Covers(&sqe)
		if covered && !want {
			t.Fatalf("% x is like one that was allowed, and is not", sqe)
		}
		if covered {
			continue
		}
		if like = s.Allows(r.Filters(), &sqe, like); (like != nil) != want || want && !like.Covers(&sqe) {
			t.Fatalf("% x: %v, want %v", sqe, like != nil, want)
		}
	}
}

// someSQE is one of few, so that many come again.
func someSQE(rng *rand.Rand) (sqe uapi.SQE) {
	const nop, socket, read, none = uapi.IORING_OP_NOP, uapi.IORING_OP_SOCKET, uapi.IORING_OP_READ, 200
	sqe.SetOpcode([]uapi.Op{nop, nop, socket, socket, socket, socket, read, none}[rng.IntN(8)])
	sqe.SetUserData(uint64(rng.IntN(2)) | uint64(rng.IntN(2))<<32)
	sqe.SetFD([]int32{uapi.AF_INET, uapi.AF_INET6, uapi.AF_UNIX}[rng.IntN(3)])
	sqe.SetOff(1 + uint64(rng.IntN(2)))
	sqe.SetLen(6 * uint32(rng.IntN(2)))
	sqe.SetAddr(uint64(rng.IntN(5) / 4)) // not for SOCKET
	sqe.SetFlags(uint8(rng.IntN(9)/8) * uapi.IOSQE_ASYNC)
	return sqe
}

// TestScreen: what a Screen remembers makes no difference.
func TestScreen(t *testing.T) {
	for _, e := range cbpfvm.Engines() {
		for seed := range uint64(400) {
			checkScreen(t, e, rand.New(rand.NewPCG(seed, uint64(e))))
		}
	}
}

// FuzzScreen is TestScreen for any seed.
func FuzzScreen(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		checkScreen(t, cbpfvm.Fast, rand.New(rand.NewPCG(seed, 0)))
	})
}
