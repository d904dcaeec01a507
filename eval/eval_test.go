package eval

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/request"
	"github.com/uringsim/uringsim/uapi"
)

// stacked has several filters for SOCKET, so that all have to allow, and one of them leaves a deny for the rest.
var stacked = []string{"ld [socket.family]\njgt #10, +1\nret #1\nret #0", "ld [socket.type]\nand #0xf\njeq #2, +0, +1\nret #0\nret #7",
	"ld [user_data]\nret a"}

// TestContextsAgree: a request and the context that its filters saw get the same answer, whatever the release.
func TestContextsAgree(t *testing.T) {
	p := &plan.Plan{}
	for i, text := range stacked {
		insns, err := cbpfvm.Assemble(text)
		if err != nil {
			t.Fatal(err)
		}
		p.Filters = append(p.Filters, plan.Filter{Op: uapi.IORING_OP_SOCKET, Insns: insns,
			Flags: []uint32{0, uapi.IO_URING_BPF_FILTER_DENY_REST, 0}[i]})
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	answers := map[string]int{}
	for _, r := range []kernel.Release{kernel.V7_0, kernel.V7_3} {
		e := &Evaluator{Plan: p, Release: r, MaxChildren: 20}
		for range 300 {
			text := fmt.Sprintf("socket family=%d type=%d user_data=%d", rnd.IntN(14), rnd.IntN(4), rnd.IntN(4))
			req, err := request.Parse("request", text)
			if err != nil {
				t.Fatal(err)
			}
			a, err := e.Ask(req)
			if err != nil {
				t.Fatal(err)
			}
			b, err := e.Ask(&request.Request{Context: &a.Context})
			if err != nil {
				t.Fatal(err)
			}
			if a.Verdict != b.Verdict || len(a.Runs) != len(b.Runs) {
				t.Errorf("%s on %s: %s after %d filters, but its context %s after %d", text, r.Name, a.Verdict, len(a.Runs),
					b.Verdict, len(b.Runs))
			}
			answers[a.Verdict]++
		}
	}
	if answers["allow"] < 50 || answers["deny"] < 50 || len(answers) != 2 {
		t.Errorf("the answers are %v, which says little", answers)
	}
}
