package trace

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// goodEvents has every call with all its arguments, and every object that a pointer can point to. Each is written as
// Write writes it.
var goodEvents = []string{
	`{"call":"map","addr":"0x20000000","size":4096,"prot":"r","bytes":"0102"}`,
	`{"task":"b","call":"protect","addr":"0x20000000","size":4096,"prot":"none"}`,
	`{"call":"unmap","addr":"0x20000000","size":4096}`,
	`{"call":"write","addr":"0x20000000","bytes":"00ff"}`,
	`{"call":"setup","ring":"r","entries":8,"flags":"CQSIZE|SUBMIT_ALL|0x200000","cq_entries":16,"sq_thread_cpu":1,` +
		`"sq_thread_idle":2,"wq_fd":3,"resv":"000000000000000000000001","sq_user_addr":"0x20000000",` +
		`"cq_user_addr":"0x20001000"}`,
	`{"call":"setup","entries":1,"params":{"bytes":"00"}}`,
	`{"call":"register","fd":-1,"registered":true,"op":"BPF_FILTER","arg":{"bpf_filter":{"cmd_type":2,"cmd_flags":3,` +
		`"resv":4,` +
		`"opcode":"SOCKET","flags":"DENY_REST|SZ_STRICT","filter_len":5,"pdu_size":12,"resv1":"000001","resv2":"01",` +
		`"filter_ptr":0,` +
		`"insns":["ret #1"],"program":"06"}},"nr":1}`,
	`{"call":"register","fd":3,"op":"RESTRICTIONS","arg":{"restrictions":[{"register_op":"BUFFERS"},{"sqe_op":"READ"},` +
		`{"sqe_flags_allowed":"ASYNC"},{"sqe_flags_required":"FIXED_FILE|0x80"},{"raw":"0900"}]},"nr":5}`,
	`{"call":"register","fd":-1,"op":"RESTRICTIONS","arg":{"task_restrictions":{"flags":1,"nr_res":2,"resv":"01",` +
		`"entries":[{"sqe_op":"NOP"}]}},"nr":1}`,
	`{"call":"register","fd":3,"op":"PROBE","arg":{"probe":{"ops":65,"fill":"01"}},"nr":65}`,
	`{"call":"register","fd":3,"op":"RING_FDS","arg":{"ring_fds":[{"index":0,"resv":1,"fd":3},{"fd":-1}]},"nr":2}`,
	`{"call":"register","fd":3,"op":"FILES","arg":{"fds":[0,-1]},"nr":2}`,
	`{"call":"register","fd":3,"op":"FILES2","arg":{"rsrc_register":{"nr":1,"flags":"SPARSE","resv2":2,"data":{"fds":[3]},` +
		`"tags":{"tags":[4]}}},"nr":32}`,
	`{"call":"register","fd":3,"op":"FILES_UPDATE","arg":{"rsrc_update":{"offset":1,"resv":2,"data":3}},"nr":1}`,
	`{"call":"register","fd":3,"op":"BUFFERS_UPDATE","arg":{"rsrc_update2":{"offset":1,"resv":2,` +
		`"data":{"iovecs":[{"len":1}]},"tags":4,"nr":5,"resv2":6}},"nr":32}`,
	`{"call":"register","fd":3,"op":"FILE_ALLOC_RANGE","arg":{"file_index_range":{"off":1,"len":2,"resv":3}}}`,
	`{"call":"register","fd":3,"op":"CLONE_BUFFERS","arg":{"clone_buffers":{"src_fd":4,"flags":"DST_REPLACE","src_off":1,` +
		`"dst_off":2,"nr":3,"pad":"01"}},"nr":1}`,
	`{"call":"register","fd":-1,"op":"QUERY","arg":{"query":{"op":1,"size":40,"resv":"01","result":-1,"data":0,` +
		`"next":{"query":{"op":0,"size":48}}}}}`,
	`{"call":"register","fd":-1,"op":"SEND_MSG_RING","arg":{"sqe":{"opcode":"MSG_RING","fd":3}},"nr":1}`,
	`{"call":"register","fd":3,"op":"BUFFERS","arg":{"iovecs":[{"base":"0x20000000","len":4096},` +
		`{"base":{"bytes":"00"},"len":1},{}]},"nr":3}`,
	`{"call":"register","fd":3,"op":"PBUF_RING","arg":{"buf_reg":{"ring_addr":"0x20000000","ring_entries":8,"bgid":1,` +
		`"flags":"MMAP|INC|0x4","min_left":2,"resv":"01"}},"nr":1}`,
	`{"call":"register","fd":3,"op":"PBUF_STATUS","arg":{"buf_status":{"buf_group":1,"head":2,"resv":"01"}},"nr":1}`,
	`{"call":"register","fd":3,"op":"SYNC_CANCEL","arg":{"sync_cancel":{"addr":1,"fd":-1,"flags":"ALL|FD",` +
		`"timeout":{"sec":1},"opcode":"READ","pad":"01"}},"nr":1}`,
	`{"call":"register","fd":3,"op":"NAPI","arg":{"napi":{"busy_poll_to":1,"prefer_busy_poll":2,"opcode":3,"pad":"01",` +
		`"op_param":4,"resv":5}},"nr":1}`,
	`{"call":"register","fd":3,"op":"CLOCK","arg":{"clock":{"clockid":7,"resv":"01"}}}`,
	`{"call":"register","fd":3,"op":"IOWQ_MAX_WORKERS","arg":{"words":[1,2]},"nr":2}`,
	`{"call":"register","fd":3,"op":"MEM_REGION","arg":{"mem_region":{"region":{"region":{"user_addr":"0x20000000",` +
		`"size":4096,"flags":1,"id":2,"mmap_offset":3,"resv":"00"}},"flags":1,"resv":"00"}},"nr":1}`,
	`{"call":"register","fd":3,"op":"ZCRX_IFQ","arg":{"zcrx_ifq":{"if_idx":1,"if_rxq":2,"rq_entries":3,"flags":4,` +
		`"area":{"zcrx_area":{"addr":1,"len":2,"rq_area_token":3,"flags":4,"dmabuf_fd":5,"resv":"00"}},"region":6,` +
		`"offsets":"00","zcrx_id":8,"rx_buf_len":9,"event_desc":{"zcrx_event_desc":{"user_data":1,"type_mask":2,` +
		`"flags":3,"stats_offset":4,"resv":"00"}},"resv":"00"}},"nr":1}`,
	`{"call":"register","fd":3,"op":"RESIZE_RINGS","arg":{"resize":{"sq_entries":8,"cq_entries":16,"flags":"CQSIZE",` +
		`"sq_user_addr":1,"cq_user_addr":2,"resv":"00"}},"nr":1}`,
	`{"call":"register","fd":3,"op":99,"arg":"0x1122334455667788"}`,
	`{"call":"enter","fd":3,"ring":"r","sqes":[{"opcode":"OPENAT2","flags":"IO_LINK","fd":-100,` +
		`"addr":{"path":"/tmp/é"},"addr2":` +
		`{"open_how":{"flags":"CREAT|CLOEXEC","mode":420,"resolve":"IN_ROOT","tail":"00"}},"len":24,` +
		`"user_data":"0x1122334455667788"},` +
		`{"opcode":"NOP128","nop_flags":"FILE|TW","cmd":"01","slot":3},{"opcode":200},{}],"array":[0,1],"to_submit":2,` +
		`"min_complete":1,` +
		`"flags":"GETEVENTS|EXT_ARG","arg":{"getevents_arg":{"sigmask":1,"sigmask_sz":8,"min_wait_usec":2,` +
		`"ts":{"timespec":{"sec":1,"nsec":-1}}}},` +
		`"argsz":24,"cq_left":5,"keep_cqes":true,"drop_rest":true}`,
	`{"call":"enter","fd":3,"sqes":[{"opcode":"CONNECT","addr":{"sockaddr":"127.0.0.1:80"},"addr2":16},` +
		`{"opcode":"SENDMSG","addr":{"msghdr":{"name":{"sockaddr":"unix:@x"},"namelen":4,"iov":{"iovecs":[]},"iovlen":1,` +
		`"control":1,"controllen":2}}},` +
		`"` + strings.Repeat("2d", 64) + `"],"to_submit":0}`,
	`{"call":"enter","fd":3,"sqes":[{"opcode":"SOCKET","fd":"INET","off":"STREAM|CLOEXEC","len":"TCP"},{"off":1,` +
		`"opcode":"SOCKET"}]}`,
	`{"call":"reap","ring":"r","wait":1}`,
	`{"call":"fork","child":"b"}`, `{"task":"b","call":"vfork","child":"c"}`, `{"call":"thread","child":"d"}`,
	`{"call":"exec"}`, `{"call":"exit"}`, `{"call":"close","fd":3}`, `{"call":"dup","fd":3}`,
	`{"call":"cloexec","fd":3,"on":true}`,
	`{"call":"open","path":"/dev/null","flags":"RDWR|CLOEXEC","mode":420}`,
	`{"call":"socket","domain":"INET","type":"RAW|NONBLOCK","protocol":"UDP"}`,
	`{"call":"socketpair","domain":"UNIX","type":"SEQPACKET"}`, `{"call":"pipe","flags":"NONBLOCK|DIRECT"}`,
	`{"call":"eventfd","count":7,"flags":"NONBLOCK"}`,
	`{"call":"rlimit_nofile","cur":2048,"max":4096}`,
	`{"call":"no_new_privs"}`, `{"call":"drop_privileges"}`, `{"call":"new_user_ns"}`,
	`{"task":"web-7","call":"seen_setup","ring":"r","flags":"SQPOLL|0x200000","sq_entries":8,"cq_entries":16}`,
	`{"call":"seen_register","ring":"r","op":"FILES","results":[{"ret":"EACCES"}]}`, `{"call":"seen_register","op":99}`,
	`{"call":"seen_submit","ring":"r","request":{"opcode":"SOCKET","flags":"IO_LINK","user_data":1},"continue":true,` +
		`"results":[{"ret":0}]}`,
	`{"call":"seen_submit","sqe":{"opcode":"SOCKET","off":"STREAM","len":"TCP"},"results":[{"ret":"EACCES"}]}`,
	`{"call":"exec","why":"because","results":[{"on":["7.0","7.1"],"ret":"EACCES","cqes":[{"user_data":7,"res":-512,` +
		`"flags":"MORE|CQE_F_32",` +
		`"big":[1,"0xfffffffffffe0000"]}],"sq_head":0,"sq_dropped":1,"cq_overflow":2,"wrote":[{"at":20,"bytes":"0c"}]},` +
		`{"ret":3}]}`,
}

// trips reads the text, writes it and reads it again. It fails the test if the two are not the same.
func trips(t *testing.T, text, file string) (first *Trace, written string) {
	t.Helper()
	first, err := Read(strings.NewReader(text), file)
	if err != nil {
		return nil, ""
	}
	var out bytes.Buffer
	if err := first.Write(&out); err != nil {
		t.Fatalf("cannot write what was read: %v\n%s", err, text)
	}
	second, err := Read(&out, "written.json")
	if err != nil {
		t.Fatalf("cannot read what was written: %v\n%s", err, text)
	}
	opts := cmp.Options{cmpopts.IgnoreFields(Event{}, "Line"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(first, second, opts); diff != "" {
		t.Fatalf("written and read again (-first +second):\n%s\n%s", diff, text)
	}
	var again bytes.Buffer
	if err := second.Write(&again); err != nil {
		t.Fatal(err)
	}
	return first, again.String()
}

// TestRoundTrip: every call is written as it was read.
func TestRoundTrip(t *testing.T) {
	const head = "{\n\"trace\": 1,\n" +
		"\"name\": \"n\",\n\"why\": \"w\",\n\"source\": \"s\",\n\"cause\": \"c\",\n\"$schema\": \"x\""
	text := head + ",\n\"events\": [\n" + strings.Join(goodEvents, ",\n") + "\n]}\n"
	first, written := trips(t, text, "t.json")
	if first == nil {
		_, err := Read(strings.NewReader(text), "t.json")
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(text, "\n"), strings.Split(written, "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	calls := map[string]bool{}
	for i := range first.Events {
		calls[first.Events[i].Call()] = true
		if got := first.Events[i].Line; got != i+9 {
			t.Errorf("event %d stands on line %d, want %d", i, got, i+9)
		}
	}
	for _, a := range allArgs {
		if !calls[a.call()] {
			t.Errorf("there is no %s among the events", a.call())
		}
	}
}

// TestForms: the ways to write a number or name are read as the same, and written in one way.
func TestForms(t *testing.T) {
	rows := []struct{ event, want string }{
		{`{"call":"close","fd":"0x10"}`, `{"call":"close","fd":16}`},
		{`{"call":"close","fd":"-1"}`, `{"call":"close","fd":-1}`},
		{`{"call":"close","fd":65535}`, `{"call":"close","fd":65535}`},
		{`{"call":"close","fd":65536}`, `{"call":"close","fd":"0x10000"}`},
		{`{"call":"close","fd":-65536}`, `{"call":"close","fd":-65536}`},
		{`{"call":"close","fd":-65537}`, `{"call":"close","fd":"0xfffffffffffeffff"}`},
		{`{"call":"close","fd":18446744073709551615}`, `{"call":"close","fd":-1}`},
		{`{"task":"init","call":"exec"}`, `{"call":"exec"}`}, {`{"why":"w","call":"exec"}`, `{"call":"exec","why":"w"}`},
		{`{"call":"register","fd":3,"op":"IORING_REGISTER_FILES"}`, `{"call":"register","fd":3,"op":"FILES"}`},
		{`{"call":"register","fd":3,"op":2}`, `{"call":"register","fd":3,"op":"FILES"}`},
		{`{"call":"setup","entries":1,"flags":64}`, `{"call":"setup","entries":1,"flags":"R_DISABLED"}`},
		{`{"call":"setup","entries":1,"flags":"IORING_SETUP_R_DISABLED | 0x1"}`,
			`{"call":"setup","entries":1,"flags":"IOPOLL|R_DISABLED"}`},
		{`{"call":"setup","entries":1,"flags":0}`, `{"call":"setup","entries":1}`},
		{`{"call":"write","addr":0,"bytes":"00 01\n 02"}`, `{"call":"write","addr":0,"bytes":"000102"}`},
		{`{"call":"exec","results":[{"ret":-13},{"ret":-1000}]}`,
			`{"call":"exec","results":[{"ret":"EACCES"},{"ret":-1000}]}`},
		{`{"call":"enter","fd":3,"sqes":[{"opcode":45,"fd":2,"off":524289,"len":6}]}`,
			`{"call":"enter","fd":3,"sqes":[{"opcode":"SOCKET","fd":"INET","off":"STREAM|CLOEXEC","len":"TCP"}]}`},
	}
	for _, r := range rows {
		_, got := trips(t, `{"trace":1,"events":[`+r.event+`]}`, "t.json")
		if diff := cmp.Diff("{\n\"trace\": 1,\n\"events\": [\n"+r.want+"\n]}\n", got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.event, diff)
		}
	}
}

// TestWriteLines: the events of a document are the lines of a .jsonl file.
func TestWriteLines(t *testing.T) {
	lines := "{\"trace\":1}\n" + strings.Join(goodEvents, "\n") + "\n"
	fromLines, _ := trips(t, lines, "t.jsonl")
	fromDoc, _ := trips(t, fmt.Sprintf(`{"trace":1,"events":[%s]}`, strings.Join(goodEvents, ",")), "t.json")
	if diff := cmp.Diff(fromDoc, fromLines, cmpopts.IgnoreFields(Event{}, "Line")); diff != "" {
		t.Errorf("(-document +lines):\n%s", diff)
	}
}

// FuzzRead: whatever the text is, reading it gives an error with a place, or a trace that is written and read again as
// the same.
func FuzzRead(f *testing.F) {
	for _, e := range goodEvents {
		f.Add(`{"trace":1,"events":[`+e+`]}`, false)
	}
	for _, r := range badEvents {
		f.Add("{\"trace\":1}\n"+r.event, true)
	}
	f.Fuzz(func(t *testing.T, text string, lines bool) {
		file := "t.json"
		if lines {
			file = "t.jsonl"
		}
		if tr, _ := trips(t, text, file); tr == nil {
			_, err := Read(strings.NewReader(text), file)
			syntax, ok := err.(*SyntaxError)
			if !ok || syntax.File != file || syntax.Line < 1 || syntax.Col < 1 || syntax.Msg == "" {
				t.Fatalf("%#v", err)
			}
			if n := strings.Count(text, "\n") + 1; syntax.Line > n {
				t.Fatalf("line %d of %d: %v", syntax.Line, n, err)
			}
		}
	})
}
