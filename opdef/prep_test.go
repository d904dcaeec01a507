package opdef

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// Places in the memory of the tests. Each is a page of its own; the page after it is not mapped.
const (
	memBase = 0x2000_0000
	memStep = 0x10_000
	badAddr = 0x7000_0000           // user memory that is not mapped
	kernAt  = 0xffff_8000_0000_0000 // no user memory
)

// symbols are the names that rows use for addresses and numbers.
var symbols = map[string]uint64{"BAD": badAddr, "KERN": kernAt, "CLOEXEC": uapi.O_CLOEXEC, "CREAT": uapi.O_CREAT,
	"ALLOC": 0xffff_ffff, "MAX": uapi.SizeofSockaddrStorage, "FIXED": uapi.IOSQE_FIXED_FILE,
	"SELECT": uapi.IOSQE_BUFFER_SELECT,
	"SKIP":   uapi.IOSQE_CQE_SKIP_SUCCESS}

// content is what stands at the start of the page of that name.
var content = map[string][]byte{
	"BUF": nil, "PATH": []byte("/tmp/x\x00"), "EMPTY": {0}, "NAME": []byte("user.x\x00"),
	"LONG":  []byte(strings.Repeat("x", mm.PageSize)),   // a path of 4096 bytes without NUL
	"P4095": []byte(strings.Repeat("x", 4095) + "\x00"), // the longest path
	"N255":  []byte(strings.Repeat("n", 255) + "\x00"), "N256": []byte(strings.Repeat("n", 256) + "\x00"),
	"TS": words64(1, 0), "TSNSEC": words64(0, 2_000_000_000), "TSNEG": words64(1<<63, 0), "TSNNEG": words64(0, 1<<63),
	"IOV": words64(badAddr, 16), "IOVNEG": words64(badAddr, 1<<63), "IOVKERN": words64(kernAt, 16),
	"IOVBIG": words64(memBase, 1<<62),
	"IOV2":   words64(badAddr, 16, badAddr, 16), "IOV2KERN": words64(badAddr, 16, kernAt, 16),
	"IOV2BIG": words64(badAddr, 16, memBase, 1<<62), "IOV2NEG": words64(kernAt, 16, badAddr, 1<<63),
	"HOW": words64(0, 0, 0), "HOW32": words64(0, 0, 0, 0), "HOWBIG": words64(0, 0, 0, 1),
	"HOWCLOEXEC": words64(uapi.O_CLOEXEC, 0, 0),
	"SA":         words64(2, 0, 0, 0), "EV": words64(1, 2),
	"WAITV": words64(1, 0x1000, 2), "WAITV64": words64(1, 0x1000, 3), "WAITVRES": words64(1, 0x1000, 2|1<<32),
	"WAITVFLAG": words64(1, 0x1000, 0x12), "WAITVBIG": words64(1<<32, 0x1000, 2), "WAITVBAD2": words64(1, 0, 2, 1, 0, 3),
	"PI": words64(0, badAddr, 0, 0), "PIRSVD": words64(0, badAddr, 0, 1), "PIKERN": words64(16<<32, kernAt, 0, 0),
}

// msghdrs are struct user_msghdr: name, namelen, iov (by symbol), iovlen, control, controllen.
var msghdrs = map[string][]string{
	"MSG": {"0", "0", "0", "0", "0", "0"}, "MSGIOV": {"0", "0", "IOV", "1", "0", "0"}, "MSGIOVBAD": {"0", "0", "BAD", "1",
		"0", "0"},
	"MSGNAME": {"SA", "16", "0", "0", "0", "0"}, "MSGNAMEBAD": {"BAD", "16", "0", "0", "0", "0"},
	"MSGNEG": {"SA", "0xffffffff", "0", "0", "0", "0"}, "MSGNEGNULL": {"0", "0xffffffff", "0", "0", "0", "0"},
	"MSGLONG": {"SA", "4096", "0", "0", "0", "0"}, "MSGNAME0": {"BAD", "0", "0", "0", "0", "0"},
	"MSG1024": {"0", "0", "BAD", "1024", "0", "0"}, "MSG1025": {"0", "0", "BAD", "1025", "0", "0"},
	"MSGBADBOTH": {"BAD", "16", "BAD", "1025", "0", "0"}, "MSGIOV2": {"0", "0", "IOV2", "2", "0", "0"},
	"MSGIOVNEG": {"0", "0", "IOVNEG", "1", "0", "0"}, "MSGCTRL": {"0", "0", "0", "0", "0", "0x7fffffef"},
	"MSGCTRLBIG": {"0", "0", "0", "0", "0", "0x7ffffff0"}, "MSGCTRLNAME": {"0", "16", "0", "0", "0", "0x7fffffe0"},
	"MSGNAMEBIG": {"0", "0x7ffffff0", "0", "0", "0", "0"},
}

func words64(vs ...uint64) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// value is a number or a symbol, with an optional +n.
func value(s string) uint64 {
	name, plus, _ := strings.Cut(s, "+")
	v, ok := symbols[name]
	if !ok {
		n, err := strconv.ParseInt(name, 0, 64)
		if v = uint64(n); err != nil {
			if v, err = strconv.ParseUint(name, 0, 64); err != nil {
				panic("no symbol " + s)
			}
		}
	}
	if plus != "" {
		v += value(plus)
	}
	return v
}

// testMemory has every content at its symbol. END is the last byte of its page, END8 the last 8.
var testMemory = func() *mm.Space {
	s := &mm.Space{}
	next := uint64(memBase)
	put := func(name string, b []byte) {
		symbols[name] = next
		if e := s.Map(next, mm.PageSize, mm.ReadWrite); e != 0 || !s.CopyOut(next, b) {
			panic(name)
		}
		next += memStep
	}
	for name, b := range content {
		put(name, b)
	}
	symbols["END"] = symbols["BUF"] + mm.PageSize
	for name, fields := range msghdrs {
		var b []byte
		for _, f := range fields {
			b = binary.LittleEndian.AppendUint64(b, value(f))
		}
		put(name, append(b, make([]byte, 8)...))
	}
	return s
}()

// sqeOf reads "addr=PATH len=24": the later of two values for a field wins.
func sqeOf(op uapi.Op, text string) uapi.SQE {
	var s uapi.SQE
	s.SetOpcode(op)
	for _, part := range strings.Fields(text) {
		name, v, _ := strings.Cut(part, "=")
		f, ok := uapi.SQEFieldByName(name)
		if !ok {
			panic("no field " + name)
		}
		f.Put(&s, value(v))
	}
	return s
}

// env is what a prep looks at besides the SQE.
type env struct {
	ring    uint32
	rt      bool
	creds   bool
	inChain bool
	last    uapi.Op
}

// runPrep runs the opcode's prep and gives the request with the errno.
func runPrep(k kernel.Release, op uapi.Op, text string, e env) (*Request, uapi.Errno, *Prep) {
	sqe := sqeOf(op, text)
	req := &Request{SQE: sqe, Opcode: op, Flags: sqe.Flags(), UserData: sqe.UserData()}
	p := &Prep{Kernel: k, Mem: testMemory, Req: req, RingFlags: e.ring, MayRT: e.rt, Creds: e.creds, InChain: e.inChain,
		LastOp: e.last}
	if r := On(p.Kernel).Prep(p); r != nil {
		return req, r.Errno, p
	}
	return req, 0, p
}

// errnoOn is what an expectation says of a release: "EINVAL", or "EINVAL <7.2 0", which is EINVAL before 7.2, then 0.
func errnoOn(k kernel.Release, want string) string {
	parts := strings.Fields(want)
	for len(parts) >= 3 {
		until := strings.TrimPrefix(parts[1], "<")
		order := func(name string) int {
			return slices.IndexFunc(kernel.Releases, func(r kernel.Release) bool { return r.Name == name })
		}
		if order(until) < 0 {
			panic("no release " + until)
		}
		if order(k.Name) < order(until) {
			return parts[0]
		}
		parts = parts[2:]
	}
	return parts[0]
}

// prepRow is one SQE and what its prep gives.
type prepRow struct {
	op   uapi.Op
	sqe  string
	want string // an errno, "0", or "EINVAL <7.2 0"
	why  string
	env  env
}

func checkPrepRows(t *testing.T, rows []prepRow) {
	t.Helper()
	for _, r := range rows {
		for _, k := range kernel.Measured() {
			_, got, _ := runPrep(k, r.op, r.sqe, r.env)
			if want := errnoOn(k, r.want); got.String() != want {
				t.Errorf("%s: %s {%s} = %s, want %s (%s)", k.Name, r.op, r.sqe, got, want, r.why)
			}
		}
	}
}

// nzFields are the fields that TestNonZeroFields sets, one at a time.
var nzFields = []string{"fd", "off", "addr", "len", "rw_flags", "buf_index", "personality", "file_index", "addr3",
	"__pad2"}

// nonZero says for an opcode: an SQE that prep accepts, and what a 1 in each field gives; the fields without an entry
// are accepted, those that the SQE has set already are left alone.
type nonZero struct {
	base   string
	einval string // fields, separated by spaces
	other  map[string]string
	env    env
}

var inChain = env{inChain: true}

// nonZeroRows is section 3 of the kernel facts: which fields must be zero.
var nonZeroRows = map[uapi.Op]nonZero{
	uapi.IORING_OP_NOP:             {},
	uapi.IORING_OP_READV:           {other: map[string]string{"len": "EFAULT", "__pad2": "EFAULT"}},
	uapi.IORING_OP_WRITEV:          {other: map[string]string{"len": "EFAULT", "__pad2": "EFAULT"}},
	uapi.IORING_OP_FSYNC:           {einval: "addr buf_index file_index"},
	uapi.IORING_OP_READ_FIXED:      {other: map[string]string{"__pad2": "EFAULT"}},
	uapi.IORING_OP_WRITE_FIXED:     {other: map[string]string{"__pad2": "EFAULT"}},
	uapi.IORING_OP_POLL_ADD:        {einval: "buf_index off addr"},
	uapi.IORING_OP_POLL_REMOVE:     {einval: "buf_index file_index len off rw_flags"},
	uapi.IORING_OP_SYNC_FILE_RANGE: {einval: "addr buf_index file_index"},
	uapi.IORING_OP_SENDMSG:         {base: "addr=MSG", einval: "off file_index"},
	uapi.IORING_OP_RECVMSG:         {base: "addr=MSG", einval: "off file_index"},
	uapi.IORING_OP_TIMEOUT: {base: "addr=TS len=1", einval: "buf_index file_index",
		other: map[string]string{"addr3": "0 <7.0 EINVAL", "__pad2": "0 <7.0 EINVAL"}},
	uapi.IORING_OP_TIMEOUT_REMOVE: {einval: "buf_index len file_index rw_flags",
		other: map[string]string{"addr3": "0 <7.0 EINVAL", "__pad2": "0 <7.0 EINVAL"}},
	uapi.IORING_OP_ACCEPT:       {einval: "len buf_index rw_flags"},
	uapi.IORING_OP_ASYNC_CANCEL: {einval: "off file_index"},
	uapi.IORING_OP_LINK_TIMEOUT: {base: "addr=TS len=1", einval: "buf_index file_index off", env: inChain,
		other: map[string]string{"addr3": "0 <7.0 EINVAL", "__pad2": "0 <7.0 EINVAL"}},
	uapi.IORING_OP_CONNECT: {einval: "len buf_index rw_flags file_index",
		other: map[string]string{"off": "EFAULT"}},
	uapi.IORING_OP_FALLOCATE:       {einval: "buf_index rw_flags file_index"},
	uapi.IORING_OP_OPENAT:          {base: "addr=PATH", einval: "buf_index"},
	uapi.IORING_OP_CLOSE:           {einval: "off addr len rw_flags buf_index"},
	uapi.IORING_OP_FILES_UPDATE:    {base: "len=1", einval: "rw_flags file_index"},
	uapi.IORING_OP_STATX:           {base: "addr=PATH", einval: "buf_index file_index"},
	uapi.IORING_OP_READ:            {other: map[string]string{"__pad2": "EFAULT"}},
	uapi.IORING_OP_WRITE:           {other: map[string]string{"__pad2": "EFAULT"}},
	uapi.IORING_OP_FADVISE:         {einval: "buf_index file_index"},
	uapi.IORING_OP_MADVISE:         {einval: "buf_index file_index"},
	uapi.IORING_OP_SEND:            {},
	uapi.IORING_OP_RECV:            {einval: "off file_index"},
	uapi.IORING_OP_OPENAT2:         {base: "addr=PATH off=HOW len=24", einval: "buf_index"},
	uapi.IORING_OP_EPOLL_CTL:       {base: "addr=EV", einval: "buf_index file_index"},
	uapi.IORING_OP_SPLICE:          {},
	uapi.IORING_OP_PROVIDE_BUFFERS: {base: "fd=1 len=8 addr=BUF", einval: "rw_flags file_index"},
	uapi.IORING_OP_REMOVE_BUFFERS:  {base: "fd=1", einval: "rw_flags addr len off file_index"},
	uapi.IORING_OP_TEE:             {einval: "addr off"},
	uapi.IORING_OP_SHUTDOWN:        {einval: "off addr rw_flags buf_index file_index"},
	uapi.IORING_OP_RENAMEAT:        {base: "addr=PATH off=PATH", einval: "buf_index file_index"},
	uapi.IORING_OP_UNLINKAT: {base: "addr=PATH", einval: "off len rw_flags buf_index file_index",
		other: map[string]string{"addr3": "0 <7.2 EINVAL", "__pad2": "0 <7.2 EINVAL"}},
	uapi.IORING_OP_MKDIRAT:   {base: "addr=PATH", einval: "off rw_flags buf_index file_index"},
	uapi.IORING_OP_SYMLINKAT: {base: "addr=PATH off=PATH", einval: "len rw_flags buf_index file_index"},
	uapi.IORING_OP_LINKAT:    {base: "addr=PATH off=PATH", einval: "buf_index file_index"},
	uapi.IORING_OP_MSG_RING:  {einval: "buf_index personality"},
	uapi.IORING_OP_FSETXATTR: {base: "addr=NAME", other: map[string]string{"len": "EFAULT"}},
	uapi.IORING_OP_SETXATTR:  {base: "addr=NAME addr3=PATH", other: map[string]string{"len": "EFAULT"}},
	uapi.IORING_OP_FGETXATTR: {base: "addr=NAME", einval: "rw_flags"},
	uapi.IORING_OP_GETXATTR:  {base: "addr=NAME addr3=PATH", einval: "rw_flags"},
	uapi.IORING_OP_SOCKET:    {einval: "addr rw_flags buf_index"},
	uapi.IORING_OP_URING_CMD: {},
	uapi.IORING_OP_SEND_ZC:   {einval: "__pad2", other: map[string]string{"addr3": "EINVAL <7.1 0"}},
	uapi.IORING_OP_SENDMSG_ZC: {base: "addr=MSG", einval: "__pad2 off file_index",
		other: map[string]string{"addr3": "EINVAL <7.1 0"}},
	uapi.IORING_OP_READ_MULTISHOT: {base: "flags=SELECT", einval: "addr len",
		other: map[string]string{"__pad2": "EFAULT"}},
	uapi.IORING_OP_WAITID:           {einval: "addr buf_index addr3 rw_flags"},
	uapi.IORING_OP_FUTEX_WAIT:       {base: "fd=2", einval: "len rw_flags buf_index file_index"},
	uapi.IORING_OP_FUTEX_WAKE:       {base: "fd=2", einval: "len rw_flags buf_index file_index"},
	uapi.IORING_OP_FUTEX_WAITV:      {base: "addr=WAITV len=1", einval: "fd buf_index file_index off rw_flags addr3"},
	uapi.IORING_OP_FIXED_FD_INSTALL: {base: "flags=FIXED", einval: "off addr len buf_index file_index addr3"},
	uapi.IORING_OP_FTRUNCATE:        {einval: "rw_flags addr len buf_index file_index addr3"},
	uapi.IORING_OP_BIND: {einval: "len buf_index rw_flags file_index",
		other: map[string]string{"off": "EFAULT"}},
	uapi.IORING_OP_LISTEN:       {einval: "addr buf_index rw_flags file_index off"},
	uapi.IORING_OP_EPOLL_WAIT:   {einval: "off rw_flags buf_index file_index"},
	uapi.IORING_OP_READV_FIXED:  {other: map[string]string{"len": "EFAULT", "__pad2": "EFAULT"}},
	uapi.IORING_OP_WRITEV_FIXED: {other: map[string]string{"len": "EFAULT", "__pad2": "EFAULT"}},
	uapi.IORING_OP_PIPE:         {einval: "fd off addr3 rw_flags"},
	uapi.IORING_OP_NOP128:       {},
	uapi.IORING_OP_URING_CMD128: {},
}

// TestNonZeroFields sets one field of an accepted SQE at a time: exactly the named ones are refused.
func TestNonZeroFields(t *testing.T) {
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		row, ok := nonZeroRows[op]
		if !ok && op != uapi.IORING_OP_RECV_ZC { // which refuses everything
			t.Errorf("%s has no row", op)
		}
		if !ok {
			continue
		}
		base := sqeOf(op, row.base)
		rows := []prepRow{{op: op, sqe: row.base, want: "0", why: "the base must be accepted", env: row.env}}
		for _, name := range nzFields {
			f, _ := uapi.SQEFieldByName(name)
			want := "0"
			if w, ok := row.other[name]; ok {
				want = w
			} else if slices.Contains(strings.Fields(row.einval), name) {
				want = "EINVAL"
			}
			if f.Get(&base) == 0 {
				rows = append(rows, prepRow{op: op, sqe: row.base + " " + name + "=1", want: want, why: "only " + name,
					env: row.env})
			}
		}
		checkPrepRows(t, rows)
	}
}

// TestNonZeroHighBits: all bits of a field count, also where the field has 8 bytes.
func TestNonZeroHighBits(t *testing.T) {
	for op, row := range nonZeroRows {
		for _, name := range strings.Fields(row.einval) {
			f, _ := uapi.SQEFieldByName(name)
			sqe := row.base + " " + name + fmt.Sprintf("=%#x", uint64(1)<<(8*f.Size-1))
			if op == uapi.IORING_OP_LINK_TIMEOUT && name == "off" {
				continue // only its low half counts, see TestTimeouts
			}
			checkPrepRows(t, []prepRow{{op: op, sqe: sqe, want: "EINVAL", why: "the highest bit", env: row.env}})
		}
	}
}

// TestAllZero: the SQE of zeros for each opcode, which is what a program sends that forgets to fill it in.
func TestAllZero(t *testing.T) {
	want := map[uapi.Op]string{
		uapi.IORING_OP_SENDMSG: "EFAULT", uapi.IORING_OP_RECVMSG: "EFAULT", uapi.IORING_OP_TIMEOUT: "EINVAL",
		uapi.IORING_OP_LINK_TIMEOUT: "EINVAL", uapi.IORING_OP_OPENAT: "EFAULT", uapi.IORING_OP_FILES_UPDATE: "EINVAL",
		uapi.IORING_OP_STATX: "EFAULT", uapi.IORING_OP_OPENAT2: "EINVAL", uapi.IORING_OP_EPOLL_CTL: "EFAULT",
		uapi.IORING_OP_PROVIDE_BUFFERS: "E2BIG", uapi.IORING_OP_REMOVE_BUFFERS: "EINVAL", uapi.IORING_OP_RENAMEAT: "EFAULT",
		uapi.IORING_OP_UNLINKAT: "EFAULT", uapi.IORING_OP_MKDIRAT: "EFAULT", uapi.IORING_OP_SYMLINKAT: "EFAULT",
		uapi.IORING_OP_LINKAT: "EFAULT", uapi.IORING_OP_FSETXATTR: "EFAULT", uapi.IORING_OP_SETXATTR: "EFAULT",
		uapi.IORING_OP_FGETXATTR: "EFAULT", uapi.IORING_OP_GETXATTR: "EFAULT", uapi.IORING_OP_SENDMSG_ZC: "EFAULT",
		uapi.IORING_OP_READ_MULTISHOT: "EINVAL", uapi.IORING_OP_FUTEX_WAIT: "EINVAL", uapi.IORING_OP_FUTEX_WAKE: "EINVAL",
		uapi.IORING_OP_FUTEX_WAITV: "EINVAL", uapi.IORING_OP_FIXED_FD_INSTALL: "EBADF", uapi.IORING_OP_RECV_ZC: "EINVAL",
	}
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		w := want[op]
		if w == "" {
			w = "0"
		}
		checkPrepRows(t, []prepRow{{op: op, want: w, why: "all zero"}})
	}
}

// Short names of the opcodes that the tables use.
const (
	nop, nop128            = uapi.IORING_OP_NOP, uapi.IORING_OP_NOP128
	readv, writev          = uapi.IORING_OP_READV, uapi.IORING_OP_WRITEV
	read, write            = uapi.IORING_OP_READ, uapi.IORING_OP_WRITE
	readFixed              = uapi.IORING_OP_READ_FIXED
	readvFixed             = uapi.IORING_OP_READV_FIXED
	writevFixed            = uapi.IORING_OP_WRITEV_FIXED
	mshot                  = uapi.IORING_OP_READ_MULTISHOT
	sendmsgOp, recvmsgOp   = uapi.IORING_OP_SENDMSG, uapi.IORING_OP_RECVMSG
	sendOp, recvOp         = uapi.IORING_OP_SEND, uapi.IORING_OP_RECV
	sendZCOp, sendmsgZCOp  = uapi.IORING_OP_SEND_ZC, uapi.IORING_OP_SENDMSG_ZC
	connectOp, bindOp      = uapi.IORING_OP_CONNECT, uapi.IORING_OP_BIND
	acceptOp, socketOp     = uapi.IORING_OP_ACCEPT, uapi.IORING_OP_SOCKET
	openat, openat2        = uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2
	timeoutOp, linkTimeout = uapi.IORING_OP_TIMEOUT, uapi.IORING_OP_LINK_TIMEOUT
	timeoutRemove          = uapi.IORING_OP_TIMEOUT_REMOVE
	fsetxattr, setxattrOp  = uapi.IORING_OP_FSETXATTR, uapi.IORING_OP_SETXATTR
	fgetxattr, getxattrOp  = uapi.IORING_OP_FGETXATTR, uapi.IORING_OP_GETXATTR
	provide                = uapi.IORING_OP_PROVIDE_BUFFERS
	removeBuf              = uapi.IORING_OP_REMOVE_BUFFERS
	futexWait, futexWaitv  = uapi.IORING_OP_FUTEX_WAIT, uapi.IORING_OP_FUTEX_WAITV
	cancel                 = uapi.IORING_OP_ASYNC_CANCEL
	cmdOp, cmd128          = uapi.IORING_OP_URING_CMD, uapi.IORING_OP_URING_CMD128
)

var cqe32, cqeMixed = env{ring: uapi.IORING_SETUP_CQE32}, env{ring: uapi.IORING_SETUP_CQE_MIXED}
