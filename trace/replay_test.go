package trace

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/uringsim/uringsim/uapi"
)

// u32 is a pointer to v.
func u32(v uint32) *uint32 { return &v }

// cqe is a CQE with a result.
func cqe(userData uint64, res int32) uapi.CQE { return uapi.CQE{UserData: userData, Res: res} }

func TestChanges(t *testing.T) {
	rows := []struct {
		before, now string
		want        []Wrote
		why         string
	}{
		{"", "", nil, ""}, {"aaaa", "aaaa", nil, "nothing changed"}, {"aaaa", "abaa", []Wrote{{1, Bytes("b")}}, ""},
		{"a", "b", []Wrote{{0, Bytes("b")}}, "all"}, {"aaaa", "baab", []Wrote{{0, Bytes("baab")}}, "a gap of two is one run"},
		{"aaaaaa", "baaaab", []Wrote{{0, Bytes("b")}, {5, Bytes("b")}}, "a gap of four makes two"},
		{"aaaaa", "baaab", []Wrote{{0, Bytes("baaab")}}, "a gap of three does not"},
		{"aaaaaaaaaaaa", "baaaabbaaaab", []Wrote{{0, Bytes("b")}, {5, Bytes("bb")}, {11, Bytes("b")}}, "the last byte"},
	}
	for _, r := range rows {
		if diff := cmp.Diff(r.want, WroteBytes([]byte(r.before), []byte(r.now))); diff != "" {
			t.Errorf("%q to %q: %s (-want +got):\n%s", r.before, r.now, r.why, diff)
		}
	}
}

// TestChangesUndo: what was written over before is now, and no run begins or ends with a byte that did not change.
func TestChangesUndo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(rapid.ByteRange(0, 1), 0, 40).Draw(t, "before")
		now := rapid.SliceOfN(rapid.ByteRange(0, 1), len(before), len(before)).Draw(t, "now")
		got := bytes.Clone(before)
		for _, w := range WroteBytes(before, now) {
			copy(got[w.At:], w.Bytes)
			if last := w.At + len(w.Bytes) - 1; before[w.At] == now[w.At] || before[last] == now[last] {
				t.Fatalf("run %+v begins or ends where nothing changed", w)
			}
		}
		if diff := cmp.Diff(now, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// TestRecord merges results: one for each group of kernels that gave the same.
func TestRecord(t *testing.T) {
	ok, bad := Recorded{Ret: 0}, Recorded{Ret: -22}
	on := func(r Recorded, names ...string) Recorded { r.On = names; return r }
	rows := []struct {
		before []Recorded
		got    Recorded
		want   []Recorded
		why    string
	}{
		{nil, on(ok, "7.0"), []Recorded{on(ok, "7.0")}, "the first"},
		{[]Recorded{on(ok, "7.0")}, on(ok, "7.1"), []Recorded{on(ok, "7.0", "7.1")}, "the same as another"},
		{[]Recorded{on(ok, "7.0")}, on(bad, "7.1"), []Recorded{on(ok, "7.0"), on(bad, "7.1")}, "another"},
		{[]Recorded{on(ok, "7.0")}, on(bad, "7.0"), []Recorded{on(bad, "7.0")}, "again, and different"},
		{[]Recorded{on(ok, "7.0", "7.1"), on(bad, "7.2")}, on(bad, "7.1"), []Recorded{on(ok, "7.0"), on(bad, "7.1", "7.2")},
			"it changes sides"},
		{[]Recorded{ok}, on(bad, "7.0"), []Recorded{on(bad, "7.0")}, "what was for any kernel was a guess"},
		{[]Recorded{on(ok, "7.0"), on(ok, "7.1")}, on(ok, "7.1"), []Recorded{on(ok, "7.0", "7.1")}, "twice the same"},
	}
	for _, r := range rows {
		e := Event{Args: &ExecArgs{}, Results: r.before}
		e.Record(r.got)
		if diff := cmp.Diff(r.want, e.Results); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.why, diff)
		}
	}
}

func TestRecordedOn(t *testing.T) {
	results := []Recorded{{On: []string{"7.0", "7.1"}, Ret: 1}, {Ret: 2}, {On: []string{"7.2"}, Ret: 3}}
	for release, want := range map[string]Ret{"7.0": 1, "7.1": 1, "6.19": 2, "7.2": 2} { // the first that fits
		if got := (&Event{Results: results}).RecordedOn(release); got == nil || got.Ret != want {
			t.Errorf("%s: %+v, want ret %d", release, got, want)
		}
	}
	if got := (&Event{Results: results[2:]}).RecordedOn("7.0"); got != nil {
		t.Errorf("nothing is recorded on 7.0, got %+v", got)
	}
}

// TestOrder: CQEs whose place is a fact keep their order; the others may stand anywhere among them.
func TestOrder(t *testing.T) {
	rows := []struct {
		want string // user_data in the order that was recorded
		got  string // of the model; lower-case letters are unordered
		same bool
	}{
		{"", "", true}, {"A", "A", true}, {"A", "", false}, {"", "A", false}, {"AB", "AB", true}, {"AB", "BA", false},
		{"AB", "Ab", true}, {"BA", "Ab", true}, {"BAC", "Abc", true}, {"CAB", "ABc", true}, {"BAC", "ABc", false},
		{"ABC", "abc", true},
		{"CBA", "abc", true}, {"AAB", "AaB", true}, {"ABA", "ABa", true}, {"ABB", "ABa", false}, {"AA", "A", false},
		{"ABC", "AbD", false},
	}
	for _, r := range rows {
		var want []CQEOut
		var got []CQE
		for _, c := range r.want {
			want = append(want, cqeOut(cqe(uint64(c), 0)))
		}
		for _, c := range r.got {
			upper := []rune(strings.ToUpper(string(c)))[0]
			got = append(got, CQE{CQE: cqe(uint64(upper), 0), Unordered: upper != c})
		}
		if same := sameCQEs(want, got); same != r.same {
			t.Errorf("recorded %s, model %s: %v, want %v", r.want, r.got, same, r.same)
		}
	}
}

// TestDiff compares what counts, and what was recorded.
func TestDiff(t *testing.T) {
	got := Recorded{On: []string{"7.3"}, Ret: 1, CQEs: []CQEOut{cqeOut(cqe(7, -13))}, SQHead: u32(1)}
	edit := func(f func(*Recorded)) Recorded {
		r := got
		r.On = []string{"7.0"}
		f(&r)
		return r
	}
	rows := []struct {
		want Recorded
		same bool
		why  string
	}{
		{edit(func(*Recorded) {}), true, "the kernel's name does not count"},
		{edit(func(r *Recorded) { r.SQHead = nil }), true, "what was not recorded does not"},
		{edit(func(r *Recorded) { r.Ret = 2 }), false, ""}, {edit(func(r *Recorded) { r.SQHead = u32(2) }), false, ""},
		{edit(func(r *Recorded) { r.Dropped = 2 }), false, ""}, {edit(func(r *Recorded) { r.Over = 2 }), false, ""},
		{edit(func(r *Recorded) { r.CQEs = nil }), false, "a CQE too many"},
		{edit(func(r *Recorded) { r.CQEs = []CQEOut{cqeOut(cqe(7, 0))} }), false, "another result"},
		{edit(func(r *Recorded) { r.CQEs = []CQEOut{{UserData: 7, Res: -13, Flags: 2}} }), false, "other flags"},
		{edit(func(r *Recorded) { r.Wrote = []Wrote{{0, Bytes("x")}} }), false, "nothing was written"},
	}
	for _, r := range rows {
		d := diff(r.want, got, []CQE{{CQE: cqe(7, -13)}})
		if (d == "") != r.same {
			t.Errorf("%s: %q, want the same %v", r.why, d, r.same)
		}
	}
}

func TestCompare(t *testing.T) {
	e := &Event{Results: []Recorded{{On: []string{"7.3"}, CQEs: []CQEOut{cqeOut(cqe(1, 0)), cqeOut(cqe(2, 0))}}}}
	got := Recorded{CQEs: []CQEOut{cqeOut(cqe(2, 0)), cqeOut(cqe(1, 0))}}
	if o := Compare(e, 3, "7.3", got); !o.OK() || o.Number != 3 || o.Want == nil {
		t.Errorf("two real kernels may differ in the order of CQEs: %+v", o)
	}
	if o := Compare(e, 3, "7.3", Recorded{}); o.OK() {
		t.Error("but not in the CQEs")
	}
	if o := Compare(e, 3, "7.0", Recorded{}); !o.OK() || o.Want != nil {
		t.Errorf("nothing is recorded on 7.0: %+v", o)
	}
}

// fake is a System with memory that answers every call with the next of its results.
type fake struct {
	mem     map[uint64]byte
	calls   []string
	answers []Result
	onCall  func(*fake, Call)
}

func (f *fake) Do(task string, c Call) Result {
	switch w := c.(type) {
	case Write:
		for i, b := range w.Data {
			f.mem[w.Addr+uint64(i)] = b
		}
		return Result{}
	case Map:
		return Result{}
	}
	f.calls = append(f.calls, fmt.Sprintf("%s %T", task, c))
	if f.onCall != nil {
		f.onCall(f, c)
	}
	if len(f.answers) == 0 {
		return Result{}
	}
	r := f.answers[0]
	f.answers = f.answers[1:]
	return r
}

func (f *fake) Read(_ string, addr uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	for i := range b {
		b[i] = f.mem[addr+uint64(i)]
	}
	return b, nil
}

func (f *fake) Close() error { return nil }

// playAll plays the events of a document on the fake.
func playAll(t *testing.T, f *fake, events ...string) ([]Outcome, error) {
	t.Helper()
	tr, err := Read(strings.NewReader(`{"trace":1,"events":[`+strings.Join(events, ",\n")+`]}`), "t.json")
	if err != nil {
		t.Fatal(err)
	}
	f.mem = map[uint64]byte{}
	p := NewPlayer(f, "7.3")
	var out []Outcome
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		if err != nil {
			return out, err
		}
		out = append(out, o)
	}
	return out, nil
}

const setupEvent = `{"call":"setup","entries":4}`

// setsUp answers a setup as a kernel would: the parameters say how many entries there are.
func setsUp(f *fake, c Call) {
	if s, ok := c.(Setup); ok {
		raw, _ := f.Read("", s.Params, uapi.SizeofParams)
		p := uapi.DecodeParams(raw)
		p.SQEntries = s.Entries
		f.Do("", Write{s.Params, p.Append(nil)})
	}
}

// TestWrote: what the kernel changed in an event's objects is recorded, also when the call fails.
func TestWrote(t *testing.T) {
	f := &fake{answers: []Result{{Ret: -90}}, onCall: func(f *fake, c Call) { f.mem[c.(Register).Arg+20] = 12 }}
	out, err := playAll(t, f,
		`{"call":"register","fd":3,"op":"BPF_FILTER","arg":{"bpf_filter":{"opcode":"SOCKET","pdu_size":24,`+
			`"insns":["ret #1"]}},"nr":1,"results":[{"ret":"EMSGSIZE","wrote":[{"at":20,"bytes":"0c"}]}]}`)
	if err != nil || out[0].Diff != "" || !out[0].OK() {
		t.Errorf("%v: %s", err, out[0].Diff)
	}
}

// TestUnmodelled: what the model does not know is no difference, and not fine either.
func TestUnmodelled(t *testing.T) {
	f := &fake{answers: []Result{{Unmodelled: "that"}}}
	out, err := playAll(t, f, `{"call":"exec","results":[{"ret":5}]}`)
	if err != nil || out[0].Diff != "" || out[0].OK() {
		t.Errorf("%v: %+v", err, out)
	}
}

var errBroken = errors.New("broken")

// playErrorRows are the rows of TestPlayErrors.
var playErrorRows = []struct {
	events  []string
	answers []Result
	want    string
}{
	{[]string{`{"call":"exec"}`, `{"call":"map","addr":4096,"size":4096}`}, nil,
		"event 2: 0x1000 bytes at 0x1000 are not within 0x20000000 to 0x1000000000, which is for traces"},
	{[]string{`{"call":"map","addr":"0x20000001","size":4096}`}, nil,
		"event 1: found 0x1000 bytes at 0x20000001, expected whole pages of 4096 bytes"},
	{[]string{`{"call":"map","addr":"0x20000000","size":"0xfffffffffffff000"}`}, nil,
		"event 1: 0xfffffffffffff000 bytes at 0x20000000 are not within 0x20000000 to 0x1000000000, which is for traces"},
	{[]string{`{"call":"map","addr":"0x20000000","size":4096,"prot":"x"}`}, nil,
		`event 1: prot is "x", expected "none", "r" or "rw"`},
	{[]string{`{"call":"write","addr":4096,"bytes":"00"}`}, nil,
		"event 1: 1 bytes at 0x1000 are not within 0x20000000 to 0x1000000000, which is for traces"},
	{[]string{`{"call":"close","fd":900}`}, nil, "event 1: fd is 900, expected less than 900: the descriptors above are not for traces"},
	{[]string{`{"call":"exec"}`}, []Result{{Err: errBroken}}, "event 1: broken"},
	{[]string{`{"call":"register","fd":3,"op":2,"arg":{}}`}, nil,
		"event 1: arg: an object that a pointer points to has exactly one key, such as path, bytes or bpf_filter"},
	{[]string{`{"call":"register","fd":3,"op":2,"arg":{"bytes":"00","path":"x"}}`}, nil,
		"event 1: arg: an object that a pointer points to has exactly one key, such as path, bytes or bpf_filter"},
	{[]string{setupEvent, `{"call":"enter","fd":3,"sqes":[{},{},{},{},{}]}`}, []Result{{Ret: 3}},
		"event 2: sqes[4]: the ring has only 4 entries"},
	{[]string{setupEvent, `{"call":"enter","fd":3,"sqes":[{"slot":4}]}`}, []Result{{Ret: 3}},
		"event 2: sqes[0]: the ring has only 4 entries"},
	{[]string{setupEvent, `{"call":"enter","fd":3,"array":[0,1,2,3,0]}`}, []Result{{Ret: 3}},
		"event 2: array: found 5 values, expected at most the 4 entries of the ring"},
	{[]string{`{"call":"setup","ring":"a","entries":4}`, `{"call":"setup","ring":"a","entries":4}`}, []Result{{Ret: 3},
		{Ret: 4}},
		`event 2: ring: found "a", which exists already`},
	{[]string{`{"call":"register","fd":3,"op":37,"arg":{"bpf_filter":{"opcode":0,"insns":["rett #1"]}}}`}, nil,
		`event 1: arg: insns: 1:1: expected an instruction or a label, found "rett"`},
	{[]string{`{"call":"register","fd":3,"op":0,"arg":{"sockaddr":"nowhere"}}`}, nil,
		`event 1: arg: found sockaddr "nowhere", expected one such as 127.0.0.1:80, [::1]:80 or unix:PATH`},
}

// TestPlayErrors: events that cannot be carried out stop the replay with their number and line.
func TestPlayErrors(t *testing.T) {
	for _, r := range playErrorRows {
		_, err := playAll(t, &fake{answers: r.answers, onCall: setsUp}, r.events...)
		var e *EventError
		if !errors.As(err, &e) || cmp.Diff(r.want, err.Error()) != "" {
			t.Errorf("%s\n got %v\nwant %s", r.events, err, r.want)
			continue
		}
		if e.Number != len(r.events) || e.Line != len(r.events) {
			t.Errorf("%s: number %d, line %d, want %d", r.events, e.Number, e.Line, len(r.events))
		}
		if r.want == "event 1: broken" && !errors.Is(err, errBroken) {
			t.Error("the reason is lost")
		}
	}
}

// TestSlots: where SQEs and array entries of successive enters go, round and round.
func TestSlots(t *testing.T) {
	var got []string
	f := &fake{answers: []Result{{Ret: 3}}}
	f.onCall = func(f *fake, c Call) {
		setsUp(f, c)
		if e, ok := c.(Enter); ok {
			var slots []uint32
			for _, s := range e.SQEs {
				slots = append(slots, s.Slot)
			}
			got = append(got, fmt.Sprint(slots, e.Array, e.Tail, e.ToSubmit))
		}
	}
	_, err := playAll(t, f, setupEvent, `{"call":"enter","fd":3,"sqes":[{},{},{}]}`,
		`{"call":"enter","fd":3,"sqes":[{},{}]}`,
		`{"call":"enter","fd":3,"sqes":[{"slot":2}],"to_submit":9}`, `{"call":"enter","fd":3,"sqes":[{}],"array":[7,3]}`,
		`{"call":"enter","fd":3}`, `{"call":"enter","fd":9,"sqes":[{}]}`)
	want := []string{"[0 1 2] [{0 0} {1 1} {2 2}] 3 3", "[3 0] [{3 3} {0 0}] 5 2", "[2] [{1 2}] 6 9",
		"[2] [{2 7} {3 3}] 8 2",
		"[] [] 8 0", "[] [] 0 1"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestWideSlots: an SQE of 128 bytes takes two entries on a ring that does not have large ones only.
func TestWideSlots(t *testing.T) {
	rows := []struct{ flags, want string }{
		{"SQE_MIXED", "[{0 64} {1 128} {3 64}] [{0 0} {1 1} {2 2} {3 3}] 4"},
		{"SQE128", "[{0 64} {1 128} {2 64}] [{0 0} {1 1} {2 2}] 3"},
		{"SQE_MIXED|NO_SQARRAY", "[{0 64} {1 128} {3 64}] [] 4"},
	}
	for _, r := range rows {
		var got string
		f := &fake{answers: []Result{{Ret: 3}}}
		f.onCall = func(f *fake, c Call) {
			setsUp(f, c)
			if e, ok := c.(Enter); ok {
				var sqes []string
				for _, s := range e.SQEs {
					sqes = append(sqes, fmt.Sprintf("{%d %d}", s.Slot, len(s.Data)))
				}
				got = fmt.Sprintf("[%s] %v %d", strings.Join(sqes, " "), e.Array, e.Tail)
			}
		}
		setup := strings.Replace(setupEvent, "}", `,"flags":"`+r.flags+`"}`, 1)
		_, err := playAll(t, f, setup, `{"call":"enter","fd":3,"sqes":[{},{"cmd":"00"},{}]}`)
		if diff := cmp.Diff(r.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", r.flags, err, diff)
		}
	}
}

// TestSockaddr: the forms of a socket address, as bytes.
func TestSockaddr(t *testing.T) {
	rows := []struct{ s, want string }{
		{"127.0.0.1:80", "020000507f0000010000000000000000"}, {"unix:/x", "01002f7800"}, {"unix:@x", "01000078"},
		{"unix:", "0100"},
		{"[::1]:1", "0a000001000000000000000000000000000000000000000100000000"},
		{"127.0.0.1", ""}, {"unix:" + strings.Repeat("x", 108), ""}, {"", ""},
		{"[::1%eth0]:1", "0a000001000000000000000000000000000000000000000100000000"},
	}
	for _, r := range rows {
		b, err := Sockaddr(r.s).Encode()
		if got := fmt.Sprintf("%x", b); got != r.want || (err == nil) != (r.want != "") {
			t.Errorf("%q = %s, %v, want %s", r.s, got, err, r.want)
		}
	}
}
