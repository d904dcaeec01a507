package opdef

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// attributes repeats section 2.8 of the kernel facts.
var attributes = map[string]struct {
	get func(Def) bool
	ops string
}{
	"ioprio": {func(d Def) bool { return d.IOPrio },
		"READV WRITEV READ_FIXED WRITE_FIXED READ WRITE READV_FIXED WRITEV_FIXED " +
			"SENDMSG RECVMSG ACCEPT SEND RECV SEND_ZC SENDMSG_ZC RECV_ZC"},
	"buffer_select": {func(d Def) bool { return d.BufferSelect },
		"READV RECVMSG READ SEND RECV URING_CMD URING_CMD128 READ_MULTISHOT"},
	"iopoll": {func(d Def) bool { return d.IOPoll },
		"NOP NOP128 READV WRITEV READ_FIXED WRITE_FIXED READ WRITE READV_FIXED " +
			"WRITEV_FIXED FILES_UPDATE PROVIDE_BUFFERS REMOVE_BUFFERS MSG_RING URING_CMD URING_CMD128"},
	"needs_file": {func(d Def) bool { return d.NeedsFile },
		"READV WRITEV FSYNC READ_FIXED WRITE_FIXED POLL_ADD SYNC_FILE_RANGE " +
			"SENDMSG RECVMSG ACCEPT CONNECT FALLOCATE READ WRITE FADVISE SEND RECV SPLICE TEE SHUTDOWN MSG_RING " +
			"FSETXATTR FGETXATTR URING_CMD URING_CMD128 SEND_ZC SENDMSG_ZC READ_MULTISHOT FIXED_FD_INSTALL FTRUNCATE BIND " +
			"LISTEN RECV_ZC EPOLL_WAIT READV_FIXED WRITEV_FIXED"},
	"is_128": {func(d Def) bool { return d.Is128 }, "NOP128 URING_CMD128"},
}

func TestAttributes(t *testing.T) {
	for name, a := range attributes {
		want := strings.Fields(a.ops)
		var got []string
		for op, def := range Defs {
			if a.get(def) {
				got = append(got, uapi.Op(op).String())
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

var whereForm = regexp.MustCompile(`^io_uring/[a-z_]+\.c:[a-z_0-9]+$`)

// TestFunctions: every step says what it wants and what it gives, since the documentation is made of that.
func TestFunctions(t *testing.T) {
	for op, def := range Defs {
		if def.Prep == nil || !whereForm.MatchString(def.Prep.Where) {
			t.Errorf("%s has no prep with a place: %+v", uapi.Op(op), def.Prep)
			continue
		}
		for i, s := range def.Prep.Steps {
			if s.Doc == "" || strings.HasSuffix(s.Doc, ".") {
				t.Errorf("%s, step %d: Doc %q", uapi.Op(op), i, s.Doc)
			}
		}
	}
}

// states tells whether a step of the opcode's prep says that it refuses so.
func states(op uapi.Op, r *verdict.Refusal) bool {
	return slices.ContainsFunc(Defs[op].Prep.Steps, func(s Step) bool {
		return s.Doc == r.Why && slices.Contains(s.Errnos, r.Errno)
	})
}

// TestStepErrnos: a step gives no errno but those that it states.
func TestStepErrnos(t *testing.T) {
	for op, row := range nonZeroRows {
		for _, k := range kernel.Measured() {
			for _, name := range nzFields {
				sqe := sqeOf(op, row.base+" "+name+"=-1")
				p := &Prep{Kernel: k, Mem: testMemory, Req: &Request{SQE: sqe, Opcode: op, Flags: sqe.Flags()},
					InChain: row.env.inChain}
				if r := On(p.Kernel).Prep(p); r != nil && !states(op, r) {
					t.Errorf("%s: %s with %s=-1 gives %v, which no step states", k.Name, op, name, r)
				}
			}
		}
	}
}

// TestRefusalNamesQuirk: where a quirk makes the difference, the reason says so.
func TestRefusalNamesQuirk(t *testing.T) {
	rows := []struct {
		k   kernel.Release
		op  uapi.Op
		sqe string
		q   string
	}{
		{kernel.V7_2, uapi.IORING_OP_UNLINKAT, "addr=PATH addr3=1", "unlink-ignores-pad"},
		{kernel.V7_0, timeoutOp, "addr=5 len=1 timeout_flags=0x80", "no-timeout-immediate-arg"},
		{kernel.V7_1, cancel, "cancel_flags=0x20 len=65", "cancel-op-unchecked"},
		{kernel.V7_0, sendZCOp, "addr3=1", "no-zc-notif-user-data"},
		{kernel.V7_3, nop, "nop_flags=0x40", ""},
	}
	for _, r := range rows {
		sqe := sqeOf(r.op, r.sqe)
		got := On(r.k).Prep(&Prep{Kernel: r.k, Mem: testMemory, Req: &Request{SQE: sqe, Opcode: r.op}})
		if got == nil || got.Quirk != r.q || got.Where != Defs[r.op].Prep.Where {
			t.Errorf("%s: %s {%s} = %+v, want quirk %q", r.k.Name, r.op, r.sqe, got, r.q)
		}
	}
}

// TestNotification: from where on a failing zero-copy send posts a second CQE, and with which user_data.
func TestNotification(t *testing.T) {
	rows := []struct {
		k     kernel.Release
		op    uapi.Op
		sqe   string
		notif bool
		data  uint64
		why   string
	}{
		{kernel.V7_3, sendZCOp, "user_data=7", true, 7, ""}, {kernel.V7_3, sendZCOp, "user_data=7 addr3=9", true, 9, "addr3"},
		{kernel.V7_0, sendZCOp, "user_data=7 addr3=9", false, 0, "refused before"},
		{kernel.V7_3, sendZCOp, "user_data=7 ioprio=2", true, 7, "a failure after it"},
		{kernel.V7_3, sendmsgZCOp, "user_data=7 addr=BAD", true, 7, ""},
		{kernel.V7_3, sendZCOp, "__pad2=1", false, 0, "before it"},
		{kernel.V7_3, sendZCOp, "flags=SKIP", false, 0, "before it"},
		{kernel.V7_3, sendOp, "user_data=7", false, 0, "not zero-copy"},
	}
	for _, r := range rows {
		req, _, _ := runPrep(r.k, r.op, r.sqe, env{})
		if req.Notif != r.notif || req.NotifUserData != r.data {
			t.Errorf("%s: %s {%s}: %v, %d (%s)", r.k.Name, r.op, r.sqe, req.Notif, req.NotifUserData, r.why)
		}
	}
}

// TestArmsTimeout: an accepted LINK_TIMEOUT arms the request before it.
func TestArmsTimeout(t *testing.T) {
	if _, e, p := runPrep(kernel.V7_3, linkTimeout, "addr=TS len=1", inChain); e != 0 || !p.ArmsTimeout {
		t.Errorf("accepted: %v, armed %v", e, p.ArmsTimeout)
	}
	if _, e, p := runPrep(kernel.V7_3, linkTimeout, "addr=TS len=1", env{}); e == 0 || p.ArmsTimeout {
		t.Errorf("refused: %v, armed %v", e, p.ArmsTimeout)
	}
}

// checkPlain: prep lets the request of a plain SQE through as it is, and filters see what they see of all others.
func checkPlain(t *testing.T, k kernel.Release, before, after *Request, refusal *verdict.Refusal) {
	t.Helper()
	o := On(k)
	if sqe := &before.SQE; before.Opcode != sqe.Opcode() || !o.Plain(sqe) {
		return
	}
	var want, got [uapi.SizeofBPFCtx]byte
	o.Populate(after, &want)
	o.PopulatePlain(&before.SQE, &got)
	if refusal != nil || *before != *after || got != want {
		t.Fatalf("%s: % x is not plain: %v", k.Name, before.SQE, refusal)
	}
}

// TestPlain: which SQEs are plain, and what that means.
func TestPlain(t *testing.T) {
	const ok, not = true, false
	rows := []struct {
		op   uapi.Op
		sqe  string
		want bool
		why  string
	}{
		{uapi.IORING_OP_NOP, "user_data=7 addr=BUF len=8", ok, "prep does not look at these"},
		{uapi.IORING_OP_NOP, "flags=FIXED", not, "flags have consequences"},
		{uapi.IORING_OP_NOP, "ioprio=1", not, "NOP takes no ioprio"},
		{uapi.IORING_OP_NOP, "nop_flags=0x20", not, "it depends on the ring"},
		{uapi.IORING_OP_NOP, "nop_flags=0x40", not, "there is no such flag"},
		{uapi.IORING_OP_NOP, "personality=1", not, "it must be registered"},
		{uapi.IORING_OP_SOCKET, "fd=2 off=0x80001 len=6", ok, "these are what filters see, but for the flags of the type"},
		{uapi.IORING_OP_SOCKET, "fd=2 off=0x40001", not, "there is no such flag of the type"},
		{uapi.IORING_OP_SOCKET, "fd=2 off=1 file_index=1", not, "that excludes SOCK_CLOEXEC"},
		{uapi.IORING_OP_READ, "", not, "it needs a file"},
		{uapi.IORING_OP_NOP128, "", not, "it has two entries"},
		{uapi.IORING_OP_LAST, "", not, "there is no such opcode"},
	}
	for _, row := range rows {
		for _, k := range kernel.Releases {
			sqe := sqeOf(row.op, row.sqe)
			if got := On(k).Plain(&sqe); got != row.want {
				t.Errorf("%s: %s {%s}: %v, but %s", k.Name, row.op, row.sqe, got, row.why)
			}
		}
		if row.want {
			for _, k := range kernel.Releases {
				after, _, _ := runPrep(k, row.op, row.sqe, env{})
				sqe := sqeOf(row.op, row.sqe)
				before := Request{SQE: sqe, Opcode: row.op, UserData: sqe.UserData()}
				checkPlain(t, k, &before, after, nil)
			}
		}
	}
}

// FuzzPrep: no SQE makes a prep panic or run away, and what is refused is refused with an errno that a step states.
func FuzzPrep(f *testing.F) {
	for op, row := range nonZeroRows {
		sqe := sqeOf(op, row.base)
		f.Add(sqe[:], uint8(op), uint8(op), uint32(0), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, opcode, release uint8, ring uint32, chain bool) {
		k := kernel.Releases[int(release)%len(kernel.Releases)]
		op := uapi.Op(opcode) % uapi.IORING_OP_LAST
		req := &Request{Opcode: op}
		copy(req.SQE[:], raw)
		req.Flags, req.UserData = req.SQE.Flags(), req.SQE.UserData()
		p := &Prep{Kernel: k, Mem: testMemory, Req: req, RingFlags: ring, InChain: chain, LastOp: op}
		before := *req
		r := On(p.Kernel).Prep(p)
		checkPlain(t, k, &before, req, r)
		if r != nil {
			if !states(op, r) {
				t.Fatalf("%s: %s refused with %v", k.Name, op, r)
			}
			return
		}
		var ctx [uapi.SizeofBPFCtx]byte
		On(k).Populate(req, &ctx)
		if ctx[uapi.BPFCtxOpcode] != byte(op) || ctx[uapi.BPFCtxPDUSize] != PDUSize(k, op) {
			t.Fatalf("%s: %s shows %x", k.Name, op, ctx)
		}
		for _, b := range ctx[uapi.BPFCtxPDU+int(PDUSize(k, op)):] {
			if b != 0 {
				t.Fatalf("%s: %s shows bytes behind its payload: %x", k.Name, op, ctx)
			}
		}
	})
}
