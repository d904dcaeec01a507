package sim_test

import (
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// seenRows are requests as logs have them, and what the model says.
var seenRows = []struct {
	request string // members of a seen_submit
	ret     string // in the log
	want    string // an errno, 0, or what was not seen
	why     string
}{
	{`"request":{"opcode":"NOP","flags":0}`, `0`, "ioprio", "an admitted request has no fields"},
	{`"request":{"opcode":"NOP","flags":"BUFFER_SELECT"}`, `0`, "EOPNOTSUPP", "but flags that NOP never gets past with"},
	{`"request":{"opcode":"READ","flags":"IO_DRAIN|ASYNC"}`, `0`, "which personality",
		"it was admitted, so draining was possible"},
	{`"sqe":{"opcode":"READ","flags":"IO_DRAIN"}`,
		`"EOPNOTSUPP"`, "IOSQE_CQE_SKIP_SUCCESS", "what the ring has seen before decides"},
	{`"sqe":{"opcode":"NOP","flags":0,"ioprio":1}`, `"EINVAL"`, "EINVAL", "NOP takes no ioprio"},
	{`"sqe":{"opcode":"CLOSE","flags":0,"ioprio":0}`, `"EINVAL"`, "flags of the ring", "which may be one for IOPOLL only"},
	{`"sqe":{"opcode":"CLOSE","flags":0,"ioprio":0},"ring":"poll"`,
		`"EINVAL"`, "EINVAL", "CLOSE does not run on this ring"},
	{`"sqe":{"opcode":"CLOSE","flags":0,"ioprio":0},"ring":"plain"`, `"EINVAL"`, "personality", "and may on this one"},
	{`"sqe":{"opcode":"CLOSE","flags":0,"ioprio":0,"personality":1},"ring":"plain"`, `"EINVAL"`, "personality",
		"which may not be registered"},
	{`"sqe":{"opcode":"CLOSE","flags":0,"ioprio":0,"personality":0},"ring":"plain"`, `"EINVAL"`,
		"off, addr, len, rw_flags, buf_index", "its prep wants them to be 0"},
	{`"ring":"plain","sqe":{"opcode":"CLOSE","flags":0,"ioprio":0,"personality":0,` +
		`"off":0,"addr":0,"len":0,"rw_flags":0,"buf_index":0}`,
		`0`, "fd, file_index", "one of the last checks looks at fd"},
	{`"ring":"plain","sqe":{"opcode":"CLOSE","flags":0,"ioprio":0,"personality":0,` +
		`"off":0,"addr":0,"len":1,"rw_flags":0,"buf_index":0}`,
		`"EINVAL"`, "EINVAL", "len is not 0"},
	{`"sqe":{"opcode":"OPENAT","flags":"FIXED_FILE","ioprio":0,"personality":0,"buf_index":0},"ring":"plain"`,
		`"EBADF"`, "EBADF",
		"known, whatever the path is"},
	{`"sqe":{"opcode":"OPENAT","flags":0,"ioprio":0,"personality":0,"buf_index":0},"ring":"plain"`, `"ENOENT"`,
		"the path at addr", "which was not seen"},
	{`"sqe":{"opcode":"RECV_ZC","flags":0,"ioprio":0,"personality":0,"off":0,"addr":0,"addr3":0},"ring":"plain"`,
		`"EINVAL"`,
		"len, rw_flags", "what its check looks at is not stated, so it may be anything"},
	{`"sqe":{"opcode":"NOP128","flags":0}`, `"EINVAL"`, "128 bytes", "the log has 64"},
	{`"sqe":{"opcode":200}`, `"EINVAL"`, "EINVAL", "no such opcode"},
	{`"sqe":{"flags":0}`, `"EINVAL"`, "the opcode", "not even that is there"},
	{`"sqe":{"opcode":"NOP"}`, `"EINVAL"`, "flags", "there are no flags"},
	{`"sqe":{"opcode":"NOP","flags":"0x80"}`, `"EINVAL"`, "EINVAL", "no such flag"},
	{`"sqe":{"opcode":"NOP","flags":0,"ioprio":1}`,
		`"EACCES"`, "restrictions and filters", "which come before, or deny the rest"},
	{`"sqe":"` + strings.Repeat("00", 64) + `","ring":"plain"`, `0`, "0", "an SQE in full passes all checks"},
}

// TestSaw: a request that was seen is judged by what the log has of it, and no more.
func TestSaw(t *testing.T) {
	for _, row := range seenRows {
		text := `{"trace":1,"events":[` +
			`{"call":"seen_setup","ring":"poll","flags":"IOPOLL"},{"call":"seen_setup","ring":"plain"},` +
			`{"task":"anybody","call":"seen_submit",` + row.request + `,"results":[{"ret":` + row.ret + `}]}]}`
		tr, err := trace.Read(strings.NewReader(text), "t.json")
		if err != nil {
			t.Fatal(err)
		}
		p := trace.NewPlayer(sim.New(kernel.V7_3), "7.3")
		var o trace.Outcome
		for i := range tr.Events {
			if o, err = p.Play(&tr.Events[i]); err != nil {
				t.Fatal(err)
			}
		}
		got := o.Got.Ret.String()
		if o.Unmodelled != "" {
			got = o.Unmodelled
		}
		missing := o.Unmodelled != "" && strings.Contains(got, row.want)
		same := row.ret == `"`+got+`"` || row.ret == got
		if !missing && got != row.want || o.Unmodelled == "" && (o.Diff == "") != same {
			t.Errorf("%s, logged %s: %s%s, want %s: %s", row.request, row.ret, got, o.Diff, row.want, row.why)
		}
	}
}

// TestSawRegister: of a register call there is nothing to judge, and ENABLE_RINGS is remembered for the rest.
func TestSawRegister(t *testing.T) {
	k := sim.New(kernel.V7_3)
	if r := k.Saw("", trace.SeenRegister{Op: 2}); r.Unmodelled != "" || r.Err != nil {
		t.Errorf("without a result: %+v", r)
	}
	if r := k.Saw("", trace.SeenRegister{Op: 2, Logged: trace.Logged{Known: true}}); r.Unmodelled == "" {
		t.Errorf("with a result: %+v", r)
	}
}
