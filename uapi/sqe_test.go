package uapi

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sqeUnions are the places of struct io_uring_sqe with all the names that each has in the header.
var sqeUnions = []struct {
	off, size int
	names     []string
}{
	{0, 1, []string{"opcode"}}, {1, 1, []string{"flags"}}, {2, 2, []string{"ioprio"}}, {4, 4, []string{"fd"}},
	{8, 8, []string{"off", "addr2"}}, {8, 4, []string{"cmd_op"}}, {12, 4, []string{"__pad1"}},
	{16, 8, []string{"addr", "splice_off_in"}}, {16, 4, []string{"level"}}, {20, 4, []string{"optname"}},
	{24, 4, []string{"len"}},
	{28, 2, []string{"poll_events"}},
	{28, 4, []string{"rw_flags", "fsync_flags", "poll32_events", "sync_range_flags", "msg_flags", "timeout_flags",
		"accept_flags", "cancel_flags", "open_flags", "statx_flags", "fadvise_advice", "splice_flags", "rename_flags",
		"unlink_flags", "hardlink_flags", "xattr_flags", "msg_ring_flags", "uring_cmd_flags", "waitid_flags", "futex_flags",
		"install_fd_flags", "nop_flags", "pipe_flags"}},
	{32, 8, []string{"user_data"}},
	{40, 2, []string{"buf_index", "buf_group"}}, {42, 2, []string{"personality"}},
	{44, 4, []string{"splice_fd_in", "file_index", "zcrx_ifq_idx", "optlen"}}, {44, 2, []string{"addr_len"}},
	{44, 1, []string{"write_stream"}}, {46, 2, []string{"__pad3"}},
	{48, 8, []string{"addr3", "attr_ptr", "optval"}}, {56, 8, []string{"__pad2", "attr_type_mask"}},
}

func TestSQEFields(t *testing.T) {
	want := map[string]SQEField{}
	for _, u := range sqeUnions {
		for _, n := range u.names {
			want[n] = SQEField{n, u.off, u.size}
		}
	}
	got := map[string]SQEField{}
	for i, f := range SQEFields {
		if i > 0 && f.Off < SQEFields[i-1].Off && f.Size <= SQEFields[i-1].Size && f.Name != "write_stream" {
			t.Errorf("%s at %d stands behind %s at %d", f.Name, f.Off, SQEFields[i-1].Name, SQEFields[i-1].Off)
		}
		if _, twice := got[f.Name]; twice {
			t.Errorf("%s stands there twice", f.Name)
		}
		got[f.Name] = f
		if byName, ok := SQEFieldByName(f.Name); !ok || byName != f {
			t.Errorf("SQEFieldByName(%q) = %+v, %v", f.Name, byName, ok)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f, ok := SQEFieldByName("addr4"); ok {
		t.Errorf("there is no addr4, got %+v", f)
	}
}

// TestSQEFieldsCover: no byte of an SQE is without a name.
func TestSQEFieldsCover(t *testing.T) {
	var named [SizeofSQE]bool
	for _, f := range SQEFields {
		for i := range f.Size {
			named[f.Off+i] = true
		}
	}
	for off, ok := range named {
		if !ok {
			t.Errorf("byte %d belongs to no field", off)
		}
	}
}

// TestSQEFieldPutGet: Put changes the field's bytes and no other, and Get gives back what fits.
func TestSQEFieldPutGet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var before SQE
		copy(before[:], rapid.SliceOfN(rapid.Byte(), SizeofSQE, SizeofSQE).Draw(t, "sqe"))
		f := rapid.SampledFrom(SQEFields).Draw(t, "field")
		v := rapid.Uint64().Draw(t, "value")
		s := before
		f.Put(&s, v)
		want := before
		for i := range f.Size {
			want[f.Off+i] = byte(v >> (8 * i))
		}
		if diff := cmp.Diff(want, s); diff != "" {
			t.Fatalf("Put(%#x) (-want +got):\n%s", v, diff)
		}
		if f.Size < 8 {
			v &= 1<<(8*f.Size) - 1
		}
		if got := f.Get(&s); got != v {
			t.Fatalf("Get = %#x, want %#x", got, v)
		}
	})
}

// TestSQEAccessors: each method reads the field that it is named after.
func TestSQEAccessors(t *testing.T) {
	var s SQE
	for i := range s {
		s[i] = byte(0x80 + i)
	}
	got := map[string]uint64{
		"opcode": uint64(s.Opcode()), "flags": uint64(s.Flags()), "ioprio": uint64(s.IOPrio()), "fd": uint64(uint32(s.FD())),
		"off": s.Off(), "addr": s.Addr(), "len": uint64(s.Len()), "rw_flags": uint64(s.OpFlags()), "user_data": s.UserData(),
		"buf_index": uint64(s.BufIndex()), "personality": uint64(s.Personality()), "file_index": uint64(s.FileIndex()),
		"addr_len": uint64(s.AddrLen()), "addr3": s.Addr3(), "__pad2": s.Pad2(),
	}
	want := map[string]uint64{}
	for name := range got {
		f, _ := SQEFieldByName(name)
		want[name] = f.Get(&s)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s.FD() >= 0 {
		t.Errorf("FD = %d, want it negative: the field is signed", s.FD())
	}
}

// TestSQESetters: each setter writes the field that it is named after.
func TestSQESetters(t *testing.T) {
	var want SQE
	for name, v := range map[string]uint64{"opcode": 0x11, "flags": 0x22, "ioprio": 0x3344, "fd": 0xfffffffe,
		"off":  0x5566778899,
		"addr": 0xaabbccddee, "len": 0x1234567, "rw_flags": 0x89abcdef, "user_data": 0xf0e1d2c3b4a5} {
		f, _ := SQEFieldByName(name)
		f.Put(&want, v)
	}
	var got SQE
	got.SetOpcode(0x11)
	got.SetFlags(0x22)
	got.SetIOPrio(0x3344)
	got.SetFD(-2)
	got.SetOff(0x5566778899)
	got.SetAddr(0xaabbccddee)
	got.SetLen(0x1234567)
	got.SetOpFlags(0x89abcdef)
	got.SetUserData(0xf0e1d2c3b4a5)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
