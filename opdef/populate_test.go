package opdef

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// contextOf prepares a request and gives the ten words that a filter can load.
func contextOf(t *testing.T, k kernel.Release, op uapi.Op, sqe string) [10]uint32 {
	t.Helper()
	req, e, _ := runPrep(k, op, sqe, env{})
	if e != 0 {
		t.Fatalf("%s: %s {%s}: %s", k.Name, op, sqe, e)
	}
	var ctx [uapi.SizeofBPFCtx]byte
	for i := range ctx {
		ctx[i] = 0xaa // Populate clears what it does not set
	}
	On(k).Populate(req, &ctx)
	var words [10]uint32
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(ctx[4*i:])
	}
	return words
}

func TestPDUSize(t *testing.T) {
	rows := map[uapi.Op]string{ // 6.19, d42eb05e60, 7.0, 7.1, 7.2, 7.3
		uapi.IORING_OP_SOCKET:  "0 0 12 12 12 12",
		uapi.IORING_OP_OPENAT:  "0 0 24 24 24 24",
		uapi.IORING_OP_OPENAT2: "0 0 24 24 24 24",
		uapi.IORING_OP_CONNECT: "0 0 0 0 24 24",
	}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		want, ok := rows[op]
		if !ok {
			want = "0 0 0 0 0 0"
		}
		var got []string
		for _, k := range kernel.Releases {
			got = append(got, fmt.Sprint(PDUSize(k, op)))
		}
		if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", op, diff)
		}
	}
}

// TestPopulateHead: user_data, opcode, the flags as prep left them, and the size of the payload.
func TestPopulateHead(t *testing.T) {
	rows := []struct {
		op   uapi.Op
		sqe  string
		want [3]uint32 // words 0 to 2 on 7.3
		why  string
	}{
		{nop, "user_data=0x1122334455667788", [3]uint32{0x55667788, 0x11223344, 0}, "user_data, low half first"},
		{nop, "flags=0x5d", [3]uint32{0, 0, 0x5d00}, "flags above the opcode"},
		{nop, "nop_flags=4", [3]uint32{0, 0, 0x0100}, "NOP_FIXED_FILE shows as FIXED_FILE"},
		{socketOp, "", [3]uint32{0, 0, 45 | 12<<16}, "pdu_size above the flags"},
		{openat, "addr=PATH", [3]uint32{0, 0, 18 | 24<<16}, ""},
		{openat, "addr=PATH open_flags=CREAT", [3]uint32{0, 0, 18 | 0x10<<8 | 24<<16}, "O_CREAT forces ASYNC"},
		{uapi.IORING_OP_STATX, "addr=PATH flags=4", [3]uint32{0, 0, 21 | 0x14<<8}, "ASYNC next to what the program set"},
	}
	for _, r := range rows {
		ctx := contextOf(t, kernel.V7_3, r.op, r.sqe)
		if diff := cmp.Diff(r.want, [3]uint32(ctx[:3])); diff != "" {
			t.Errorf("%s {%s}: %s (-want +got):\n%s", r.op, r.sqe, r.why, diff)
		}
		if ctx[3] != 0 {
			t.Errorf("%s {%s}: padding is %#x", r.op, r.sqe, ctx[3])
		}
	}
	if ctx := contextOf(t, kernel.V7_0, nop, "nop_flags=4"); ctx[2] != 0 {
		t.Errorf("7.0 hides NOP_FIXED_FILE, got %#x", ctx[2])
	}
}

// TestPopulateNothing: opcodes without a payload show zeros, whatever their SQE holds.
func TestPopulateNothing(t *testing.T) {
	for _, k := range kernel.Measured() {
		for op := range uapi.Op(uapi.IORING_OP_LAST) {
			if PDUSize(k, op) != 0 {
				continue
			}
			req := &Request{Opcode: op, AddrLen: 16, How: uapi.OpenHow{Flags: 1, Mode: 2, Resolve: 3}}
			for i := range req.SQE {
				req.SQE[i] = 0xff
			}
			ctx := [uapi.SizeofBPFCtx]byte{39: 0xff}
			On(k).Populate(req, &ctx)
			want := [uapi.SizeofBPFCtx]byte{8: byte(op)}
			if diff := cmp.Diff(want, ctx); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", k.Name, op, diff)
			}
		}
	}
}

func TestPopulateSocket(t *testing.T) {
	const cloexec = "fd=2 off=0x80801 len=6"
	for _, k := range kernel.Measured()[1:] {
		typ := uint32(0x80801)
		if k.Name == "7.3" {
			typ = 1
		}
		want := [10]uint32{2: 45 | 12<<16, 4: 2, 5: typ, 6: 6}
		if diff := cmp.Diff(want, contextOf(t, k, socketOp, cloexec)); diff != "" {
			t.Errorf("%s: type with and without its flags (-want +got):\n%s", k.Name, diff)
		}
	}
	want := [10]uint32{2: 45 | 12<<16, 4: 0xffffffff, 5: 0xf, 6: 0xfffffffe}
	if diff := cmp.Diff(want, contextOf(t, kernel.V7_3, socketOp, "fd=-1 off=0x10000000f len=-2")); diff != "" {
		t.Errorf("values that are no socket; the high half of off is dropped (-want +got):\n%s", diff)
	}
	want = [10]uint32{2: 45}
	if diff := cmp.Diff(want, contextOf(t, kernel.D42EB05E60, socketOp, cloexec)); diff != "" {
		t.Errorf("the first patch has no payload (-want +got):\n%s", diff)
	}
}

// openatFlags is what a filter sees of one bit of open_flags, alone and next to O_PATH.
func openatFlags(k kernel.Release, bit uint32) (alone, withPath uint64) {
	newer := slices.Contains([]string{"7.2", "7.3"}, k.Name)
	valid, pathOK := uint64(0x007fffc3), uint64(0x002b0000)
	if newer {
		valid, pathOK = 0x047fffc3, 0x042b0000
	}
	const path, largefile = 0x200000, 0x8000
	alone = uint64(bit)&valid | largefile
	if bit == path {
		alone = path
	}
	return alone, (uint64(bit)&valid | path) & pathOK
}

// TestPopulateOpenatBits probes each bit of open_flags, as was done on the kernels.
func TestPopulateOpenatBits(t *testing.T) {
	for _, k := range kernel.Measured()[1:] {
		for i := range 32 {
			bit := uint32(1) << i
			alone, withPath := openatFlags(k, bit)
			for _, c := range []struct {
				flags uint32
				want  uint64
			}{{bit, alone}, {bit | uapi.O_PATH, withPath}} {
				ctx := contextOf(t, k, openat, fmt.Sprintf("addr=PATH len=0xffffffff open_flags=%#x", c.flags))
				if got := uint64(ctx[5])<<32 | uint64(ctx[4]); got != c.want {
					t.Errorf("%s: flags %#x show as %#x, want %#x", k.Name, c.flags, got, c.want)
				}
				mode := uint32(0)
				if c.want&(uapi.O_CREAT|uapi.O_TMPFILE_) != 0 {
					mode = 0o7777
				}
				if diff := cmp.Diff([4]uint32{mode}, [4]uint32(ctx[6:])); diff != "" {
					t.Errorf("%s: mode and resolve with flags %#x (-want +got):\n%s", k.Name, c.flags, diff)
				}
			}
		}
	}
}

// TestPopulateOpenat2: an open_how shows as the program wrote it, with O_LARGEFILE unless O_PATH.
func TestPopulateOpenat2(t *testing.T) {
	how := uapi.OpenHow{Flags: 1<<63 | 1<<32 | 0x40, Mode: 1<<40 | 0o644, Resolve: 1<<33 | 0x10}
	path := uapi.OpenHow{Flags: uapi.O_PATH | uapi.O_CREAT, Mode: 7, Resolve: 0xffffffffffffffff}
	testMemory.CopyOut(symbols["BUF"], how.Append(nil))
	testMemory.CopyOut(symbols["BUF"]+64, path.Append(nil))
	defer testMemory.CopyOut(symbols["BUF"], make([]byte, 128))
	for _, k := range kernel.Measured()[1:] {
		want := [10]uint32{2: 28 | 0x10<<8 | 24<<16, 4: 0x8040, 5: 1<<31 | 1, 6: 0o644, 7: 1 << 8, 8: 0x10, 9: 2}
		if diff := cmp.Diff(want, contextOf(t, k, openat2, "addr=PATH off=BUF len=24")); diff != "" {
			t.Errorf("%s: nothing is validated (-want +got):\n%s", k.Name, diff)
		}
		want = [10]uint32{2: 28 | 0x10<<8 | 24<<16, 4: 0x200040, 6: 7, 8: 0xffffffff, 9: 0xffffffff}
		if diff := cmp.Diff(want, contextOf(t, k, openat2, "addr=PATH off=BUF+64 len=24")); diff != "" {
			t.Errorf("%s: O_PATH keeps the other flags here (-want +got):\n%s", k.Name, diff)
		}
	}
}

func TestPopulateConnect(t *testing.T) {
	v4 := []byte{2, 0, 0x12, 0x34, 127, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9}
	v6 := append([]byte{10, 0, 0x12, 0x34, 7, 7, 7, 7}, []byte("0123456789abcdefSCOP")...)
	rows := []struct {
		addr []byte
		n    string // addr2, if not the length
		want [6]uint32
		why  string
	}{
		{v4, "", [6]uint32{2, 0x3412, 0x0100007f}, "port in the low half, as loaded"},
		{v4, "15", [6]uint32{2}, "too short: only the family"},
		{v6, "", [6]uint32{10, 0x3412, 0x33323130, 0x37363534, 0x62613938, 0x66656463}, "no flow information"},
		{v6, "24", [6]uint32{10, 0x3412, 0x33323130, 0x37363534, 0x62613938, 0x66656463}, "24 bytes are enough"},
		{v6, "23", [6]uint32{10}, "23 are not"},
		{v4, "2", [6]uint32{2}, "the family alone"}, {v4, "1", [6]uint32{}, "not even that"}, {v4, "0", [6]uint32{}, ""},
		{[]byte{1, 0, '/', 'x', 0}, "", [6]uint32{1}, "AF_UNIX: only the family"},
		{append([]byte{17, 0}, make([]byte, 18)...), "", [6]uint32{17}, "AF_PACKET too"},
		{[]byte{0xff, 0xff}, "", [6]uint32{0xffff}, "a family that does not exist"},
		{v4, "0x100000010", [6]uint32{2, 0x3412, 0x0100007f}, "the length is the low half of addr2"},
	}
	defer testMemory.CopyOut(symbols["BUF"], make([]byte, 128))
	for _, r := range rows {
		testMemory.CopyOut(symbols["BUF"], r.addr)
		n := r.n
		if n == "" {
			n = fmt.Sprint(len(r.addr))
		}
		for _, k := range kernel.Measured()[1:] {
			want := [10]uint32{2: 16}
			if k.Name != "7.0" && k.Name != "7.1" { // no-connect-payload
				want[2] |= 24 << 16
				copy(want[4:], r.want[:])
			}
			if diff := cmp.Diff(want, contextOf(t, k, connectOp, "addr=BUF addr2="+n)); diff != "" {
				t.Errorf("%s: %d bytes, %s (-want +got):\n%s", k.Name, len(r.addr), r.why, diff)
			}
		}
	}
}

// TestForcedAsync: the opcodes that always run on a worker show ASYNC to filters; no others do.
func TestForcedAsync(t *testing.T) {
	async := "FSYNC SYNC_FILE_RANGE FALLOCATE STATX MADVISE SPLICE TEE SHUTDOWN RENAMEAT UNLINKAT MKDIRAT SYMLINKAT " +
		"LINKAT FSETXATTR SETXATTR FGETXATTR GETXATTR FTRUNCATE"
	for op, row := range nonZeroRows {
		for _, k := range kernel.Measured() {
			req, e, _ := runPrep(k, op, row.base, row.env)
			want := slices.Contains(strings.Fields(async), op.String())
			if got := req.Flags&uapi.IOSQE_ASYNC != 0; e != 0 || got != want {
				t.Errorf("%s: %s shows ASYNC %v, want %v (%v)", k.Name, op, got, want, e)
			}
			if sqe := sqeOf(op, row.base); req.Flags&^uapi.IOSQE_ASYNC != sqe.Flags() {
				t.Errorf("%s: %s changes other flags to %#x", k.Name, op, req.Flags)
			}
		}
	}
}

// TestAsyncDoc: it speaks of the opcodes that show ASYNC always, and of those that do for some arguments.
func TestAsyncDoc(t *testing.T) {
	sometimes := "OPENAT OPENAT2 FADVISE BIND"
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		flags, _ := FlagsSeen(kernel.V7_3, op)
		always := flags&uapi.IOSQE_ASYNC != 0
		want := always || slices.Contains(strings.Fields(sometimes), op.String())
		if doc := AsyncDoc(op); (doc != "") != want || (doc == asyncDoc) != always {
			t.Errorf("%s: %q, always %v", op, doc, always)
		}
	}
}

// TestSometimesAsync: opcodes that run on a worker for some arguments.
func TestSometimesAsync(t *testing.T) {
	const fadvise = uapi.IORING_OP_FADVISE
	testMemory.CopyOut(symbols["BUF"], []byte("\x01\x00/x\x00"))
	testMemory.CopyOut(symbols["BUF"]+64, []byte("\x01\x00\x00x"))
	defer testMemory.CopyOut(symbols["BUF"], make([]byte, 128))
	rows := []struct {
		op   uapi.Op
		sqe  string
		want bool
		why  string
	}{
		{openat, "addr=PATH", false, ""}, {openat, "addr=PATH open_flags=CREAT", true, "O_CREAT"},
		{openat, "addr=PATH open_flags=0x200", true, "O_TRUNC"}, {openat, "addr=PATH open_flags=0x410000", true, "O_TMPFILE"},
		{openat, "addr=PATH open_flags=0x200040", false, "O_PATH drops O_CREAT"},
		{openat2, "addr=PATH off=HOW len=24", false, ""},
		{fadvise, "fadvise_advice=0", false, "NORMAL"}, {fadvise, "fadvise_advice=1", false, "RANDOM"},
		{fadvise, "fadvise_advice=2", false, "SEQUENTIAL"}, {fadvise, "fadvise_advice=3", true, "WILLNEED"},
		{fadvise, "fadvise_advice=-1", true, "what does not exist, too"},
		{bindOp, "addr=BUF addr2=5", true, "a path makes a file"}, {bindOp, "addr=BUF addr2=2", false, "only the family"},
		{bindOp, "addr=BUF+64 addr2=4", false, "an abstract name"}, {bindOp, "addr=SA addr2=16", false, "AF_INET"},
		{connectOp, "addr=BUF addr2=5", false, "CONNECT makes none"},
	}
	for _, r := range rows {
		req, e, _ := runPrep(kernel.V7_3, r.op, r.sqe, env{})
		if got := req.Flags&uapi.IOSQE_ASYNC != 0; e != 0 || got != r.want {
			t.Errorf("%s {%s}: ASYNC %v, want %v (%s)", r.op, r.sqe, got, r.want, r.why)
		}
	}
}

// TestFlagsMask: a filter sees seven bits of flags.
func TestFlagsMask(t *testing.T) {
	req := &Request{Opcode: nop, Flags: 0xff}
	var ctx [uapi.SizeofBPFCtx]byte
	On(kernel.V7_3).Populate(req, &ctx)
	if got := bits.OnesCount8(ctx[uapi.BPFCtxSQEFlags]); got != 7 {
		t.Errorf("%d bits, want 7", got)
	}
}
