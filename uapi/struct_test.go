package uapi

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// at is a number in the bytes of a struct: where it stands and how many bytes it has.
type at struct{ off, size int }

// num makes a number whose bytes all differ from zero and from those of other places.
func (p at) num() uint64 {
	var v uint64
	for i := range p.size {
		v |= uint64(p.off+i+1) << (8 * i)
	}
	return v
}

// layoutRow is a struct as bytes: its size, the places of its fields, and the struct with num() in every field.
type layoutRow struct {
	name   string
	size   int
	fields map[string]at
	bytes  func(n map[string]uint64) []byte
}

// layouts repeats the structs of the kernel's headers by offset and size, not by what the code says.
var layouts = []layoutRow{
	{"io_uring_cqe", 16, map[string]at{"user_data": {0, 8}, "res": {8, 4}, "flags": {12, 4}},
		func(n map[string]uint64) []byte {
			return CQE{UserData: n["user_data"], Res: int32(n["res"]), Flags: uint32(n["flags"])}.Append(nil, false)
		}},
	{"io_uring_cqe of 32", 32, map[string]at{"user_data": {0, 8}, "res": {8, 4}, "flags": {12, 4}, "big0": {16, 8},
		"big1": {24, 8}},
		func(n map[string]uint64) []byte {
			c := CQE{UserData: n["user_data"], Res: int32(n["res"]), Flags: uint32(n["flags"]), Big: [2]uint64{n["big0"],
				n["big1"]}}
			return c.Append(nil, true)
		}},
	{"io_uring_bpf", 72, map[string]at{"cmd_type": {0, 2}, "cmd_flags": {2, 2}, "resv": {4, 4}, "opcode": {8, 4},
		"flags":      {12, 4},
		"filter_len": {16, 4}, "pdu_size": {20, 1}, "resv1": {21, 3}, "filter_ptr": {24, 8}, "a": {32, 8}, "b": {40, 8},
		"c": {48, 8},
		"d": {56, 8}, "e": {64, 8}},
		func(n map[string]uint64) []byte {
			r := BPF{CmdType: uint16(n["cmd_type"]), CmdFlags: uint16(n["cmd_flags"]), Resv: uint32(n["resv"]),
				Opcode: uint32(n["opcode"]), Flags: uint32(n["flags"]), FilterLen: uint32(n["filter_len"]),
				PDUSize:   uint8(n["pdu_size"]),
				Resv1:     [3]uint8{uint8(n["resv1"]), uint8(n["resv1"] >> 8), uint8(n["resv1"] >> 16)},
				FilterPtr: n["filter_ptr"], Resv2: [5]uint64{n["a"], n["b"], n["c"], n["d"], n["e"]}}
			return r.Append(nil)
		}},
	{"sock_filter", 8, map[string]at{"code": {0, 2}, "jt": {2, 1}, "jf": {3, 1}, "k": {4, 4}},
		func(n map[string]uint64) []byte {
			return SockFilter{uint16(n["code"]), uint8(n["jt"]), uint8(n["jf"]), uint32(n["k"])}.Append(nil)
		}},
	{"io_uring_restriction", 16, map[string]at{"opcode": {0, 2}, "value": {2, 1}, "resv": {3, 1}, "a": {4, 4}, "b": {8,
		4}, "c": {12, 4}},
		func(n map[string]uint64) []byte {
			return Restriction{uint16(n["opcode"]), uint8(n["value"]), uint8(n["resv"]),
				[3]uint32{uint32(n["a"]), uint32(n["b"]), uint32(n["c"])}}.Append(nil)
		}},
	{"io_uring_task_restriction", 16, map[string]at{"flags": {0, 2}, "nr_res": {2, 2}, "a": {4, 4}, "b": {8, 4}, "c": {12,
		4}},
		func(n map[string]uint64) []byte {
			return TaskRestriction{uint16(n["flags"]), uint16(n["nr_res"]),
				[3]uint32{uint32(n["a"]), uint32(n["b"]), uint32(n["c"])}}.Append(nil)
		}},
	{"io_uring_rsrc_update", 16, map[string]at{"offset": {0, 4}, "resv": {4, 4}, "data": {8, 8}},
		func(n map[string]uint64) []byte {
			return RsrcUpdate{uint32(n["offset"]), uint32(n["resv"]), n["data"]}.Append(nil)
		}},
	{"io_uring_rsrc_register", 32, map[string]at{"nr": {0, 4}, "flags": {4, 4}, "resv2": {8, 8}, "data": {16, 8},
		"tags": {24, 8}},
		func(n map[string]uint64) []byte {
			return RsrcRegister{uint32(n["nr"]), uint32(n["flags"]), n["resv2"], n["data"], n["tags"]}.Append(nil)
		}},
	{"io_uring_rsrc_update2", 32, map[string]at{"offset": {0, 4}, "resv": {4, 4}, "data": {8, 8}, "tags": {16, 8},
		"nr": {24, 4}, "resv2": {28, 4}},
		func(n map[string]uint64) []byte {
			return RsrcUpdate2{uint32(n["offset"]), uint32(n["resv"]), n["data"], n["tags"], uint32(n["nr"]),
				uint32(n["resv2"])}.Append(nil)
		}},
	{"io_uring_file_index_range", 16, map[string]at{"off": {0, 4}, "len": {4, 4}, "resv": {8, 8}},
		func(n map[string]uint64) []byte {
			return FileIndexRange{uint32(n["off"]), uint32(n["len"]), n["resv"]}.Append(nil)
		}},
	{"io_uring_clone_buffers", 32, map[string]at{"src_fd": {0, 4}, "flags": {4, 4}, "src_off": {8, 4}, "dst_off": {12, 4},
		"nr": {16, 4}, "a": {20, 4}, "b": {24, 4}, "c": {28, 4}},
		func(n map[string]uint64) []byte {
			return CloneBuffers{uint32(n["src_fd"]), uint32(n["flags"]), uint32(n["src_off"]), uint32(n["dst_off"]),
				uint32(n["nr"]), [3]uint32{uint32(n["a"]), uint32(n["b"]), uint32(n["c"])}}.Append(nil)
		}},
	{"io_uring_zcrx_area_reg", 48, map[string]at{"addr": {0, 8}, "len": {8, 8}, "rq_area_token": {16, 8}, "flags": {24, 4},
		"dmabuf_fd": {28, 4}, "a": {32, 8}, "b": {40, 8}},
		func(n map[string]uint64) []byte {
			a := ZCRXAreaReg{n["addr"], n["len"], n["rq_area_token"], uint32(n["flags"]), uint32(n["dmabuf_fd"]),
				[2]uint64{n["a"], n["b"]}}
			return a.Append(nil)
		}},
	{"io_uring_query_hdr", 40, map[string]at{"next_entry": {0, 8}, "query_data": {8, 8}, "query_op": {16, 4}, "size": {20,
		4},
		"result": {24, 4}, "a": {28, 4}, "b": {32, 4}, "c": {36, 4}},
		func(n map[string]uint64) []byte {
			q := QueryHdr{n["next_entry"], n["query_data"], uint32(n["query_op"]), uint32(n["size"]), int32(n["result"]),
				[3]uint32{uint32(n["a"]), uint32(n["b"]), uint32(n["c"])}}
			return q.Append(nil)
		}},
	{"open_how", 24, map[string]at{"flags": {0, 8}, "mode": {8, 8}, "resolve": {16, 8}},
		func(n map[string]uint64) []byte { return OpenHow{n["flags"], n["mode"], n["resolve"]}.Append(nil) }},
	{"io_uring_probe with one op", 24, map[string]at{"last_op": {0, 1}, "ops_len": {1, 1}, "op": {16, 1}, "flags": {18,
		2}},
		func(n map[string]uint64) []byte {
			p := Probe{uint8(n["last_op"]), uint8(n["ops_len"]), []ProbeOp{{uint8(n["op"]), uint16(n["flags"])}}}
			return p.Append(nil)
		}},
	{"io_uring_buf_reg", 40, map[string]at{"ring_addr": {0, 8}, "ring_entries": {8, 4}, "bgid": {12, 2}, "flags": {14, 2},
		"min_left": {16, 4}, "a": {20, 4}, "b": {24, 4}, "c": {28, 4}, "d": {32, 4}, "e": {36, 4}},
		func(n map[string]uint64) []byte {
			r := BufReg{n["ring_addr"], uint32(n["ring_entries"]), uint16(n["bgid"]), uint16(n["flags"]), uint32(n["min_left"]),
				[5]uint32{uint32(n["a"]), uint32(n["b"]), uint32(n["c"]), uint32(n["d"]), uint32(n["e"])}}
			return r.Append(nil)
		}},
	{"io_uring_buf_status", 16, map[string]at{"buf_group": {0, 4}, "head": {4, 4}, "a": {8, 4}, "b": {12, 4}},
		func(n map[string]uint64) []byte {
			s := BufStatus{uint32(n["buf_group"]), uint32(n["head"]), [8]uint32{uint32(n["a"]), uint32(n["b"])}}
			return s.Append(nil)[:16]
		}},
	{"io_uring_sync_cancel_reg", 64, map[string]at{"addr": {0, 8}, "fd": {8, 4}, "flags": {12, 4}, "sec": {16, 8},
		"nsec": {24, 8}, "opcode": {32, 1}, "pad": {33, 7}, "a": {40, 8}, "b": {48, 8}, "c": {56, 8}},
		func(n map[string]uint64) []byte {
			c := SyncCancelReg{Addr: n["addr"], FD: int32(n["fd"]), Flags: uint32(n["flags"]), Sec: n["sec"], Nsec: n["nsec"],
				Opcode: uint8(n["opcode"]), Pad2: [3]uint64{n["a"], n["b"], n["c"]}}
			for i := range c.Pad {
				c.Pad[i] = uint8(n["pad"] >> (8 * i))
			}
			return c.Append(nil)
		}},
	{"io_uring_napi", 16, map[string]at{"busy_poll_to": {0, 4}, "prefer_busy_poll": {4, 1}, "opcode": {5, 1}, "a": {6, 1},
		"b": {7, 1}, "op_param": {8, 4}, "resv": {12, 4}},
		func(n map[string]uint64) []byte {
			return NAPI{uint32(n["busy_poll_to"]), uint8(n["prefer_busy_poll"]), uint8(n["opcode"]),
				[2]uint8{uint8(n["a"]), uint8(n["b"])}, uint32(n["op_param"]), uint32(n["resv"])}.Append(nil)
		}},
	{"io_uring_clock_register", 16, map[string]at{"clockid": {0, 4}, "a": {4, 4}, "b": {8, 4}, "c": {12, 4}},
		func(n map[string]uint64) []byte {
			return ClockRegister{uint32(n["clockid"]), [3]uint32{uint32(n["a"]), uint32(n["b"]), uint32(n["c"])}}.Append(nil)
		}},
	{"io_uring_region_desc", 64, map[string]at{"user_addr": {0, 8}, "size": {8, 8}, "flags": {16, 4}, "id": {20, 4},
		"mmap_offset": {24, 8}, "a": {32, 8}, "b": {40, 8}, "c": {48, 8}, "d": {56, 8}},
		func(n map[string]uint64) []byte {
			d := RegionDesc{n["user_addr"], n["size"], uint32(n["flags"]), uint32(n["id"]), n["mmap_offset"],
				[4]uint64{n["a"], n["b"], n["c"], n["d"]}}
			return d.Append(nil)
		}},
	{"io_uring_mem_region_reg", 32, map[string]at{"region_uptr": {0, 8}, "flags": {8, 8}, "a": {16, 8}, "b": {24, 8}},
		func(n map[string]uint64) []byte {
			return MemRegionReg{n["region_uptr"], n["flags"], [2]uint64{n["a"], n["b"]}}.Append(nil)
		}},
	{"io_uring_reg_wait", 64, map[string]at{"sec": {0, 8}, "nsec": {8, 8}, "min_wait_usec": {16, 4}, "flags": {20, 4},
		"sigmask": {24, 8}, "sigmask_sz": {32, 4}, "a": {36, 4}, "b": {40, 4}, "c": {44, 4}},
		func(n map[string]uint64) []byte {
			w := RegWait{int64(n["sec"]), int64(n["nsec"]), uint32(n["min_wait_usec"]), uint32(n["flags"]), n["sigmask"],
				uint32(n["sigmask_sz"]), [3]uint32{uint32(n["a"]), uint32(n["b"]), uint32(n["c"])}, [2]uint64{}}
			return w.Append(nil)
		}},
	{"io_uring_params", 120, paramsFields(), paramsBytes},
}

// paramsNames are the words of struct io_uring_params in order; names of the ring offsets have a dot.
var paramsNames = []string{"sq_entries", "cq_entries", "flags", "sq_thread_cpu", "sq_thread_idle", "features", "wq_fd",
	"resv0", "resv1", "resv2",
	"sq.head", "sq.tail", "sq.ring_mask", "sq.ring_entries", "sq.flags", "sq.dropped", "sq.array", "sq.resv1",
	"sq.user_addr",
	"cq.head", "cq.tail", "cq.ring_mask", "cq.ring_entries", "cq.overflow", "cq.cqes", "cq.flags", "cq.resv1",
	"cq.user_addr"}

func paramsFields() map[string]at {
	m, off := map[string]at{}, 0
	for _, name := range paramsNames {
		size := 4
		if name == "sq.user_addr" || name == "cq.user_addr" {
			size = 8
		}
		m[name] = at{off, size}
		off += size
	}
	return m
}

func paramsBytes(n map[string]uint64) []byte {
	w := func(name string) uint32 { return uint32(n[name]) }
	p := Params{SQEntries: w("sq_entries"), CQEntries: w("cq_entries"), Flags: w("flags"), SQThreadCPU: w("sq_thread_cpu"),
		SQThreadIdle: w("sq_thread_idle"), Features: w("features"), WQFD: w("wq_fd"),
		Resv: [3]uint32{w("resv0"), w("resv1"), w("resv2")},
		SQOff: SQRingOffsets{w("sq.head"), w("sq.tail"), w("sq.ring_mask"), w("sq.ring_entries"), w("sq.flags"),
			w("sq.dropped"), w("sq.array"), w("sq.resv1"), n["sq.user_addr"]},
		CQOff: CQRingOffsets{w("cq.head"), w("cq.tail"), w("cq.ring_mask"), w("cq.ring_entries"), w("cq.overflow"),
			w("cq.cqes"), w("cq.flags"), w("cq.resv1"), n["cq.user_addr"]}}
	return p.Append(nil)
}

// TestLayouts puts a different number into every field and looks for it at the offset that the header says.
func TestLayouts(t *testing.T) {
	for _, row := range layouts {
		t.Run(row.name, func(t *testing.T) {
			nums, want := map[string]uint64{}, make([]byte, row.size)
			for name, p := range row.fields {
				nums[name] = p.num()
				for i := range p.size {
					want[p.off+i] = byte(p.off + i + 1)
				}
			}
			if diff := cmp.Diff(want, row.bytes(nums)); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSizes repeats the sizes that programs and the kernel agree on.
func TestSizes(t *testing.T) {
	rows := []struct {
		name      string
		got, want int
		why       string
	}{
		{"SizeofSQE", SizeofSQE, 64, "SETUP_SQE128 doubles it"},
		{"SizeofCQE", SizeofCQE, 16, ""},
		{"SizeofCQE32", SizeofCQE32, 32, ""},
		{"SizeofParams", SizeofParams, 120, "BUILD_BUG_ON in the kernel's setup"},
		{"SizeofBPF", SizeofBPF, 72, "8 bytes of command and 64 of filter"},
		{"BPFFilterOff", BPFFilterOff, 8, "what is written back starts here"},
		{"SizeofBPFCtx", SizeofBPFCtx, 40, "loads are bounded by the whole context"},
		{"BPFCtxPDU+SizeofBPFOpen", BPFCtxPDU + SizeofBPFOpen, SizeofBPFCtx, "the largest payload fills it"},
		{"SizeofBPFSocket", SizeofBPFSocket, 12, ""},
		{"SizeofBPFConnect", SizeofBPFConnect, 24, ""},
		{"SizeofSockFilter", SizeofSockFilter, 8, ""},
		{"SizeofRestriction", SizeofRestriction, 16, ""},
		{"SizeofTaskRestriction", SizeofTaskRestriction, 16, "entries follow at 16"},
		{"SizeofProbe", SizeofProbe, 16, ""},
		{"SizeofProbeOp", SizeofProbeOp, 8, ""},
		{"SizeofRsrcUpdate", SizeofRsrcUpdate, 16, ""},
		{"SizeofQueryHdr", SizeofQueryHdr, 40, ""},
		{"SizeofBuf", SizeofBuf, 16, "a ring of 256 fills a page"},
		{"SizeofBufReg", SizeofBufReg, 40, ""},
		{"SizeofBufStatus", SizeofBufStatus, 40, ""},
		{"SizeofSyncCancelReg", SizeofSyncCancelReg, 64, ""},
		{"SizeofNAPI", SizeofNAPI, 16, ""},
		{"SizeofClockRegister", SizeofClockRegister, 16, ""},
		{"SizeofRsrcRegister", SizeofRsrcRegister, 32, "the nr of FILES2 and BUFFERS2"},
		{"SizeofRsrcUpdate2", SizeofRsrcUpdate2, 32, "the nr of FILES_UPDATE2 and BUFFERS_UPDATE"},
		{"SizeofFileIndexRange", SizeofFileIndexRange, 16, ""},
		{"SizeofCloneBuffers", SizeofCloneBuffers, 32, ""},
		{"SizeofRegionDesc", SizeofRegionDesc, 64, ""},
		{"SizeofMemRegionReg", SizeofMemRegionReg, 32, ""},
		{"SizeofRegWait", SizeofRegWait, 64, "argsz of IORING_ENTER_EXT_ARG_REG"},
		{"SizeofOpenHow", SizeofOpenHow, 24, "OPEN_HOW_SIZE_VER0"},
		{"SizeofMsghdr", SizeofMsghdr, 56, "struct user_msghdr"},
		{"SizeofIovec", SizeofIovec, 16, ""},
		{"SizeofSockaddrStorage", SizeofSockaddrStorage, 128, "longer addresses are EINVAL"},
		{"SIN6_LEN_RFC2133", SIN6_LEN_RFC2133, 24, "not 28: the CONNECT payload follows this"},
	}
	for _, r := range rows {
		if r.got != r.want {
			t.Errorf("%s = %d, want %d (%s)", r.name, r.got, r.want, r.why)
		}
	}
}

// TestBPFCtxOffsets: the word at 8 is opcode | sqe_flags<<8 | pdu_size<<16 for a filter's load.
func TestBPFCtxOffsets(t *testing.T) {
	var ctx [SizeofBPFCtx]byte
	ctx[BPFCtxOpcode], ctx[BPFCtxSQEFlags], ctx[BPFCtxPDUSize] = 0x11, 0x22, 0x33
	if got := binary.LittleEndian.Uint32(ctx[8:]); got != 0x332211 || BPFCtxUserData != 0 {
		t.Errorf("word at 8 = %#x, want 0x332211; user_data at %d", got, BPFCtxUserData)
	}
}

// roundTrip checks that encode undoes decode on random bytes.
func roundTrip(t *testing.T, name string, size int, again func([]byte) []byte) {
	t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "bytes")
		if diff := cmp.Diff(b, again(b)); diff != "" {
			t.Fatalf("Append(Decode) (-want +got):\n%s", diff)
		}
	}))
}

func TestRoundTrips(t *testing.T) {
	roundTrip(t, "CQE", 16, func(b []byte) []byte { return DecodeCQE(b).Append(nil, false) })
	roundTrip(t, "CQE32", 32, func(b []byte) []byte { return DecodeCQE(b).Append(nil, true) })
	roundTrip(t, "BPF", 72, func(b []byte) []byte { r := DecodeBPF(b); return r.Append(nil) })
	roundTrip(t, "Params", 120, func(b []byte) []byte { p := DecodeParams(b); return p.Append(nil) })
	roundTrip(t, "Restriction", 16, func(b []byte) []byte { return DecodeRestriction(b).Append(nil) })
	roundTrip(t, "TaskRestriction", 16, func(b []byte) []byte { return DecodeTaskRestriction(b).Append(nil) })
	roundTrip(t, "RsrcUpdate", 16, func(b []byte) []byte { return DecodeRsrcUpdate(b).Append(nil) })
	roundTrip(t, "RsrcRegister", 32, func(b []byte) []byte { return DecodeRsrcRegister(b).Append(nil) })
	roundTrip(t, "RsrcUpdate2", 32, func(b []byte) []byte { return DecodeRsrcUpdate2(b).Append(nil) })
	roundTrip(t, "FileIndexRange", 16, func(b []byte) []byte { return DecodeFileIndexRange(b).Append(nil) })
	roundTrip(t, "CloneBuffers", 32, func(b []byte) []byte { return DecodeCloneBuffers(b).Append(nil) })
	roundTrip(t, "QueryHdr", 40, func(b []byte) []byte { q := DecodeQueryHdr(b); return q.Append(nil) })
	roundTrip(t, "BufReg", 40, func(b []byte) []byte { r := DecodeBufReg(b); return r.Append(nil) })
	roundTrip(t, "BufStatus", 40, func(b []byte) []byte { s := DecodeBufStatus(b); return s.Append(nil) })
	roundTrip(t, "SyncCancelReg", 64, func(b []byte) []byte { c := DecodeSyncCancelReg(b); return c.Append(nil) })
	roundTrip(t, "NAPI", 16, func(b []byte) []byte { return DecodeNAPI(b).Append(nil) })
	roundTrip(t, "ClockRegister", 16, func(b []byte) []byte { return DecodeClockRegister(b).Append(nil) })
	roundTrip(t, "RegionDesc", 64, func(b []byte) []byte { d := DecodeRegionDesc(b); return d.Append(nil) })
	roundTrip(t, "MemRegionReg", 32, func(b []byte) []byte { return DecodeMemRegionReg(b).Append(nil) })
	roundTrip(t, "OpenHow", 24, func(b []byte) []byte { return DecodeOpenHow(b).Append(nil) })
	roundTrip(t, "SockFilters", 24, func(b []byte) []byte { return EncodeSockFilters(DecodeSockFilters(b)) })
}

// TestSockFilterTail: bytes that make no whole instruction are not one.
func TestSockFilterTail(t *testing.T) {
	want := []SockFilter{{Code: 0x0006, K: 1}}
	if diff := cmp.Diff(want, DecodeSockFilters([]byte{6, 0, 0, 0, 1, 0, 0, 0, 9, 9, 9})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
