package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/eval"
	"github.com/uringsim/uringsim/internal/dryrun"
	"github.com/uringsim/uringsim/internal/judge/judgetest"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/request"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestDryRunAgrees: a request that is not carried out gets the answer that it gets by itself, for each opcode with fields
// that checks look at, under plans that filter and that restrict.
func TestDryRunAgrees(t *testing.T) {
	restricted := &plan.Plan{Restrictions: []uapi.Restriction{
		{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: uint8(uapi.IORING_OP_NOP)},
		{Opcode: uapi.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, Value: uapi.IOSQE_ASYNC},
	}}
	filtered, err := load.File("../../docs/examples/inet.policy", load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var requests []*request.Request
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		for _, with := range []string{"", "sqe_flags=ASYNC", "sqe_flags=IO_LINK", "sqe_flags=IO_DRAIN", "sqe_flags=FIXED_FILE",
			"sqe_flags=BUFFER_SELECT", "sqe_flags=CQE_SKIP_SUCCESS", "ioprio=1", "personality=1", "user_data=7 rw_flags=1", "len=1"} {
			r, err := request.Parse("request", fmt.Sprint(strings.ToLower(op.String()), " ", with))
			if err != nil {
				t.Fatal(err)
			}
			requests = append(requests, r)
		}
	}
	for _, p := range []*plan.Plan{{}, restricted, filtered} {
		for _, r := range []kernel.Release{kernel.V7_0, kernel.V7_2, kernel.V7_3} {
			checkDryRun(t, p, r, requests)
		}
	}
}

func checkDryRun(t *testing.T, p *plan.Plan, r kernel.Release, requests []*request.Request) {
	t.Helper()
	alone := &eval.Evaluator{Plan: p, Release: r}
	var sqes []*trace.SQE
	for _, q := range requests {
		sqes = append(sqes, q.SQE)
	}
	got, err := dryrun.Ask(judgetest.Model{Release: r}, p, sqes)
	if err != nil || got.Refused != "" {
		t.Fatal(err, got.Refused)
	}
	for i, q := range requests {
		want, err := alone.Ask(q)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Answers[i]) != want.Verdict {
			t.Errorf("%s on %s: %s, by itself %s", q.Text, r.Name, got.Answers[i], want.Verdict)
		}
	}
}

// TestAskAll: real kernels are asked in batches, and what is wrong counts.
func TestAskAll(t *testing.T) {
	p := &plan.Plan{}
	for _, row := range []struct {
		lines string
		good  bool
		want  string
	}{
		{strings.Repeat("nop -> allow\n", atATime+1), true, fmt.Sprintf("%d answers expected, 0 differ\n", atATime+1)},
		{"nop -> deny\n", false, "allow   nop\n        line 1 expects deny\n1 answer expected, 1 differ\n"},
		{"", true, ""},
	} {
		var out bytes.Buffer
		var o evalOptions
		good, err := o.askAll(newPrinter(&out, false, false), judgetest.Model{Release: kernel.V7_3}, p,
			request.NewReader(strings.NewReader(row.lines), "requests"))
		if err != nil || good != row.good || !strings.HasSuffix(out.String(), row.want) {
			t.Errorf("%.40q: %v, %v\n%s", row.lines, good, err, out.String())
		}
	}
	_, err := (&evalOptions{}).askAll(nil, judgetest.Model{Release: kernel.V7_3}, p,
		request.NewReader(strings.NewReader("nop\ncontext "+strings.Repeat("00", 40)), "requests"))
	if err == nil || !strings.HasPrefix(err.Error(), "line 2: found a context") {
		t.Errorf("a context: %v", err)
	}
}
