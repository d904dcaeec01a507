package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// objectKeys ends what is said of an object of the program's memory with an unknown key.
const objectKeys = "; known are path, bytes, sockaddr, open_how, iovecs, timespec, msghdr, bpf_filter, restrictions, " +
	"task_restrictions, probe, ring_fds, fds, query, getevents_arg, sqe, buf_reg, buf_status, sync_cancel, napi, clock, words, " +
	"rsrc_register, rsrc_update, rsrc_update2, file_index_range, clone_buffers, tags, mem_region, region, resize, zcrx_ifq, " +
	"zcrx_area, zcrx_event_desc"

// badEvents are events that are refused, with the place in the event, from 0, and the message.
var badEvents = []struct {
	event string
	at    string // what stands there
	msg   string
}{
	{`{"call":"exec","results":[{"ret":0,"retx":1}]}`, `"retx"`,
		`results/0/retx: unknown key; known are on, ret, cqes, sq_head, sq_dropped, cq_overflow, params, wrote`},
	{`{"call":"exec","results":[{"ret":"NOPE"}]}`, `"NOPE"`, `results/0/ret: found "NOPE", expected the name of an errno such as EINVAL`},
	{`{"call":"exec","results":[{"ret":"13"}]}`, `"13"`, `results/0/ret: found "13", expected the name of an errno such as EINVAL`},
	{`{"call":"exec","results":[{"ret":0,"cqes":[{"res":0,"x":1}]}]}`, `"x"`,
		`results/0/cqes/0/x: unknown key; known are user_data, res, flags, big`},
	{`{"call":"exec","results":{}}`, `{}}`, `results: found an object, expected an array`},
	{`{"call":"exec","fd":3}`, `"fd"`, `call "exec" has no argument "fd"; it has none`},
	{`{"call":"close","fx":3}`, `"fx"`, `call "close" has no argument "fx"; it has fd`},
	{`{"call":"close","FD":3}`, `"FD"`, `call "close" has no argument "FD"; it has fd`},
	{`{"call":"close","fd":3,"fd":4}`, `"fd":4`, `not JSON: duplicate object member name`},
	{`{"call":"close","task":3}`, `3}`, `task: found a number, expected a string`},
	{`{"call":"close","fd":"x"}`, `"x"`, `fd: "x" is not a number`},
	{`{"call":"close","fd":1.5}`, `1.5`,
		`fd: 1.5 is not a whole number of 64 bits; write it as a string such as "0x1" if it is large`},
	{`{"call":"close","fd":99999999999999999999}`, `999`,
		`fd: 99999999999999999999 is not a whole number of 64 bits; write it as a string such as "0x1" if it is large`},
	{`{"call":"close","fd":null}`, `null`, `fd: found null, expected a number or a name`},
	{`{"call":"close","fd":[3]}`, `[`, `fd: found an array, expected a number or a name`},
	{`{"call":"setup","entries":true}`, `true`, `entries: found true, expected a number or a name`},
	{`{"call":"setup","entries":8,"flags":"SQPOLL|X"}`, `"SQP`,
		`flags: found "X", expected a number or a name such as IORING_SETUP_SQ_REWIND`},
	{`{"call":"setup","entries":8,"resv":"0"}`, `"0"`, `resv: found "0", expected bytes in hexadecimal`},
	{`{"call":"write","addr":0,"bytes":3}`, `3}`, `bytes: JSON value must be string type`},
	{`{"call":"cloexec","fd":3,"on":"yes"}`, `"yes"`, `on: found a string, expected true or false`},
	{`{"call":"fork","child":7}`, `7}`, `child: found a number, expected a string`},
	{`{"call":"register","fd":3,"op":"PROBEX"}`, `"PROBEX"`,
		`op: found "PROBEX", expected a number or a name such as IORING_REGISTER_BPF_FILTER`},
	{`{"call":"register","fd":3,"op":"PROBE","arg":{"probe":{"ops":1,"x":2}}}`, `"x"`, `arg/probe/x: unknown key; known are ops, fill`},
	{`{"call":"register","fd":3,"op":2,"arg":{"fds":[1,"a"]}}`, `"a"`, `arg/fds/1: "a" is not a number`},
	{`{"call":"register","fd":3,"op":2,"arg":"x"}`, `"x"`, `arg: "x" is not a number`},
	{`{"call":"enter","fd":3,"sqes":[3]}`, `3]`, `sqes/0: found a number, expected an SQE as an object or as hexadecimal`},
	{`{"call":"enter","fd":3,"sqes":["00"]}`, `"00"`, `sqes/0: found 1 bytes, expected the 64 or 128 of an SQE`},
	{`{"call":"enter","fd":3,"sqes":["zz"]}`, `"zz"`, `sqes/0: found "zz", expected bytes in hexadecimal`},
	{`{"call":"enter","fd":3,"sqes":[{"lenx":3}]}`, `"lenx"`,
		`sqes/0/lenx: an SQE has no field "lenx"; the names are those of struct io_uring_sqe`},
	{`{"call":"enter","fd":3,"sqes":[{},{"len":1,"len":2}]}`, `"len":2`, `not JSON: duplicate object member name`},
	{`{"call":"seen_setup"}`, `{"call`, `call "seen_setup" lacks its argument "ring"`},
	{`{"call":"seen_submit","request":3}`, `3}`, `request: found a number, expected an SQE as an object or as hexadecimal`},
	{`{"call":"enter","fd":3,"sqes":[{"opcode":"NOPE"}]}`, `"NOPE"`,
		`sqes/0: found "NOPE", expected a number or a name such as IORING_OP_URING_CMD128`},
	{`{"call":"enter","fd":3,"sqes":[{"len":4294967296}]}`, `4294967296`,
		`sqes/0: len is 0x100000000, which does not fit in 32 bits`},
	{`{"call":"enter","fd":3,"sqes":[{"opcode":256}]}`, `256`, `sqes/0: opcode is 0x100, which does not fit in 8 bits`},
	{`{"call":"enter","fd":3,"sqes":[{"ioprio":-32769}]}`, `-32769`,
		`sqes/0: ioprio is 0xffffffffffff7fff, which does not fit in 16 bits`},
	{`{"call":"enter","fd":3,"sqes":[{"addr":{"path":1}}]}`, `1}`, `sqes/0/addr/path: found a number, expected a string`},
	{`{"call":"enter","fd":3,"sqes":[{"addr":{"pathx":1}}]}`, `"pathx"`, `sqes/0/addr/pathx: unknown key` + objectKeys},
	{`{"call":"enter","fd":3,"sqes":[{"addr":{"open_how":{"x":1}}}]}`, `"x"`, `sqes/0/addr/open_how/x: unknown key; known are flags, mode, resolve, tail`},
	{`{"call":"enter","fd":3,"sqes":[{"addr":{"iovecs":[{"base":{"x":1}}]}}]}`, `"x"`,
		`sqes/0/addr/iovecs/0/base/x: unknown key` + objectKeys},
	{`{"call":"enter","fd":3,"sqes":[{"len":{"path":"x"}}]}`, `{"path`,
		`sqes/0/len: len has 32 bits and cannot point to an object`},
	{`{"call":"enter","fd":3,"sqes":[{"slot":"x"}]}`, `"x"`, `sqes/0/slot: "x" is not a number`},
	{`{"call":"enter","fd":3,"sqes":[{"cmd":"` + strings.Repeat("0", 130) + `"}]}`, `"000`,
		`sqes/0: cmd: found 65 bytes, expected at most 64`},
	{`{"call":"enter","fd":3,"array":[{}]}`, `{}`, `array/0: found an object, expected a number or a name`},
	{`{"call":"close"}`, `{"call`, `call "close" lacks its argument "fd"`},
	{`{"call":"register","fd":3}`, `{"call`, `call "register" lacks its argument "op"`},
	{`{"call":"register","op":0,"nr":1}`, `{"call`, `call "register" lacks its argument "fd"`},
	{`{"call":"setup","flags":0}`, `{"call`, `call "setup" lacks its argument "entries"`},
	{`{"call":"enter","sqes":[{}]}`, `{"call`, `call "enter" lacks its argument "fd"`},
	{`{"call":"cloexec","fd":3}`, `{"call`, `call "cloexec" lacks its argument "on"`},
	{`{"call":"fork"}`, `{"call`, `call "fork" lacks its argument "child"`},
	{`{"call":"register","fd":3,"op":8,"arg":{"probe":{}}}`, `"arg"`, `arg/probe lacks "ops"`},
	{`{"call":"register","fd":3,"op":37,"arg": {"bpf_filter":{"insns":["ret #1"]}}}`, `"arg"`,
		`arg/bpf_filter lacks "opcode"`},
	{`{"call":"register","fd":-1,"op":35,"arg":{"query":{"op":0,"size":8,"next":{"query":{"op":1}}}}}`, `"arg"`,
		`arg/query/next/query lacks "size"`},
	{`{"call":"register","fd":3,"op":31,"arg":{"sqe":{"addr":{"probe":{}}}}}`, `"arg"`,
		`arg/sqe/addr/probe lacks "ops"`},
	{`{"call":"exec","results":[{"ret":0},{"on":["7.0"]}]}`, `"results"`, `results/1 lacks "ret"`},
	{`{"call":"exec","results":[{"ret":0,"cqes":[{"res":0}]}]}`, `"results"`, `results/0/cqes/0 lacks "user_data"`},
	{`{"call":"close","fd":4294967296}`, `"fd"`, `fd is 0x100000000, which does not fit in 32 bits`},
	{`{"call":"close","fd":-2147483649}`, `"fd"`, `fd is 0xffffffff7fffffff, which does not fit in 32 bits`},
	{`{"call":"register","fd":3,"op":"0x100000000"}`, `"op"`, `op is 0x100000000, which does not fit in 32 bits`},
	{`{"call":"register","fd":3,"op":37,"arg":{"bpf_filter":{"opcode":0,"pdu_size":256}}}`, `"arg"`,
		`arg/bpf_filter/pdu_size is 0x100, which does not fit in 8 bits`},
	{`{"call":"register","fd":3,"op":37,"arg":{"bpf_filter":{"opcode":0,"cmd_type":65536}}}`, `"arg"`,
		`arg/bpf_filter/cmd_type is 0x10000, which does not fit in 16 bits`},
	{`{"call":"register","fd":3,"op":37,"arg":{"bpf_filter":{"opcode":0,"resv1":"00000000"}}}`, `"arg"`,
		`arg/bpf_filter/resv1: found 4 bytes, expected at most 3`},
	{`{"call":"register","fd":3,"op":11,"arg":{"restrictions":[{"sqe_op":1},{"sqe_op":256}]}}`, `"arg"`,
		`arg/restrictions/1/sqe_op is 0x100, which does not fit in 8 bits`},
	{`{"call":"register","fd":3,"op":2,"arg":{"fds":[1,-2147483649]}}`, `"arg"`,
		`arg/fds/1 is 0xffffffff7fffffff, which does not fit in 32 bits`},
	{`{"call":"enter","fd":3,"sqes":[{"slot":4294967296}]}`, `"sqes"`,
		`sqes/0/slot is 0x100000000, which does not fit in 32 bits`},
	{`{"call":"enter","fd":3,"sqes":[{"addr":{"msghdr":{"namelen":"0x100000000"}}}]}`, `"sqes"`,
		`sqes/0/addr/msghdr/namelen is 0x100000000, which does not fit in 32 bits`},
	{`{"call":"enter","fd":3,"array":[0,4294967296]}`, `"array"`, `array/1 is 0x100000000, which does not fit in 32 bits`},
	{`{"call":"enter","fd":3,"to_submit":4294967296}`, `"to_submit"`,
		`to_submit is 0x100000000, which does not fit in 32 bits`},
	{`{"call":"exec","results":[{"ret":0,"cqes":[{"user_data":1,"res":2147483648000}]}]}`, `"results"`,
		`results/0/cqes/0/res is 0x1f400000000, which does not fit in 32 bits`},
	{`{"call":"clos","fd":1}`, `{"call`,
		`unknown call "clos"; known are map, protect, unmap, write, setup, register, enter, ` +
			`reap, fork, vfork, thread, exec, exit, close, dup, cloexec, open, socket, socketpair, pipe, eventfd, ` +
			`rlimit_nofile, no_new_privs, ` +
			`drop_privileges, new_user_ns, seen_setup, seen_register, seen_submit`},
	{`3`, `3`, `found a number, expected an object`},
	{`[]`, `[]`, `found an array, expected an object`},
}

// TestBadEvents: an event that is wrong is told with its line and column, in a document and in lines.
func TestBadEvents(t *testing.T) {
	for _, r := range badEvents {
		col := strings.Index(r.event, r.at) + 1
		doc := "{\"trace\":1, \"name\":\"[{}]\",\n\"events\": [\n{\"call\":\"exec\"},\n\t " + r.event + "\n]}\n"
		_, err := Read(strings.NewReader(doc), "dir/t.json")
		want := fmt.Sprintf("dir/t.json:4:%d: %s", col+2, r.msg)
		if err == nil || cmp.Diff(want, err.Error()) != "" {
			t.Errorf("%s\n got %v\nwant %s", r.event, err, want)
		}
		lines := "{\"trace\":1}\n\n{\"call\":\"exec\"}\n" + r.event + "\n"
		_, err = Read(strings.NewReader(lines), "t.jsonl")
		want = fmt.Sprintf("t.jsonl:4:%d: %s", col, r.msg)
		if err == nil || cmp.Diff(want, err.Error()) != "" {
			t.Errorf("%s in lines\n got %v\nwant %s", r.event, err, want)
		}
	}
}

func TestBadDocuments(t *testing.T) {
	rows := []struct{ text, want string }{
		{``, `1:1: the text ends in the middle of a value`},
		{`[]`, `1:1: found an array, expected a trace: {"trace": 1, "events": [...]}`},
		{` "x"`, `1:1: found a string, expected a trace: {"trace": 1, "events": [...]}`},
		{`{`, `1:2: the text ends in the middle of a value`},
		{`{"events":[]}`, `1:1: found trace version 0, expected "trace": 1`},
		{`{"trace":2,"events":[]}`, `1:1: found trace version 2, expected "trace": 1`},
		{`{"trace":"1","events":[]}`, `1:10: trace: found a string, expected a number`},
		{`{"trace":1,"event":[]}`, `1:12: event: unknown key; known are trace, name, why, source, cause, $schema, recording, events`},
		{`{"trace":1,"events":{}}`, `1:21: events: found an object, expected an array`},
		{`{"trace":1,"events":null}`, `1:21: events: found null, expected an array`},
		{`{"trace":1,"events":[],"events":[]}`, `1:24: not JSON: duplicate object member name`},
		{`{"trace":1,"events":[{"call":"exec"}`, `1:37: the text ends in the middle of a value`},
		{`{"trace":1,"events":[{"call":"exec"},]}`, `1:37: not JSON: invalid character ',' at start of value`},
		{"{\"trace\":1,\n\"events\":[]}\n\n x", `4:2: found more text, expected the end of the file behind the trace`},
		{`{"trace":1,"events":[]}{}`, `1:24: found more text, expected the end of the file behind the trace`},
		{"{\"trace\":1,\"name\":\"\xff\"}", `1:20: not JSON: invalid UTF-8`},
		{`{"trace":1,"name":3}`, `1:19: name: found a number, expected a string`},
		{`{"trace":1,'name':3}`, `1:12: not JSON: invalid character '\'' at start of value`},
	}
	for _, r := range rows {
		_, err := Read(strings.NewReader(r.text), "t.json")
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.File != "t.json" || cmp.Diff("t.json:"+r.want, err.Error()) != "" {
			t.Errorf("%s\n got %v\nwant t.json:%s", r.text, err, r.want)
		}
	}
}

func TestBadLines(t *testing.T) {
	rows := []struct{ text, want string }{
		{"", `1:1: found nothing, expected {"trace": 1}`}, {"\n \n", `1:1: found nothing, expected {"trace": 1}`},
		{`{"trace":2}`, `1:1: found trace version 2, expected "trace": 1`},
		{`{"trace":1,"events":[]}`, `1:12: events: unknown key; known are trace, name, why, source, cause, $schema, recording`},
		{"{\"trace\":1}\n{\"call\":", `2:9: the text ends in the middle of a value`},
		{"{\"trace\":1}\n{\"call\":\"exec\"} {}", `2:17: not JSON: invalid character '{' after top-level value`},
		{"{\"trace\":1}\n\n\n]", `4:1: not JSON: invalid character ']' at start of value`},
	}
	for _, r := range rows {
		_, err := Read(strings.NewReader(r.text), "t.jsonl")
		if err == nil || cmp.Diff("t.jsonl:"+r.want, err.Error()) != "" {
			t.Errorf("%q\n got %v\nwant t.jsonl:%s", r.text, err, r.want)
		}
	}
}

// repeat is a reader of n bytes of the same kind, with a text before them. It counts what is read.
type repeat struct {
	head string
	b    byte
	n    int64
	read int64
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.head != "" {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.n == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.n))
	for i := range p[:n] {
		p[i] = r.b
	}
	r.n, r.read = r.n-int64(n), r.read+int64(n)
	return n, nil
}

// TestLimits: input without end is refused, and not read to its end.
func TestLimits(t *testing.T) {
	rows := []struct {
		file, head string
		want       string
		most       int64 // bytes that may be read before that
	}{
		{"t.json", `{"trace":1,"name":"`, "t.json:1:1: the document has more than 67108864 bytes; write it as .jsonl",
			maxDocument + 1<<20},
		{"t.jsonl", `{"trace":1,"name":"`, "t.jsonl:1:1: the line has more than 8388608 bytes", maxLine + 1<<20},
		{"t.jsonl", "{\"trace\":1}\n{\"call\":\"", "t.jsonl:2:1: the line has more than 8388608 bytes", maxLine + 1<<20},
	}
	for _, r := range rows {
		in := &repeat{head: r.head, b: 'x', n: 1 << 40}
		_, err := Read(in, r.file)
		if err == nil || err.Error() != r.want {
			t.Errorf("%s %q: %v, want %s", r.file, r.head, err, r.want)
		}
		if in.read > r.most {
			t.Errorf("%s %q: read %d bytes, want at most %d", r.file, r.head, in.read, r.most)
		}
	}
}

// TestLongestLine: a line of the largest size is read, one byte more is not.
func TestLongestLine(t *testing.T) {
	line := `{"call":"exec","why":"` + strings.Repeat("x", maxLine-len(`{"call":"exec","why":""}`)) + `"}`
	if _, err := Read(strings.NewReader("{\"trace\":1}\n"+line), "t.jsonl"); err != nil {
		t.Errorf("%d bytes: %.80v", len(line), err)
	}
	if _, err := Read(strings.NewReader("{\"trace\":1}\n"+line+" "), "t.jsonl"); err == nil {
		t.Errorf("%d bytes must be too many", len(line)+1)
	}
}

// TestManyEvents: a document has a limit of events, lines have none.
func TestManyEvents(t *testing.T) {
	in := io.MultiReader(strings.NewReader(`{"trace":1,"events":[0`), &pairs{n: MaxEvents}, strings.NewReader("]}"))
	_, err := Read(in, "t.json")
	want := "t.json:1:1: the document has more than 1048576 events; write it as .jsonl"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// pairs reads as ",0" n times.
type pairs struct{ n int }

func (r *pairs) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := min(len(p)/2, r.n)
	for i := range n {
		p[2*i], p[2*i+1] = ',', '0'
	}
	r.n -= n
	return 2 * n, nil
}

// TestReader: the events of both forms come one by one, with their lines, and the same from a file.
func TestReader(t *testing.T) {
	files := map[string]string{
		"a.json": "{\"trace\":1,\"why\":\"w\",\n\"events\":[{\"call\":\"exec\"},\n\n" +
			"{\"task\":\"b\",\"call\":\"exit\",\"why\":\"x\"}]}",
		"a.jsonl": "{\"trace\":1,\"why\":\"w\"}\n\n{\"call\":\"exec\"}\n  \n{\"task\":\"b\",\"call\":\"exit\",\"why\":\"x\"}",
	}
	lines := map[string][]int{"a.json": {2, 4}, "a.jsonl": {3, 5}}
	for name, text := range files {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := &Trace{Header: Header{Trace: 1, Why: "w"}, Events: []Event{
			{Task: "init", Args: &ExecArgs{}, Line: lines[name][0]},
			{Task: "b", Why: "x", Args: &ExitArgs{}, Line: lines[name][1]}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(bad); err == nil || !strings.HasPrefix(err.Error(), bad+":1:1: ") {
		t.Errorf("a file without a trace: %v", err)
	}
}

// TestUnnamed: of standard input, the text tells how it is written.
func TestUnnamed(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	rows := []struct {
		why, text string
		events    int
		err       string
	}{
		{"a document", `{"trace":1,"events":[{"call":"exec"}]}`, 1, ""},
		{"a document of several lines", "{\n\"trace\":1,\n\"events\":[{\"call\":\"exec\"}]}", 1, ""},
		{"a document with a long first line", `{"trace":1,"why":"` + long + `","events":[]}`, 0, ""},
		{"lines", "{\"trace\":1}\n{\"call\":\"exec\"}\n{\"call\":\"exec\"}\n", 2, ""},
		{"lines after empty ones", "\n \n{\"trace\":1}\n{\"call\":\"exec\"}", 1, ""},
		{"a header alone", `{"trace":1}`, 0, ""},
		{"nothing", "", 0, "-:1:1: the text ends in the middle of a value"},
		{"a document that is none", "[]\n", 0, `-:1:1: found an array, expected a trace: {"trace": 1, "events": [...]}`},
		{"a bad line", "{\"trace\":1}\n{\"call\":\"x\"}", 0, `-:2:1: unknown call "x"; `},
	}
	for _, r := range rows {
		got, err := Read(iotest.OneByteReader(strings.NewReader(r.text)), "-")
		switch {
		case r.err != "" && (err == nil || !strings.HasPrefix(err.Error(), r.err)):
			t.Errorf("%s: %v, want %s", r.why, err, r.err)
		case r.err == "" && (err != nil || len(got.Events) != r.events):
			t.Errorf("%s: %v, %v", r.why, got, err)
		}
	}
}

// TestReadError: an error of the reader is the reader's.
func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	for _, file := range []string{"t.json", "t.jsonl"} {
		_, err := Read(io.MultiReader(strings.NewReader(`{"trace":1,`), errReader{broken}), file)
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v, want %v", file, err, broken)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
