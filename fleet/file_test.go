package fleet_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/trace"
)

const result = `{"policy":"p","kernel":"7.3","counts":{"traces":1,"broken":0,"unknown":0,"events":0,"requests":0,"refused":0,` +
	`"refused_calls":0,"denied":0,"cancelled":0,"undecided":0,"unmodelled":0,"compared":0,"differ":0}`

var summaries = []struct{ why, text, err string }{
	{"no traces", `{"summary":1}`, ""},
	{"two behind each other", `{"summary":1} {"summary":1,"tool":"x"}`, ""},
	{"a result", `{"summary":1,"results":[` + result + `}]}`, ""},
	{"nothing", ``, "s.json:1:1: found the end of the text, expected a summary"},
	{"a torn one", `{"summary":1,"results":[`, "s.json:1:1: found the end of the text, expected a summary"},
	{"a torn second one", `{"summary":1} {"summ`, "s.json:1:1: found the end of the text, expected a summary"},
	{"no JSON", `summary`, "s.json:1:1: summary 1: not JSON: "},
	{"another version", `{"summary":2}`, `s.json:1:1: summary 1: found version 2, expected "summary": 1`},
	{"something else", `{"type":"summary"}`, "s.json:1:2: type: unknown key"},
	{"a list", `[1]`, "s.json:1:1: found an array, expected an object"},
	{"a missing key", `{"summary":1,"results":[{"counts":{}}]}`, `s.json:1:1: the document/results/0/counts lacks "traces"`},
	{"a negative count", strings.Replace(`{"summary":1,"results":[`+result+`}]}`, `"traces":1`, `"traces":-1`, 1),
		"s.json:1:73: results/0/counts/traces: invalid syntax"},
	{"a count that sums would overflow with", strings.Replace(`{"summary":1,"results":[`+result+`}]}`, `"traces":1`,
		`"traces":18446744073709551615`, 1), "s.json:1:1: summary 1: results/0: found a count of 18446744073709551615, " +
		"expected at most 9007199254740992"},
	{"a result twice", `{"summary":1,"results":[` + result + `},` + result + `}]}`,
		"s.json:1:1: summary 1: results/1: found an element that is not behind the one before it in the order of keys"},
	{"a shard that there is not", `{"summary":1,"parts":[{"set":"","traces":1,"of":2,"shards":[{"index":2,"times":1}]}]}`,
		"s.json:1:1: summary 1: parts/0: shards: found shard 2 of 2 counted 1 times"},
	{"all shards", `{"summary":1,"parts":[{"set":"","traces":1,"of":1,"shards":[{"index":0,"times":1}]}]}`,
		"s.json:1:1: summary 1: parts/0: shards: found 1 elements, expected 1 to 0"},
	{"no division", `{"summary":1,"parts":[{"set":"","traces":1,"of":0,"shards":[]}]}`,
		"s.json:1:1: summary 1: parts/0: found 0 shards, expected 1 to 1048576"},
	{"values out of order", `{"summary":1,"results":[` + result + `,"reasons":[{"result":"denied","count":1,"traces":1,` +
		`"example":{"trace":"a","event":1,"task":"init"},"values":[` + value("b") + "," + value("a") + `]}]}]}`,
		"s.json:1:1: summary 1: results/0: reasons/0: values/1: found an element that is not behind the one before it"},
}

func value(name string) string {
	return fmt.Sprintf(`{"value":%q,"count":1,"traces":1,"example":{"trace":"a","event":1,"task":"init"}}`, name)
}

func TestRead(t *testing.T) {
	for _, r := range summaries {
		all := fleet.Empty("")
		err := fleet.Read("s.json", strings.NewReader(r.text), all.Add)
		if r.err == "" && err != nil || r.err != "" && (err == nil || !strings.HasPrefix(err.Error(), r.err)) {
			t.Errorf("%s: got %v, want %s", r.why, err, r.err)
		}
		if syntax := (*trace.SyntaxError)(nil); err != nil && !errors.As(err, &syntax) {
			t.Errorf("%s: %T, want a *trace.SyntaxError", r.why, err)
		}
	}
}

// FuzzRead: whatever is read can be added up, told, written, and read again.
func FuzzRead(f *testing.F) {
	for _, r := range summaries {
		f.Add(r.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all := fleet.Empty("")
		if fleet.Read("s.json", strings.NewReader(text), all.Add) != nil {
			return
		}
		var out bytes.Buffer
		if err := all.Write(&out); err != nil {
			t.Fatal(err)
		}
		var told strings.Builder
		all.Text(&told, false)
		if err := fleet.Read("s.json", &out, fleet.Empty("").Add); err != nil && !strings.Contains(err.Error(), "a count of") {
			t.Fatal(err)
		}
	})
}
