package record

import (
	"errors"
	"regexp"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// fakeProgram has memory from fakeBase on.
type fakeProgram struct {
	mem    []byte
	pinned []uint64
	fds    []int32
}

const fakeBase = 0x7000_0000_0000

func (f *fakeProgram) read(addr uint64, b []byte) error {
	if addr < fakeBase || addr+uint64(len(b)) > f.end() {
		return errors.New("bad address")
	}
	clear(b)
	if off := addr - fakeBase; off < uint64(len(f.mem)) {
		copy(b, f.mem[off:])
	}
	return nil
}

// end is where the memory ends, which has whole pages.
func (f *fakeProgram) end() uint64 { return fakeBase + uint64(len(f.mem)+pageSize-1)&^(pageSize-1) }

func (f *fakeProgram) moved(addr uint64) uint64 { return addr }

func (f *fakeProgram) pin(addr, size uint64) uint64 {
	f.pinned = append(f.pinned, addr, size)
	return addr
}

func (f *fakeProgram) descriptor(fd int32) { f.fds = append(f.fds, fd) }

// put stores bytes and gives their address.
func (f *fakeProgram) put(b []byte) uint64 {
	addr := fakeBase + uint64(len(f.mem))
	f.mem = append(f.mem, b...)
	f.mem = append(f.mem, make([]byte, (8-len(f.mem)%8)%8)...)
	return addr
}

var pointsTo = regexp.MustCompile(`\bat (addr3|addr2|addr|attr_ptr)\b`)

// TestArguments: what is read of an opcode's memory is what its prep reads, as the model's rows state it.
func TestArguments(t *testing.T) {
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		var want, got []string
		for _, s := range opdef.Defs[op].Prep.Steps {
			for _, m := range pointsTo.FindAllStringSubmatch(s.Reads, -1) {
				want = append(want, m[1])
			}
		}
		for _, a := range arguments[op] {
			if op != uapi.IORING_OP_FILES_UPDATE { // reads its descriptors later
				got = append(got, a.field)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if want, got = slices.Compact(want), slices.Compact(got); !slices.Equal(want, got) {
			t.Errorf("%v: prep reads what is at %v, and recorded is what is at %v", op, want, got)
		}
	}
}

// sqe makes an SQE from fields.
func sqe(op uapi.Op, fields map[string]uint64) []byte {
	var s uapi.SQE
	s.SetOpcode(op)
	for name, v := range fields {
		f, ok := uapi.SQEFieldByName(name)
		if !ok {
			panic(name)
		}
		f.Put(&s, v)
	}
	return s[:]
}

func TestDescribe(t *testing.T) {
	f := &fakeProgram{}
	path := f.put([]byte("/etc/hosts\x00"))
	bad := f.put([]byte("\xff\xfe\x00"))
	how := f.put(uapi.OpenHow{Flags: uapi.O_CREAT, Mode: 0o600}.Append(nil))
	inet := f.put([]byte{2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	unix := f.put(uapi.SockaddrUnix("/run/s"))
	when := f.put([]byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0})
	vec := f.put([]byte{0, 0x10, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0})
	files := f.put([]byte{3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	for _, row := range []struct {
		op     uapi.Op
		fields map[string]uint64
		want   string
		unread int
		why    string
	}{
		{uapi.IORING_OP_NOP, nil, `{"opcode":"NOP"}`, 0, "zero fields are left out"},
		{uapi.IORING_OP_READ, map[string]uint64{"fd": 5, "addr": path, "len": 10},
			`{"opcode":"READ","fd":5,"addr":"0x700000000000","len":10}`, 0, "payload is never read"},
		{uapi.IORING_OP_OPENAT, map[string]uint64{"fd": 1<<32 - 100, "addr": path, "open_flags": uapi.O_CREAT},
			`{"opcode":"OPENAT","fd":-100,"addr":{"path":"/etc/hosts"},"open_flags":"CREAT"}`, 0, "a path and names of flags"},
		{uapi.IORING_OP_UNLINKAT, map[string]uint64{"addr": bad},
			`{"opcode":"UNLINKAT","addr":{"bytes":"fffe00"}}`, 0, "no text that JSON has"},
		{uapi.IORING_OP_OPENAT2, map[string]uint64{"addr": path, "addr2": how, "len": 24},
			`{"opcode":"OPENAT2","off":{"open_how":{"flags":"CREAT","mode":384}},"addr":{"path":"/etc/hosts"},"len":24}`, 0, ""},
		{uapi.IORING_OP_CONNECT, map[string]uint64{"fd": 3, "addr": inet, "addr2": 16},
			`{"opcode":"CONNECT","fd":3,"off":16,"addr":{"sockaddr":"127.0.0.1:80"}}`, 0, ""},
		{uapi.IORING_OP_CONNECT, map[string]uint64{"fd": 3, "addr": inet, "addr2": 7},
			`{"opcode":"CONNECT","fd":3,"off":7,"addr":{"bytes":"020000507f0000"}}`, 0, "too short for a whole address"},
		{uapi.IORING_OP_BIND, map[string]uint64{"addr": unix, "addr2": uint64(len(uapi.SockaddrUnix("/run/s")))},
			`{"opcode":"BIND","off":9,"addr":{"sockaddr":"unix:/run/s"}}`, 0, ""},
		{uapi.IORING_OP_TIMEOUT, map[string]uint64{"addr": when, "len": 1},
			`{"opcode":"TIMEOUT","addr":{"timespec":{"sec":1,"nsec":2}},"len":1}`, 0, ""},
		{uapi.IORING_OP_TIMEOUT, map[string]uint64{"addr": 77, "len": 1, "timeout_flags": uapi.IORING_TIMEOUT_IMMEDIATE_ARG},
			`{"opcode":"TIMEOUT","addr":77,"len":1,"timeout_flags":"IMMEDIATE_ARG"}`, 0, "a time and no pointer"},
		{uapi.IORING_OP_WRITEV, map[string]uint64{"addr": vec, "len": 1},
			`{"opcode":"WRITEV","addr":{"iovecs":[{"base":4096,"len":9}]},"len":1}`, 0, ""},
		{uapi.IORING_OP_WRITEV, map[string]uint64{"addr": f.end() - 8, "len": 1},
			`{"opcode":"WRITEV","addr":"0x700000000ff8","len":1}`, 1, "memory that is not all there"},
		{uapi.IORING_OP_FILES_UPDATE, map[string]uint64{"addr": files, "len": 2},
			`{"opcode":"FILES_UPDATE","addr":{"fds":[3,-1]},"len":2}`, 0, "read when it is carried out"},
	} {
		got, unread := describe(f, sqe(row.op, row.fields))
		text, err := json.Marshal(got)
		if err != nil || string(text) != row.want || unread != row.unread {
			t.Errorf("%s: %s and %d unread (%v), want %s and %d", row.why, text, unread, err, row.want, row.unread)
		}
	}
	if !slices.Equal(f.fds, []int32{3, -1}) {
		t.Errorf("descriptors named: %v", f.fds)
	}
}

// TestLayouts: an argument that is read and placed again has the bytes that the program had.
func TestLayouts(t *testing.T) {
	for op, l := range layouts {
		f := &fakeProgram{}
		f.put(make([]byte, 4096)) // zeroes are valid anywhere, and point to nothing
		o := l(f, fakeBase, 1)
		if o == nil {
			t.Errorf("%v: nothing read", op)
			continue
		}
		if wrote, err := trace.WroteObject(o, o); err != nil || wrote != nil {
			t.Errorf("%v: %v, %v", op, wrote, err)
		}
		if o := l(f, fakeBase-8, 1); o != nil {
			t.Errorf("%v: read from memory that is not there", op)
		}
	}
	for op := range uapi.RegisterOp(uapi.IORING_REGISTER_BPF_FILTER + 1) {
		if opaque[op] && layouts[op] != nil {
			t.Errorf("%v is both read and not", op)
		}
	}
}

func TestSpace(t *testing.T) {
	s := &space{}
	const heap = 0x5555_5555_0000
	for _, row := range []struct {
		addr, size uint64
		missing    []extent
		why        string
	}{
		{heap + 0x10, 0x1000, []extent{{heap, heap + 0x2000}}, "whole pages"},
		{heap + 0x1010, 0x1000, []extent{{heap + 0x2000, heap + 0x3000}}, "the page that both have stands already"},
		{heap, 0x3000, nil, "all of it stands"},
		{heap + 0x8000, 0x1000, []extent{{heap + 0x8000, heap + 0x9000}}, "apart from it"},
		{heap, 0xa000, []extent{{heap + 0x3000, heap + 0x8000}, {heap + 0x9000, heap + 0xa000}}, "what lies between, and behind"},
	} {
		got, ok := s.pin(row.addr, row.size)
		if !ok || !slices.Equal(got, row.missing) {
			t.Errorf("%s: %x, %v, want %x", row.why, got, ok, row.missing)
		}
	}
	a, _ := s.moved(heap)
	b, ok := s.moved(heap + 0x12345)
	if !ok || b-a != 0x12345 || a < trace.UserBase || a >= trace.UserEnd {
		t.Errorf("moved to %#x and %#x", a, b)
	}
	if _, ok := s.moved(0x7fff_0000_0000); ok {
		t.Error("memory that nobody pinned has moved")
	}
	if _, ok := s.pin(heap, windowSize); ok {
		t.Error("more than a window fits into one")
	}
	for i := range uint64(20) {
		if _, ok := s.pin(i*windowSize, 1); ok {
			if to, _ := s.moved(i * windowSize); to < trace.UserBase || to+windowSize > trace.UserEnd {
				t.Errorf("window %d is at %#x", i, to)
			}
		}
	}
}
