package trace

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
)

// objectRows are objects that a pointer can point to, and the bytes that they make, from ScratchBase on. An object that
// it points to in turn stands behind it, at a multiple of 8.
var objectRows = []struct{ object, want string }{
	{`{"path":"/x"}`, "2f7800"}, {`{"path":""}`, "00"}, {`{"bytes":"0102"}`, "0102"}, {`{"bytes":""}`, ""},
	{`{"sockaddr":"unix:@x"}`, "01000078"},
	{`{"open_how":{"flags":"CREAT","mode":420,"resolve":16,"tail":"ff"}}`,
		"4000000000000000 a401000000000000 1000000000000000 ff"},
	{`{"iovecs":[{"base":1,"len":2},{"base":{"bytes":"aa"},"len":-1}]}`,
		"0100000000000000 0200000000000000 2000001000000000 ffffffffffffffff aa"},
	{`{"iovecs":[]}`, ""}, {`{"timespec":{"sec":1,"nsec":-1}}`, "0100000000000000 ffffffffffffffff"},
	{`{"msghdr":{"name":1,"namelen":-1,"iov":2,"iovlen":3,"control":4,"controllen":5}}`,
		"0100000000000000 ffffffff00000000 " +
			"0200000000000000 0300000000000000 0400000000000000 0500000000000000 0000000000000000"},
	{`{"bpf_filter":{"opcode":"SOCKET","pdu_size":12,"insns":["ret #1"]}}`,
		"0100000000000000 2d00000000000000 010000000c000000 " +
			"4800001000000000 " + strings.Repeat("00", 40) + " 0600000001000000"},
	{`{"bpf_filter":{"cmd_type":2,"cmd_flags":3,"resv":4,"opcode":5,"flags":3,"filter_len":6,"resv1":"070809",` +
		`"resv2":"0a",` +
		`"filter_ptr":11,"program":"06"}}`,
		"0200030004000000 0500000003000000 0600000000070809 0b00000000000000 0a" + strings.Repeat("00", 39)},
	{`{"restrictions":[{"register_op":2},{"sqe_op":3},{"sqe_flags_allowed":4},{"sqe_flags_required":5},` +
		`{"raw":"0900"},{}]}`,
		"00000200" + pad12 + "01000300" + pad12 + "02000400" + pad12 + "03000500" + pad12 + "09000000" + pad12 +
			"00000000" + pad12},
	{`{"task_restrictions":{"flags":1,"resv":"02","entries":[{"sqe_op":3}]}}`, "01000100 02000000 " +
		"0000000000000000 01000300" + pad12},
	{`{"task_restrictions":{"nr_res":7}}`, "00000700" + pad12},
	{`{"probe":{"ops":1,"fill":"ff"}}`, "ff" + strings.Repeat("00", 23)},
	{`{"ring_fds":[{"fd":3},{"index":1,"resv":2,"fd":-1}]}`,
		"ffffffff00000000 0300000000000000 0100000002000000 ffffffffffffffff"},
	{`{"fds":[0,-1]}`, "00000000 ffffffff"}, {`{"tags":[1,-1]}`, "0100000000000000 ffffffffffffffff"},
	{`{"rsrc_register":{"nr":1,"flags":"SPARSE","resv2":2,"data":{"fds":[3]},"tags":{"tags":[4]}}}`,
		"0100000001000000 0200000000000000 2000001000000000 2800001000000000 0300000000000000 0400000000000000"},
	{`{"rsrc_update":{"offset":1,"resv":2,"data":{"fds":[3]}}}`, "0100000002000000 1000001000000000 03000000"},
	{`{"rsrc_update2":{"offset":1,"resv":2,"data":3,"tags":{"tags":[4]},"nr":5,"resv2":6}}`,
		"0100000002000000 0300000000000000 2000001000000000 0500000006000000 0400000000000000"},
	{`{"file_index_range":{"off":1,"len":2,"resv":3}}`, "0100000002000000 0300000000000000"},
	{`{"clone_buffers":{"src_fd":-1,"flags":"SRC_REGISTERED|DST_REPLACE","src_off":1,"dst_off":2,"nr":3,"pad":"04"}}`,
		"ffffffff03000000 0100000002000000 0300000004000000 0000000000000000"},
	{`{"query":{"op":1,"size":4,"resv":"02","result":-1}}`,
		"0000000000000000 2800001000000000 0100000004000000 ffffffff02000000 " +
			strings.Repeat("00", 8) + " 00000000"},
	{`{"query":{"op":0,"size":0,"data":9,"next":10}}`, "0a00000000000000 0900000000000000" + strings.Repeat("00", 24)},
	{`{"getevents_arg":{"sigmask":1,"sigmask_sz":8,"min_wait_usec":2,"ts":{"bytes":"ff"}}}`,
		"0100000000000000 0800000002000000 1800001000000000 ff"},
	{`{"mem_region":{"region":{"region":{"user_addr":1,"size":2,"flags":3,"id":4,"mmap_offset":5,"resv":"06"}},"flags":7,` +
		`"resv":"08"}}`,
		"2000001000000000 0700000000000000 0800000000000000 0000000000000000 0100000000000000 0200000000000000 " +
			"0300000004000000 0500000000000000 06" + strings.Repeat("00", 31)},
	{`{"resize":{"sq_entries":1,"cq_entries":2,"flags":"CLAMP","resv":"03","sq_user_addr":4,"cq_user_addr":5}}`,
		"0100000002000000 1000000000000000 0000000000000000 0000000003000000 0000000000000000" +
			strings.Repeat("00", 32) + "0400000000000000" + strings.Repeat("00", 32) + "0500000000000000"},
	{`{"zcrx_ifq":{"if_idx":1,"if_rxq":2,"rq_entries":3,"flags":4,"area":{"bytes":"05"},"region":6,"offsets":"07",` +
		`"zcrx_id":8,"rx_buf_len":9,"event_desc":10,"resv":"0b"}}`,
		"0100000002000000 0300000004000000 6000001000000000 0600000000000000 07" + strings.Repeat("00", 31) +
			"0800000009000000 0a00000000000000 0b" + strings.Repeat("00", 15) + "05"},
	{`{"zcrx_area":{"addr":1,"len":2,"rq_area_token":3,"flags":4,"dmabuf_fd":5,"resv":"06"}}`,
		"0100000000000000 0200000000000000 0300000000000000 0400000005000000 06" + strings.Repeat("00", 15)},
	{`{"zcrx_event_desc":{"user_data":1,"type_mask":2,"flags":3,"stats_offset":4,"resv":"05"}}`,
		"0100000000000000 0200000003000000 0400000000000000 05" + strings.Repeat("00", 71)},
	{`{"sqe":{"opcode":"MSG_RING","fd":-1,"addr3":7}}`, "28000000ffffffff" + strings.Repeat("00",
		40) + "0700000000000000 0000000000000000"},
	{`{"buf_reg":{"ring_addr":1,"ring_entries":2,"bgid":3,"flags":"INC","min_left":4,"resv":"05"}}`,
		"0100000000000000 02000000 0300 0200 04000000 05" + strings.Repeat("00", 19)},
	{`{"buf_status":{"buf_group":1,"head":2,"resv":"03"}}`, "01000000 02000000 03" + strings.Repeat("00", 31)},
	{`{"sync_cancel":{"addr":1,"fd":-1,"flags":"ALL|OP","opcode":"READ","pad":"02"}}`, "0100000000000000 ffffffff 21000000" +
		strings.Repeat("ff", 16) + "16 02" + strings.Repeat("00", 30)},
	{`{"sync_cancel":{"timeout":{"sec":1}}}`, strings.Repeat("00", 16) + "01" + strings.Repeat("00", 47)},
	{`{"napi":{"busy_poll_to":1,"prefer_busy_poll":2,"opcode":3,"pad":"0004","op_param":5,"resv":6}}`,
		"01000000 02030004 05000000 06000000"},
	{`{"clock":{"clockid":7,"resv":"000000000000000000000001"}}`, "07000000 0000000000000000 00000001"},
	{`{"words":[1,-1]}`, "01000000 ffffffff"},
}

var pad12 = strings.Repeat("00", 12)

// registerWith is a register call with the object as its argument, played on a fake.
func registerWith(t *testing.T, object string) (calls []Call, f *fake, err error) {
	t.Helper()
	f = &fake{onCall: func(_ *fake, c Call) { calls = append(calls, c) }}
	_, err = playAll(t, f, `{"call":"register","fd":3,"op":1,"arg":`+object+`}`)
	return calls, f, err
}

func TestObjects(t *testing.T) {
	for _, r := range objectRows {
		calls, f, err := registerWith(t, r.object)
		if err != nil {
			t.Errorf("%s: %v", r.object, err)
			continue
		}
		want := strings.ReplaceAll(r.want, " ", "")
		got := make([]byte, len(f.mem))
		for at, b := range f.mem {
			got[at-ScratchBase] = b
		}
		if diff := cmp.Diff(want, fmt.Sprintf("%x", got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.object, diff)
		}
		if arg := calls[0].(Register).Arg; arg != ScratchBase {
			t.Errorf("%s stands at %#x", r.object, arg)
		}
	}
}

// TestObjectLimits: objects that are too large for the memory that they go into.
func TestObjectLimits(t *testing.T) {
	rows := []struct{ object, want string }{
		{`{"probe":{"ops":4097}}`, "a probe for 4097 opcodes is too large"},
		{`{"bytes":"` + strings.Repeat("00", ScratchSize/2+1) + `"}`,
			"found an object of 524289 bytes, expected at most 524288"},
		{`{"iovecs":[` + strings.Repeat("{},", 32768) + `{}]}`, "32769 iovecs are too many"},
	}
	for _, r := range rows {
		_, _, err := registerWith(t, r.object)
		if want := "event 1: arg: " + r.want; err == nil || err.Error() != want {
			t.Errorf("%.60s: %.100v, want %s", r.object, err, want)
		}
	}
	if _, _, err := registerWith(t, `{"bytes":"`+strings.Repeat("00", ScratchSize/2)+`"}`); err != nil {
		t.Errorf("half of the scratch memory: %v", err)
	}
}

// TestCalls: the calls that events become.
func TestCalls(t *testing.T) {
	rows := []struct {
		event string
		want  Call
	}{
		{`{"call":"protect","addr":"0x20000000","size":4096,"prot":"r"}`, Protect{0x20000000, 4096, ProtRead}},
		{`{"call":"unmap","addr":"0x20000000","size":4096}`, Unmap{0x20000000, 4096}},
		{`{"call":"register","fd":-1,"registered":true,"op":"QUERY","nr":2}`, Register{FD: -1, Op: 1<<31 | 35, Nr: 2}},
		{`{"call":"enter","fd":3,"to_submit":1,"min_complete":2,"flags":"GETEVENTS","arg":3,"argsz":4,"cq_left":5,"keep_cqes":true}`,
			Enter{FD: 3, ToSubmit: 1, MinComplete: 2, Flags: 1, Arg: 3, ArgSize: 4, CQLeft: 5, KeepCQEs: true}},
		{`{"call":"reap","ring":"r","wait":2}`, Reap{Ring: "r", Wait: 2}}, {`{"call":"fork","child":"b"}`, Spawn{"b", Fork}},
		{`{"call":"vfork","child":"b"}`, Spawn{"b", VFork}}, {`{"call":"thread","child":"b"}`, Spawn{"b", Thread}},
		{`{"call":"exec"}`, Exec{}}, {`{"call":"exit"}`, Exit{}}, {`{"call":"close","fd":-1}`, Close{-1}},
		{`{"call":"dup","fd":3}`, Dup{3}},
		{`{"call":"cloexec","fd":3,"on":true}`, Cloexec{3, true}},
		{`{"call":"open","path":"/","flags":"RDWR","mode":1}`, Open{ScratchBase, 2, 1}},
		{`{"call":"socket","domain":"INET","type":"RAW","protocol":"UDP"}`, Socket{2, 3, 17}},
		{`{"call":"socketpair","domain":"UNIX","type":"STREAM"}`, Socketpair{1, 1, 0, ScratchBase}},
		{`{"call":"pipe","flags":"CLOEXEC"}`, Pipe{ScratchBase, uapi.O_CLOEXEC}}, {`{"call":"no_new_privs"}`, NoNewPrivs{}},
		{`{"call":"eventfd","count":7,"flags":"NONBLOCK"}`, Eventfd{7, uapi.O_NONBLOCK}},
		{`{"call":"drop_privileges"}`, DropPrivileges{}}, {`{"call":"new_user_ns"}`, NewUserNS{}},
		{`{"call":"setup","entries":3,"ring":"x"}`, Setup{"x", 3, ScratchBase}},
		{`{"call":"setup","entries":3}`, Setup{"ring1", 3, ScratchBase}},
		{`{"call":"setup","entries":3,"params":7}`, Setup{"ring1", 3, 7}},
	}
	for _, r := range rows {
		var got []Call
		f := &fake{onCall: func(_ *fake, c Call) { got = append(got, c) }, answers: []Result{{Ret: -1}}}
		if _, err := playAll(t, f, r.event); err != nil {
			t.Errorf("%s: %v", r.event, err)
			continue
		}
		if diff := cmp.Diff([]Call{r.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.event, diff)
		}
	}
}

// TestObjectKinds fails for a kind of object that cannot be placed.
func TestObjectKinds(t *testing.T) {
	for f := range reflect.TypeFor[Object]().Fields() {
		var o Object
		reflect.ValueOf(&o).Elem().FieldByIndex(f.Index).Set(reflect.New(f.Type.Elem()))
		if _, err := o.put(&block{}); err != nil && f.Name != "Sockaddr" { // which is text and cannot be empty
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
