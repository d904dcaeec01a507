package symbolic

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// allows is what the words say of a context.
func (e *OpExplanation) allows(c *contexts, ctx *cbpfvm.Context) bool {
	switch e.Verdict {
	case Allowed:
		return true
	case Denied:
		return false
	}
	any := false
	for _, rule := range e.Rules {
		all := true
		for i := range rule {
			all = all && rule[i].Holds(c.field(rule[i].Field).in(ctx))
		}
		any = any || all
	}
	return any != e.Unless
}

// explained holds an explanation to execution, unless it was given up.
func explained(t *testing.T, p *Policy, op uapi.Op, seed uint64, limit int) Verdict {
	t.Helper()
	e := p.explain(op, limit)
	if e.Verdict == TooLong {
		return e.Verdict
	}
	s := newSampler(p, op, p.constants(op), seed)
	for range 40 {
		ctx := s.c.context(s.next())
		if got, want := e.allows(s.c, &ctx), p.Allows(op, 0, &ctx); got != want {
			t.Fatalf("seed %d: %s on %s: the words say %v, running it %v, of %x\n%s\n%s",
				seed, op, p.release.Name, got, want, ctx, text(e), p.stacks[op].progs[0].Explain(&ctx))
		}
	}
	return e.Verdict
}

// text is an explanation on one line.
func text(e OpExplanation) string {
	if e.Verdict != Depends {
		return strings.TrimSuffix(fmt.Sprintf("%s: %s", e.Verdict, e.Why), ": ")
	}
	var rules []string
	for _, r := range e.Rules {
		var all []string
		for _, c := range r {
			all = append(all, c.Text)
		}
		rules = append(rules, strings.Join(all, ", and "))
	}
	word := "allowed if "
	if e.Unless {
		word = "denied if "
	}
	return word + strings.Join(rules, "; or ")
}

func TestExplainAgreesWithExecution(t *testing.T) {
	n := rounds(500)
	count := map[Verdict]int{}
	for seed := range n {
		rng := rand.New(rand.NewPCG(seed, 10))
		k := Releases()[rng.IntN(len(Releases()))]
		op := payloadOps[rng.IntN(len(payloadOps))]
		programs := [][]uapi.SockFilter{randomProgram(rng)}
		switch rng.IntN(4) {
		case 0:
			r := realistic[rng.IntN(len(realistic))]
			op, programs[0] = r.op, mutated(rng, assemble(t, r.text))
		case 1:
			programs = append(programs, randomProgram(rng))
		}
		p := policyOf(t, k, op, programs...)
		count[explained(t, p, op, seed, 1<<16)]++
	}
	t.Logf("%d stacks: %v", n, count)
	if count[TooLong] > int(n)/10 || count[Depends] < int(n)/20 {
		t.Errorf("of %d random stacks these verdicts: %v: most should be explained", n, count)
	}
}

func TestExplainText(t *testing.T) {
	const socket, connect, openat, openat2, nop = uapi.IORING_OP_SOCKET, uapi.IORING_OP_CONNECT, uapi.IORING_OP_OPENAT,
		uapi.IORING_OP_OPENAT2, uapi.IORING_OP_NOP
	for _, row := range []struct {
		op            uapi.Op
		program, want string
	}{
		{nop, "ret #1", "allowed: the filters deny no request"},
		{nop, "ret #0", "denied: the filters deny every request"},
		{socket, realistic[0].text, "allowed if family is AF_INET or AF_INET6, and type is SOCK_STREAM, and protocol is 0 or IPPROTO_TCP"},
		{connect, realistic[1].text, "allowed if family is AF_INET, and port is 443, and address is in 10.0.0.0/8"},
		{openat2, realistic[2].text, "allowed if flags has none of O_WRONLY, O_RDWR, and resolve has at least one of " +
			"RESOLVE_BENEATH, RESOLVE_IN_ROOT"},
		{openat, realistic[3].text, "allowed if flags has none of O_WRONLY, O_RDWR, O_CREAT, O_TRUNC"},
		{connect, "ld [connect.family]\n jne #AF_INET6, +2\n ld [connect.v6.0]\n jeq #0xb80d0120, +1\n ret #0\n ret #1",
			"allowed if family is AF_INET6, and address is in 2001:db8::/32"},
		{connect, "ld [connect.v4]\n and #0xff\n jeq #10, +1\n ret #0\n ret #1", "allowed if address is in 10.0.0.0/8 or a00::/8"},
		{connect, "ld [connect.v4]\n jeq #0x0100007f, +1\n ret #1\n ret #0", "allowed if address is not in 127.0.0.1/32 or 7f00:1::/32"},
		{connect, "ld [connect.port]\n jeq #0x5000, +1\n jne #0xbb01, +1\n ret #0\n ret #1", "allowed if port is not 80 or 443"},
		{nop, "ld [user_data]\n jge #1000, +0, +1\n ret #0\n ret #1", "allowed if user_data & 0xffffffff is at most 999"},
		{nop, "ld [op]\n jset #0x1000, +0, +1\n ret #0\n ret #1", "allowed if sqe_flags lacks IOSQE_ASYNC"},
		{openat2, "ld [open.mode]\n jeq #0755, +1\n ret #0\n ret #1", "allowed if mode & 0xffffffff is 0755"},
	} {
		p := policyOf(t, kernel.V7_3, row.op, assemble(t, row.program))
		if diff := cmp.Diff(row.want, text(p.explain(row.op, Limit))); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", row.op, diff, row.program)
		}
	}
}
