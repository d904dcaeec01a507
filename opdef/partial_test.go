package opdef

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// keep are the fields of one SQE where it is known, and those of another elsewhere.
func keep(a, b, known *uapi.SQE) (c uapi.SQE) {
	for i := range c {
		c[i] = a[i]&known[i] | b[i]&^known[i]
	}
	return c
}

// someKnown knows some fields of an SQE: those of all requests, and others by chance.
func someKnown(rng *rand.Rand) (known uapi.SQE) {
	always := []string{"opcode", "flags", "ioprio", "personality"}
	for _, f := range uapi.SQEFields {
		if slices.Contains(always, f.Name) || rng.IntN(6) > 0 {
			f.Put(&known, ^uint64(0))
		}
	}
	return known
}

// TestPartlyAgrees: what is decided of a request that is known in parts is what its prep gives, whatever the rest of
// it, the ring and the task are; and what is known of the context is what filters see.
func TestPartlyAgrees(t *testing.T) {
	refused, passed, open := 0, 0, 0
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		all := variantsOf(op)
		for seed := range uint64(300) {
			rng := rand.New(rand.NewPCG(seed, uint64(op)))
			sqe, known := all[rng.IntN(len(all))], someKnown(rng)
			p := partial(keep(&sqe, &uapi.SQE{}, &known), known)
			p.RingKnown = rng.IntN(2) == 0
			why, missing := On(kernel.V7_3).PrepPartly(p)
			switch {
			case len(missing) > 0:
				open++
			case why != nil:
				refused++
			default:
				passed++
			}
			for range 20 {
				other := all[rng.IntN(len(all))]
				rest := keep(&sqe, &other, &known)
				want := uapi.Errno(0)
				if why != nil {
					want = why.Errno
				}
				full := partial(rest, known)
				full.MayRT = rng.IntN(2) == 0
				if !p.RingKnown && rng.IntN(2) == 0 {
					full.RingFlags = uapi.IORING_SETUP_CQE32
				}
				got := uapi.Errno(0)
				if r := On(kernel.V7_3).Prep(&full.Prep); r != nil {
					got = r.Errno
				}
				if len(missing) == 0 && got != want {
					t.Fatalf("%s %x, of which %x is known: %s, but %x gives %s", op, sqe, known, want, rest, got)
				}
				if got == 0 {
					checkPopulated(t, full, sqe, known)
				}
			}
		}
	}
	if refused < 100 || passed < 20 || open < 500 {
		t.Errorf("%d refused, %d passed, %d open: the property tries too little", refused, passed, open)
	}
}

func partial(sqe, known uapi.SQE) *Partial {
	req := &Request{SQE: sqe, Opcode: sqe.Opcode(), Flags: sqe.Flags(), UserData: sqe.UserData()}
	return &Partial{Prep: Prep{Kernel: kernel.V7_3, Mem: testMemory, Req: req}, Known: known}
}

// checkPopulated compares what filters see of a prepared request with what is said to be known of it.
func checkPopulated(t *testing.T, full *Partial, sqe, known uapi.SQE) {
	t.Helper()
	var want [uapi.SizeofBPFCtx]byte
	On(kernel.V7_3).Populate(full.Req, &want)
	ctx, bits := On(kernel.V7_3).PopulatePartly(partial(keep(&sqe, &uapi.SQE{}, &known), known), false)
	for i := range ctx {
		if want[i]&bits[i] != ctx[i] {
			t.Fatalf("%s %x, of which %x is known: context %x of %x, but filters see %x", full.Req.Opcode, sqe, known, ctx,
				bits, want)
		}
	}
}

// TestPopulatePartly has what logs show of requests with a payload.
func TestPopulatePartly(t *testing.T) {
	for _, row := range []struct {
		op    uapi.Op
		known string
		want  []string // the fields of the payload that are known
		why   string
	}{
		{uapi.IORING_OP_SOCKET, "", nil, "of what is admitted there is only the opcode"},
		{uapi.IORING_OP_SOCKET, "off len", []string{"type", "protocol"}, "of what is refused there is all but fd"},
		{uapi.IORING_OP_SOCKET, "fd off len", []string{"family", "type", "protocol"}, "which is the family"},
		{uapi.IORING_OP_OPENAT, "", []string{"resolve"}, "it has none"},
		{uapi.IORING_OP_OPENAT, "open_flags", []string{"flags", "resolve"}, "the mode is len"},
		{uapi.IORING_OP_OPENAT, "open_flags len", []string{"flags", "mode", "resolve"}, "all of it is in the SQE"},
		{uapi.IORING_OP_OPENAT2, "off len addr", nil, "all of it is in memory"},
		{uapi.IORING_OP_CONNECT, "off len addr", nil, "all of it is in memory"},
	} {
		known := bitsOfAll(append([]string{"opcode"}, strings.Fields(row.known)...)...)
		_, bits := On(kernel.V7_3).PopulatePartly(partial(sqeOf(row.op, ""), known.mask()), false)
		var got []string
		for _, f := range PayloadFields(row.op) {
			if bits[f.Off] == 0xff {
				got = append(got, f.Name)
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s of which %q is known: %q, want %q: %s", row.op, row.known, got, row.want, row.why)
		}
	}
}
