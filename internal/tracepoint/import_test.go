package tracepoint

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/trace"
)

// read imports a log, and gives the events as lines of a trace.
func read(t testing.TB, o Options, log string) (events []string, s Summary, err error) {
	t.Helper()
	im := New(o, func(e *trace.Event) error {
		line, err := json.Marshal(e)
		events = append(events, string(line))
		return err
	})
	err = im.Read(context.Background(), strings.NewReader(log), "log")
	return events, im.Summary(), err
}

// submit is a line that every log needs to be one.
const submit = "a-1 [000] 1.0: io_uring_submit_req: opcode NOP\n"

var submitted = admit(`a-1`, ``, `"opcode":"NOP"`)

// admit is a request that was admitted, as a line of a trace.
func admit(task, ring, request string) string {
	if ring != "" {
		ring = `"ring":"` + ring + `",`
	}
	return `{"task":"` + task + `","call":"seen_submit",` + ring + `"request":{` + request + `},"results":[{"ret":0}]}`
}

// lineTests are lines, and the events that they are.
var lineTests = []struct {
	line, want string // "" is none
	skipped    uint64
	why        string
}{
	{"  web-812     [003] d..2.    42.000001: io_uring_submit_req: ring 00000000dead0001, req 00000000beef0001, " +
		"user_data 0x7, opcode SEND, flags 0x400004, sq_thread 0",
		admit(`web-812`, `ring1`, `"opcode":"SEND","flags":"IO_LINK","user_data":7`),
		0, "tracefs"},
	{"  web-812     (    800) [003] d..2.    42.000001: io_uring_submit_req: opcode NOP",
		admit(`web-812`, ``, `"opcode":"NOP"`), 0, "tracefs with record-tgid"},
	{"  web-812     (-------) [003] d..2.    42.000001: io_uring_submit_req: opcode NOP",
		admit(`web-812`, ``, `"opcode":"NOP"`), 0, "which does not know it"},
	{"web   812 [003]    42.000001:   io_uring:io_uring_submit_req: ring 0xffff, req 0xfff0, user_data 0x7, " +
		"opcode NOP, flags 0x0, sq_thread 0",
		admit(`web-812`, `ring1`, `"opcode":"NOP","flags":0,"user_data":7`),
		0, "perf script"},
	{"web 800/812 [003] 42.000001: io_uring:io_uring_submit_req: opcode NOP",
		admit(`web-812`, ``, `"opcode":"NOP"`), 0, "perf script -F pid,tid"},
	{"web 812 42.000001: io_uring:io_uring_submit_req: opcode NOP",
		admit(`web-812`, ``, `"opcode":"NOP"`), 0, "without a CPU"},
	{"io: [0] io_uring_x-y 1-812 [003] 42.000001: io_uring_submit_req: opcode NOP",
		admit(`io: [0] io_uring_x-y 1-812`, ``, `"opcode":"NOP"`),
		0, "the name of a task may be anything"},
	{"\x1b[2J\xff-812 [003] 42.000001: io_uring_submit_req: opcode NOP",
		admit(`?[2J?-812`, ``, `"opcode":"NOP"`), 0, "also what is no text"},
	{" webserver-612     [002] .....   135.300352: io_uring_submit_sqe: ring 0000000078f4a859, req 00000000fbb9b849, " +
		"op 30, data 0xf3e096f0, flags 8196, non block 1, sq_thread 0",
		admit(`webserver-612`, `ring1`, `"opcode":"SPLICE","flags":"IO_LINK",`+
			`"user_data":"0xf3e096f0"`), 0, "Linux 5.17: other names, and decimal flags"},
	{"a-1 [000] 275.550491: io_uring_submit_sqe: ring 00000000ddda6278, op 18, data 0x0, non block 1, sq_thread 0",
		admit(`a-1`, `ring1`, `"opcode":"OPENAT","user_data":0`),
		0, "Linux 5.10 has no flags, which are absent then"},
	{"a-1 [000] 1.0: io_uring_create: ring 00000000ddda6278, fd 3 sq size 8, cq size 16, flags 0",
		`{"task":"a-1","call":"seen_setup","ring":"ring1","sq_entries":8,"cq_entries":16}`, 0, "a ring"},
	{"a-1 [000] 1.0: io_uring_create: ring (____ptrval____), fd 3 sq size 8, cq size 16, flags 0x80", "", 0,
		"early in a boot the kernel prints no pointers"},
	{"a-1 [000] 1.0: io_uring_register: ring 0000000000000001, opcode 11, nr_user_files 0, nr_user_bufs 0, ret -13",
		`{"task":"a-1","call":"seen_register","ring":"ring1","op":"RESTRICTIONS","results":[{"ret":"EACCES"}]}`, 0,
		"a register call"},
	{"a-1 [000] 1.0: io_uring_req_failed: ring 0000000000000001, req 0000000000000002, user_data 0x5, " +
		"opcode SOCKET, flags 0x0, prio=0, off=524289, addr=0, len=0, rw_flags=0x0, buf_index=0, personality=0, " +
		"file_index=-1, pad=0x0, addr3=1f, error=-13",
		`{"task":"a-1","call":"seen_submit","ring":"ring1","sqe":{"opcode":"SOCKET","flags":0,"user_data":5,` +
			`"off":"STREAM|CLOEXEC","addr":0,"len":"IP","rw_flags":0,"buf_index":0,"personality":0,"file_index":-1,"addr3":31,` +
			`"__pad2":0},"results":[{"ret":"EACCES"}]}`, 0, "addr3 is hexadecimal"},
	{"a-1 [000] 1.0: io_uring_req_failed: opcode INVALID, flags 0x4, error=-22",
		`{"task":"a-1","call":"seen_submit","sqe":{"flags":"IO_LINK"},"results":[{"ret":"EINVAL"}]}`, 0,
		"the kernel does not say which opcode it does not know"},
	{"a-1 [000] 1.0: io_uring_submit_req: opcode EPOLL",
		admit(`a-1`, ``, `"opcode":"EPOLL_CTL"`), 0, "the kernel's name"},
	{"a-1 [000] 1.0: io_uring_req_failed: op 45, flags=0x1, user_data=0x7, pad=0x1/0x2, error=-22",
		`{"task":"a-1","call":"seen_submit","sqe":{"opcode":"SOCKET","flags":"FIXED_FILE","user_data":7,"addr3":1,` +
			`"__pad2":2},"results":[{"ret":"EINVAL"}]}`, 0, "the first kernels that have it: addr3 was padding then"},
	{"a-1 [000] 1.0: io_uring_complete: ring 0000000000000001, req 0000000000000002, user_data 0x1, " +
		"result -125, cflags 0x0 extra1 0 extra2 0 ",
		"", 0, "counted only"},
	{"a-1 [000] 1.0: io_uring_task_work_run: tctx 0000000000000001, count 1", "", 0, "of no use, and known"},
	{"a-1 [000] 1.0: io_uring_short_wirte: x 1", "", 1, "not known"},
	{"a-1 [000] 1.0: sched_switch: prev_comm=a", "", 1, "of something else"},
	{"a-1 [000] 1.0: io_uring_submit_req: opcode", "", 1, "cut off"},
	{"a-1 [000] 1.0: io_uring_submit_req: opcode NOP, opcode NOP", "", 1, "twice"},
	{"a-1 [000] 1.0: io_uring_submit_req: opcode NOP, colour red", "", 1, "a field that is not known"},
	{"a-1 [000] 1.0: io_uring_submit_req: flags 0x0", "", 1, "without an opcode"},
	{"a-1 [000] 1.0: io_uring_submit_req: opcode 256", "", 1, "too large"},
	{"a-1 [000] 1.0: io_uring_submit_req: opcode NOP, user_data x", "", 1, "no number"},
	{"a-1 [000] 1.0: io_uring_req_failed: opcode NOP, error=0", "", 1, "no error"},
	{"a-1 [000] 1.0: io_uring_req_failed: opcode NOP, flags 0x100, error=-22", "", 1, "SQEs have 8 bits of flags"},
	{"1.0: io_uring_submit_req: opcode NOP", "", 1, "nobody did that"},
	{"# a comment", "", 0, "comments are no lines of events"},
	{"Attaching 5 probes...", "", 0, "bpftrace begins with it"},
	{"Attached 5 probes", "", 0, "as do later ones"},
	{strings.Repeat("x", maxLine+1), "", 1, "too long"},
}

func TestLines(t *testing.T) {
	for _, row := range lineTests {
		events, s, err := read(t, Options{}, row.line+"\n"+submit)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		got := strings.Join(events[:len(events)-1], "\n")
		if diff := cmp.Diff(row.want, got); diff != "" || s.Skipped != row.skipped || events[len(events)-1] != submitted {
			t.Errorf("%s: %d lines skipped, want %d (-want +got):\n%s\n%q", row.why, s.Skipped, row.skipped, diff, s.Told)
		}
	}
}

// TestChains: requests that the kernel links are in a chain with the one before them on their ring.
func TestChains(t *testing.T) {
	log := `a-1 [000] 1.0: io_uring_submit_req: ring 0x1, req 0xa, opcode NOP, flags 0x4
a-1 [000] 1.0: io_uring_submit_req: ring 0x1, req 0xb, opcode NOP, flags 0x4
b-2 [001] 1.0: io_uring_submit_req: ring 0x2, req 0xc, opcode NOP, flags 0x0
a-1 [000] 1.0: io_uring_link: ring 0x1, request 0xb linked after 0xa
a-1 [000] 1.0: io_uring_req_failed: ring 0x1, req 0xd, opcode NOP, flags 0x0, error=-22
a-1 [000] 1.0: io_uring_submit_req: ring 0x1, req 0xe, opcode NOP, flags 0x0
`
	events, _, err := read(t, Options{}, log)
	if err != nil {
		t.Fatal(err)
	}
	var got []bool
	for _, e := range events {
		got = append(got, strings.Contains(e, `"continue":true`))
	}
	if diff := cmp.Diff([]bool{false, true, false, true, false}, got); diff != "" {
		t.Errorf("in a chain (-want +got):\n%s", diff)
	}
}

// TestRings: a pointer is another ring once a ring was made at it.
func TestRings(t *testing.T) {
	const line = "a-1 [000] 1.0: io_uring_submit_req: ring 0x1, opcode NOP\n"
	log := line + line + "a-1 [000] 1.0: io_uring_create: ring 0x1, fd 3 sq size 8, cq size 16, flags 0x0\n" + line
	events, _, err := read(t, Options{}, log)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"ring1", "ring1", "ring2", "ring2"} {
		if !strings.Contains(events[i], `"`+want+`"`) {
			t.Errorf("event %d: %s, want %s", i+1, events[i], want)
		}
	}
}

// TestSelect: only the tasks that were asked for, with the threads that the kernel made for them.
func TestSelect(t *testing.T) {
	log := `web-10 [000] 1.0: io_uring_submit_req: opcode NOP
iou-sqp-10-11 [000] 1.0: io_uring_submit_req: opcode NOP
iou-wrk-10-12 [000] 1.0: io_uring_submit_req: opcode NOP
web-20 (     10) [000] 1.0: io_uring_submit_req: opcode NOP
db-30 [000] 1.0: io_uring_submit_req: opcode NOP
`
	for _, row := range []struct {
		o    Options
		want int
	}{
		{Options{}, 5}, {Options{Comms: []string{"web"}}, 2}, {Options{Comms: []string{"web", "db"}}, 3},
		{Options{PIDs: []string{"10"}}, 4}, {Options{PIDs: []string{"20", "30"}}, 2},
		{Options{PIDs: []string{"10"}, Comms: []string{"web"}}, 2}, {Options{PIDs: []string{"99"}}, 0},
	} {
		events, s, err := read(t, row.o, log)
		if err != nil || len(events) != row.want || s.Skipped != 0 {
			t.Errorf("%+v: %d events, want %d; %d skipped, %v", row.o, len(events), row.want, s.Skipped, err)
		}
	}
}

func TestBadLogs(t *testing.T) {
	for _, row := range []struct{ log, want string }{
		{"", "log:1:1: found no requests, expected lines such as"},
		{"x\ny\n", "log:2:1: found no requests, expected lines such as"},
		{submit + "PERFILE2\x00\x01\n", "log:2:9: found binary data, expected text"},
	} {
		_, _, err := read(t, Options{}, row.log)
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%q: %v, want %s", row.log, err, row.want)
		}
	}
}

// TestLost: what real tools say of events that are missing.
func TestLost(t *testing.T) {
	for file, want := range map[string]uint64{"lost-tracefs.txt": 4318, "lost-perf.txt": 7263,
		"lost-bpftrace.txt": 1484} {
		log, err := os.ReadFile("../../testdata/logs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, s, err := read(t, Options{}, string(log)); err != nil || s.Missed != want || s.Skipped != 0 {
			t.Errorf("%s: %d missed, want %d; %d skipped, %v", file, s.Missed, want, s.Skipped, err)
		}
	}
	for line, want := range map[string]uint64{
		"CPU:1 [LOST EVENTS]": 1, "CPU:12 [7 EVENTS DROPPED]": 7, "CPU:0 [EVENTS DROPPED]": 1,
		"# entries-in-buffer/entries-written: 10/25   #P:4": 15, "# entries-in-buffer/entries-written: 25/25   #P:4": 0,
	} {
		if _, s, err := read(t, Options{}, line+"\n"+submit); err != nil || s.Missed != want || s.Skipped != 0 {
			t.Errorf("%s: %d missed, want %d; %d skipped, %v", line, s.Missed, want, s.Skipped, err)
		}
	}
}

// TestColumns: tracefs can be told to write other columns, which are read as well.
func TestColumns(t *testing.T) {
	log, err := os.ReadFile("../../testdata/logs/tgid-tracefs.txt")
	if err != nil {
		t.Fatal(err)
	}
	events, s, err := read(t, Options{PIDs: []string{"100", "114"}}, string(log))
	if err != nil || s.Skipped != 0 || len(events) != 7 {
		t.Errorf("%d events of two processes, want 7; %d skipped, %v", len(events), s.Skipped, err)
	}
}

// TestToolsAgree: what real kernels logged of the same program is the same, whatever wrote it down.
func TestToolsAgree(t *testing.T) {
	logs := map[string]string{"client-tracefs-7.3.txt": "", "client-perf.txt": "", "client-bpftrace.txt": "",
		"client-trace-cmd.txt": "", "client-tracefs-7.2.txt": ""}
	for file := range logs {
		log, err := os.ReadFile("../../testdata/logs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		im := New(Options{}, func(e *trace.Event) error {
			e.Task = "" // its number
			if a, ok := e.Args.(*trace.SeenSubmitArgs); ok && a.SQE != nil {
				a.SQE.Fields = withoutAddress(a.SQE.Fields)
			}
			line, err := json.Marshal(e)
			lines = append(lines, string(line))
			return err
		})
		if err := im.Read(context.Background(), strings.NewReader(string(log)), file); err != nil {
			t.Fatal(err)
		}
		s := im.Summary()
		if s.Skipped+s.Missed != 0 || s.Version == "" || s.SQEs != 19 {
			t.Errorf("%s: %+v", file, s)
		}
		logs[file] = strings.Join(lines, "\n")
	}
	for file, log := range logs {
		if diff := cmp.Diff(logs["client-tracefs-7.3.txt"], log); diff != "" {
			t.Errorf("%s (-tracefs +this):\n%s", file, diff)
		}
	}
}

// TestKernels: every measured kernel is understood in full, and says which one it is.
func TestKernels(t *testing.T) {
	for _, release := range []string{"6.19", "7.0", "7.1", "7.2", "7.3"} {
		log, err := os.ReadFile("../../testdata/logs/client-tracefs-" + release + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		events, s, err := read(t, Options{}, string(log))
		if err != nil || s.Skipped+s.Missed != 0 || s.Release != release || uint64(len(events)) < s.SQEs+s.Calls {
			t.Errorf("%s: %d events, %+v, %v", release, len(events), s, err)
		}
	}
}

// TestClient: the trace that documents show is what a log gives.
func TestClient(t *testing.T) {
	log, err := os.ReadFile("../../testdata/logs/client-tracefs-7.3.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../testdata/logs/client.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := read(t, Options{}, string(log))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(want), "\n")
	if diff := cmp.Diff(strings.TrimSpace(rest), strings.Join(events, "\n")); diff != "" {
		t.Errorf("uringsim import writes it; (-file +import):\n%s", diff)
	}
}

// withoutAddress leaves out addr, where each run has another one.
func withoutAddress(fields []trace.SQEField) (rest []trace.SQEField) {
	for _, f := range fields {
		if f.Name != "addr" {
			rest = append(rest, f)
		}
	}
	return rest
}

// FuzzImport: whatever the log is, importing it gives an error with a place, or events that a trace can have.
func FuzzImport(f *testing.F) {
	for _, row := range lineTests {
		if len(row.line) < maxLine {
			f.Add(row.line + "\n" + submit)
		}
	}
	for _, file := range []string{"client-tracefs-7.3.txt", "client-perf.txt", "client-bpftrace.txt", "lost-tracefs.txt"} {
		log, err := os.ReadFile("../../testdata/logs/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(log))
	}
	f.Fuzz(func(t *testing.T, log string) {
		events, s, err := read(t, Options{}, log)
		if syntax, ok := err.(*trace.SyntaxError); err != nil && (!ok || syntax.Line < 1 || syntax.Msg == "") {
			t.Fatalf("%#v", err)
		}
		if s.Skipped > s.Lines || s.SQEs > s.Lines || s.Lines > uint64(strings.Count(log, "\n")+1) || len(s.Told) > maxTold {
			t.Fatalf("%+v", s)
		}
		again := "{\"trace\":1}\n" + strings.Join(events, "\n") + "\n"
		tr, err := trace.Read(strings.NewReader(again), "t.jsonl")
		if err != nil || len(tr.Events) != len(events) {
			t.Fatalf("%v in\n%s", err, again)
		}
	})
}
