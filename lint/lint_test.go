package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/lint"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/trace"
)

// read makes a plan of lines: "list ENTRIES" in JSON, or "OPCODE PDU FLAGS: PROGRAM" with " ; " between instructions.
func read(t *testing.T, lines ...string) *plan.Plan {
	t.Helper()
	doc := `{"plan": 1`
	var filters []string
	for _, line := range lines {
		if entries, ok := strings.CutPrefix(line, "list "); ok {
			doc += `, "restrictions": ` + entries
			continue
		}
		head, program, _ := strings.Cut(line, ": ")
		var op, flags string
		var size int
		if _, err := fmt.Sscan(head+" 0 0", &op, &size, &flags); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		insns := strings.ReplaceAll(program, " ; ", `", "`)
		filters = append(filters, fmt.Sprintf(`{"opcode": %q, "pdu_size": %d, "flags": %q, "insns": ["%s"]}`,
			op, size, flags, insns))
	}
	if filters != nil {
		doc += `, "filters": [` + strings.Join(filters, ", ") + "]"
	}
	p, err := plan.Read("plan", []byte(doc+"}"))
	if err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return p
}

// at finds mistakes of one rule on one release, and gives the places.
func at(t *testing.T, p *plan.Plan, k kernel.Release, rule string) (places []string) {
	t.Helper()
	found, err := lint.Run(p, lint.Options{Releases: []kernel.Release{k}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Rule == rule {
			places = append(places, f.Severity.String()+" "+f.Place())
		}
	}
	return places
}

// TestRules: each rule sees what it is about, and leaves alone what only looks like it.
func TestRules(t *testing.T) {
	seen := map[string][2]bool{}
	for _, row := range ruleRows {
		k := kernel.V7_3
		if row.on.Name != "" {
			k = row.on
		}
		got := strings.Join(at(t, read(t, row.plan...), k, row.rule), ", ")
		if got != row.want {
			t.Errorf("%s: %s: found %q, want %q\n%s", row.rule, row.why, got, row.want, strings.Join(row.plan, "\n"))
		}
		has := seen[row.rule]
		has[map[bool]int{true: 1}[row.want != ""]] = true
		seen[row.rule] = has
	}
	for _, r := range lint.Rules() {
		if r.Trace != "" && seen[r.ID] != [2]bool{true, true} {
			t.Errorf("%s needs a row that it sees and one that it leaves alone", r.ID)
		}
	}
}

// TestTraces: the trace of each rule registers what the rule finds, on some release.
func TestTraces(t *testing.T) {
	for _, r := range lint.Rules() {
		if r.Trace == "" {
			continue // it is about no kernel
		}
		tr, err := trace.ReadFile("../" + r.TraceFile())
		if err != nil {
			t.Error(err)
			continue
		}
		p, err := plan.OfEvents(tr.Events)
		if err != nil {
			t.Error(err)
			continue
		}
		found := 0
		for _, k := range kernel.Measured() {
			found += len(at(t, p, k, r.ID))
		}
		if found == 0 {
			t.Errorf("%s finds nothing in what %s registers", r.ID, r.TraceFile())
		}
	}
}

// TestSensible: plans that are as they should be have no findings, but for programs that would miss an opcode.
func TestSensible(t *testing.T) {
	for why, lines := range sensible {
		p := read(t, lines...)
		for _, k := range []kernel.Release{kernel.V7_2, kernel.V7_3} {
			found, err := lint.Run(p, lint.Options{Releases: []kernel.Release{k}, Disabled: []string{"known-bypass"}})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if f.Rule != "runtime-needs-opcode" {
					t.Errorf("%s: on %s: %s: %s: %s", why, k.Name, f.Place(), f.Rule, f.Message)
				}
			}
		}
	}
}

var sensible = map[string][]string{
	"only what is named, files for reading": {
		"READ: ret #1", "CLOSE: ret #1", "STATX: ret #1", "EPOLL_CTL: ret #1",
		"OPENAT 24: ld [open.flags] ; jset #0x400243, deny ; ret #1 ; deny: ret #0",
		"OPENAT2 24 DENY_REST: ld [open.flags] ; jset #0x400243, deny ; ret #1 ; deny: ret #0"},
	"only TCP, and only to the own machine": {
		"READ: ret #1", "WRITE: ret #1",
		"CONNECT 24: ld [connect.family] ; jeq #AF_INET, four ; jne #AF_INET6, deny ; ld [connect.v6.0] ; jne #0, deny ; " +
			"ld [connect.v6.1] ; jne #0, deny ; ld [connect.v6.2] ; jne #0, deny ; ld [connect.v6.3] ; " +
			"jeq #0x01000000, allow, deny ; four: ld [connect.v4] ; and #0xff ; jeq #127, allow ; deny: ret #0 ; allow: ret #1",
		"SOCKET 12 DENY_REST: ld [socket.family] ; jeq #AF_INET, type ; jne #AF_INET6, deny ; type: ld [socket.type] ; " +
			"and #0xf ; jeq #SOCK_STREAM, allow ; deny: ret #0 ; allow: ret #1"},
	"a list, with flags and the right to tighten it": {
		`list [{"sqe_op": "READ"}, {"sqe_op": "WRITE"}, {"sqe_flags_allowed": "IO_LINK|ASYNC|FIXED_FILE"}, ` +
			`{"register_op": "BPF_FILTER"}, {"register_op": "FILES"}]`,
		"READ: ld [op] ; and #0x2000 ; jeq #0, allow ; ret #0 ; allow: ret #1"},
	"everything but opening files": {"OPENAT: ret #0", "OPENAT2: ret #0"},
	"everything but one port": {
		"CONNECT 24: ld [connect.port] ; jeq #0x1600, deny ; ret #1 ; deny: ret #0",
		"SEND: ret #0", "SENDMSG: ret #0", "SEND_ZC: ret #0", "SENDMSG_ZC: ret #0", "WRITE: ret #0", "WRITEV: ret #0",
		"WRITE_FIXED: ret #0", "WRITEV_FIXED: ret #0"},
	"user_data as a whole": {
		"NOP: ld [user_data] ; jne #7, deny ; ld [user_data.hi] ; jne #0, deny ; ret #1 ; deny: ret #0",
		"NOP128: ret #0"},
}

// TestDisabled leaves a rule out, and knows which there are.
func TestDisabled(t *testing.T) {
	p := read(t, "list []")
	found, err := lint.Run(p, lint.Options{Releases: []kernel.Release{kernel.V7_3},
		Disabled: []string{"list-denies-all", "runtime-needs-opcode"}})
	if err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := lint.Run(p, lint.Options{Disabled: []string{"no-such-rule"}}); err == nil {
		t.Error("a rule that does not exist can be disabled")
	}
}

// TestReleases: one finding names all releases that have it.
func TestReleases(t *testing.T) {
	p := read(t, "SOCKET 12: ld [socket.type] ; jeq #1, allow ; ret #0 ; allow: ret #1")
	found, err := lint.Run(p, lint.Options{Releases: []kernel.Release{kernel.V7_0, kernel.V7_2, kernel.V7_3}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(found, func(f lint.Finding) bool { return f.Rule == "socket-type-unmasked" })
	if i < 0 || !slices.Equal(found[i].Releases, []string{"7.0", "7.2"}) || found[i].Text != "ld [20]" {
		t.Errorf("found %+v", found)
	}
}
