package trace

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/uapi"
)

// agree fails the test if quick reads the text as something else than the careful reader does, or reads what that
// refuses. It tells whether quick reads it.
func agree(t *testing.T, q *quick, text []byte) bool {
	t.Helper()
	got, ok := q.event(text)
	if !ok {
		return false
	}
	want, err := decodeEvent(text)
	if err != nil {
		t.Fatalf("quick reads what is refused: %v\n%s", err, text)
	}
	// Lists differ as cmp sees them: an empty one is not nil.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("quick reads something else (-careful +quick):\n%s\n%s", diff, text)
	}
	return true
}

// TestQuickReads: what traces usually have is read by quick alone.
func TestQuickReads(t *testing.T) {
	var q quick
	for _, e := range goodEvents {
		want := !strings.Contains(e, `é`) && !strings.Contains(e, `"big"`)
		if got := agree(t, &q, []byte(e)); got != want {
			t.Errorf("%v, want %v: %s", got, want, e)
		}
	}
	for _, r := range badEvents {
		if agree(t, &q, []byte(r.event)) {
			t.Errorf("quick reads %s", r.event)
		}
	}
}

// TestQuickForms: all ways to write a value, at the limits of each, are read the same.
func TestQuickForms(t *testing.T) {
	numbers := []string{"0", "-0", "00", "01", "-1", "1.0", "1e3", "1E3", "+1", "-", "", " 7 ", "7 7", "0x7", `"0x"`,
		`"0x7"`, `"0X7"`, `"0x1_0"`, `"1_0"`, `"-0x8"`, `"-9223372036854775808"`, `"0o17"`, `"017"`, `"0b1"`, `" 1"`, `""`, "null",
		"true", "[]", "{}",
		"255", "256", "-128", "-129", "65535", "65536", "-32768", "-32769", "4294967295", "4294967296",
		"-2147483648", "-2147483649", "999999999999999999", "1000000000000000000", "9223372036854775807",
		"9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
		`"0xffffffffffffffff"`, `"0x10000000000000000"`, `"18446744073709551615"`, `"NOP"`, `"IORING_OP_NOP"`, `"OP_NOP"`,
		`"nop"`, `"IO_LINK"`, `"IO_LINK|ASYNC"`, `"IO_LINK | 0x1"`, `"IO_LINK|"`, `"EACCES"`, `"13"`, `"INET"`, `"STREAM"`,
		`"STREAM|CLOEXEC"`, `"\u0030"`, `"N\u004fP"`, "\"N\x00P\"", "\"N\x7fP\"", "\"\xff\"", `"é"`}
	bytes := []string{`""`, `"0"`, `"00"`, `"0A0a"`, `"00 01"`, `"0g"`, "3", "null", `"000000000000000000000000"`,
		`"00000000000000000000000000"`}
	rows := []struct {
		event  string // with a % where the value stands
		values []string
	}{
		{`{"call":"close","fd":%}`, numbers},
		{`{"call":"write","addr":%,"bytes":"00"}`, numbers},
		{`{"call":"setup","entries":1,"flags":%}`, numbers},
		{`{"call":"register","fd":3,"op":%,"arg":{"probe":{"ops":%}}}`, numbers},
		{`{"call":"register","fd":3,"op":2,"arg":%}`, numbers},
		{`{"call":"enter","fd":3,"to_submit":%}`, numbers},
		{`{"call":"enter","fd":3,"array":[%,1]}`, numbers},
		{`{"call":"exec","results":[{"ret":%}]}`, numbers},
		{`{"call":"exec","results":[{"ret":0,"sq_head":%,"sq_dropped":%,"cq_overflow":%}]}`, numbers},
		{`{"call":"exec","results":[{"ret":0,"cqes":[{"user_data":%,"res":0}]}]}`, numbers},
		{`{"call":"exec","results":[{"ret":0,"cqes":[{"user_data":0,"res":%}]}]}`, numbers},
		{`{"call":"exec","results":[{"ret":0,"cqes":[{"user_data":0,"res":0,"flags":%}]}]}`, numbers},
		{`{"call":"exec","results":[{"ret":0,"wrote":[{"at":%,"bytes":"00"}]}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"opcode":%}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"flags":%}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"ioprio":%}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"user_data":%}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"opcode":45,"fd":%}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"fd":%}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"opcode":45,"off":%}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"slot":%}]}`, numbers},
		{`{"call":"enter","fd":3,"sqes":[{"cmd":%}]}`, bytes}, {`{"call":"enter","fd":3,"sqes":[%]}`, bytes},
		{`{"call":"write","addr":0,"bytes":%}`, bytes}, {`{"call":"setup","entries":1,"resv":%}`, bytes},
		{`{"call":"fork","child":%}`, numbers},
		{`{"call":"cloexec","fd":1,"on":%}`, []string{"true", "false", "tru", "truee", "null", `"true"`, "1"}},
		{`{"call":"exec","task":%}`, numbers},
		{`{"call":"exec","why":%}`, numbers}, {`{"call":%}`, numbers},
		{`{"call":"exec","results":%}`, []string{"[]", "null", "{}", "[{}]", `[{"ret":0},]`, `[{"ret":0}{"ret":0}]`,
			`[{"ret":0,"on":[]}]`}},
		{`{"call":"enter","fd":3,"sqes":%}`, []string{"[]", "null", "[{}]", "[{},{}]", "[,]", "[{}", "{}"}},
	}
	read := 0
	var q quick
	for _, r := range rows {
		for _, v := range r.values {
			if agree(t, &q, []byte(strings.ReplaceAll(r.event, "%", v))) {
				read++
			}
		}
	}
	if read < 300 {
		t.Errorf("quick reads only %d of them", read)
	}
}

// TestQuickAgrees: quick agrees with the careful reader on all traces that there are, and on what becomes of them when
// something in them is changed. It reads nearly all of the former.
func TestQuickAgrees(t *testing.T) {
	const each = 15 // changes of an event
	rng := rand.New(rand.NewPCG(1, 2))
	var q quick
	events, read, changed, stillRead := 0, 0, 0, 0
	for _, text := range storedEvents(t) {
		events++
		if agree(t, &q, text) {
			read++
		}
		for range each {
			changed++
			if agree(t, &q, mutate(rng, text)) {
				stillRead++
			}
		}
	}
	t.Logf("quick reads %d of %d events, and %d of %d that were changed", read, events, stillRead, changed)
	if events < 500 || read*100 < events*97 || stillRead*20 < changed {
		t.Errorf("quick reads %d of %d events, and %d of %d that were changed", read, events, stillRead, changed)
	}
}

// storedEvents are the events of the traces below testdata.
func storedEvents(t *testing.T) (texts [][]byte) {
	t.Helper()
	files, err := filepath.Glob("../testdata/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Events []jsontext.Value `json:"events"`
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, e := range doc.Events {
			texts = append(texts, e)
		}
	}
	return texts
}

// pieces are what mutate puts into a text.
var pieces = []string{"0", "1", "9", "-", ".", "e", `"`, `\`, "{", "}", "[", "]", ",", ":", " ", "\n", "x", "\x00",
	"\xff", "é",
	"null", "true", "false", `""`, "{}", "[]", `"0x7"`, `"EINVAL"`, "4294967296", `"fd":3`, `"fd":3,`,
	`"len":1,`, `"ret":0,`}

// mutate changes a place or two of the text.
func mutate(rng *rand.Rand, text []byte) []byte {
	text = slices.Clone(text)
	for range 1 + rng.IntN(2) {
		from := rng.IntN(len(text))
		to := min(len(text), from+rng.IntN(4))
		switch rng.IntN(5) {
		case 0: // something else
			text = slices.Concat(text[:from], []byte(pieces[rng.IntN(len(pieces))]), text[to:])
		case 1: // nothing
			text = slices.Concat(text[:from], text[to:], []byte(" "))
		case 2: // the same again
			to = min(len(text), from+rng.IntN(40))
			text = slices.Concat(text[:to], text[from:to], text[to:])
		case 3: // one byte, a bit different
			text[from] ^= 1 << rng.IntN(7)
		case 4: // another digit
			if c := text[from]; c >= '0' && c <= '9' {
				text[from] = '0' + byte(rng.IntN(10))
			}
		}
	}
	return text
}

// TestQuickShares: lists that are shared hold the last event's content, and are otherwise the same.
func TestQuickShares(t *testing.T) {
	shared, own := quick{share: true}, quick{}
	var kept, again []Event
	nested := `{"call":"enter","fd":3,"sqes":[{"fd":1,"addr":{"sqe":{"len":2,` +
		`"off":{"sqe":{"flags":1}},"fd":3}},"len":4},{"fd":5}]}`
	for _, text := range append(storedEvents(t), []byte(nested)) {
		got, ok := shared.event(text)
		want, _ := own.event(text)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); ok && diff != "" {
			t.Fatalf("(-own +shared)\n%s\n%s", diff, text)
		}
		if ok {
			kept = append(kept, want)
			want, _ = own.event(text)
			again = append(again, want)
		}
	}
	if diff := cmp.Diff(again, kept); diff != "" {
		t.Errorf("events that do not share were overwritten (-want +got):\n%s", diff)
	}
}

// agreeBytes fails the test if an event whose SQEs come as their bytes is another one than that with their fields, and
// tells how many SQEs there are, and how many of those with fields came as bytes.
func agreeBytes(t *testing.T, fields, asBytes *quick, text []byte) (sqes, raw int) {
	t.Helper()
	want, ok := fields.event(text)
	got, gotOK := asBytes.event(text)
	if ok != gotOK {
		t.Fatalf("as bytes %v, as fields %v: %s", gotOK, ok, text)
	}
	a, is := want.Args.(*EnterArgs)
	if !ok || !is {
		return 0, 0
	}
	for i, s := range got.Args.(*EnterArgs).SQEs {
		w, wantErr := a.SQEs[i].encode(&block{base: ScratchBase}, new(uapi.SQE))
		g, err := s.encode(&block{base: ScratchBase}, new(uapi.SQE))
		if !bytes.Equal(w, g) || (err == nil) != (wantErr == nil) {
			t.Fatalf("SQE %d is %x, %v, want %x, %v: %s", i, g, err, w, wantErr, text)
		}
		if sqes++; s.Raw != nil && a.SQEs[i].Raw == nil {
			raw++
		}
	}
	return sqes, raw
}

// TestQuickBytes: SQEs that come as their bytes are those that their fields make, in the same events.
func TestQuickBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	fields, asBytes := quick{share: true}, quick{share: true, asBytes: true}
	sqes, raw := 0, 0
	for _, text := range append(storedEvents(t), bytes.Split(bytes.TrimSpace(busy(2)), []byte("\n"))...) {
		for range 4 {
			n, r := agreeBytes(t, &fields, &asBytes, text)
			sqes, raw = sqes+n, raw+r
			text = mutate(rng, text)
		}
	}
	if sqes < 1000 || raw*2 < sqes {
		t.Errorf("of %d SQEs only %d came as bytes", sqes, raw)
	}
}

// TestQuickDepth: a text that goes deeper than a stack should is left to the careful reader.
func TestQuickDepth(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(`{"call":"register","fd":-1,"op":"QUERY","arg":` +
			strings.Repeat(`{"query":{"op":0,"size":0,"next":`, n) + "0" + strings.Repeat("}}", n) + `}`)
	}
	var q quick
	for n, want := range map[int]bool{1: true, maxDepth / 2: true, maxDepth: false, 100_000: false} {
		if _, got := q.event(nested(n)); got != want {
			t.Errorf("%d objects: %v, want %v", n, got, want)
		}
	}
}

// TestQuickNames: names that come again are kept, as many as there is room for.
func TestQuickNames(t *testing.T) {
	var q quick
	for i := range 3 * maxNames {
		text := fmt.Sprintf(`{"task":"t%d","call":"exec"}`, i)
		if e, ok := q.event([]byte(text)); !ok || e.Task != fmt.Sprint("t", i) {
			t.Fatalf("%s: %v", text, e)
		}
	}
	if len(q.names) > maxNames+1 {
		t.Errorf("%d names are kept", len(q.names))
	}
}

// FuzzQuick: on no input quick says something else than the careful reader, nor something else in bytes than in fields.
func FuzzQuick(f *testing.F) {
	for _, e := range goodEvents {
		f.Add([]byte(e))
	}
	for _, r := range badEvents {
		f.Add([]byte(r.event))
	}
	before := bytes.TrimSpace(busy(1))
	f.Fuzz(func(t *testing.T, text []byte) {
		agree(t, &quick{}, text)
		asBytes := &quick{share: true, asBytes: true}
		for _, text := range [][]byte{before, text, text, before} { // SQEs begin like others that were read before
			agreeBytes(t, &quick{share: true}, asBytes, text)
		}
	})
}
