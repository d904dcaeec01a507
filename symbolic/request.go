package symbolic

import (
	"encoding/binary"
	"math"
	"math/big"
	"net/netip"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Request is what a program has to submit for filters to see a context.
type Request struct {
	Context cbpfvm.Context
	Flags   uint8 // IOSQE_* flags of the SQE, to which prep and draining may add
	Fields  []FieldValue
	// SQEs are submitted together. The last one is the request; the others make its ring drain, or start its chain.
	SQEs []trace.SQE
	// Setup are the IORING_SETUP_* flags that the ring needs.
	Setup uint32
	// Unknown says why a model cannot tell whether the request reaches the filters; "" if it can.
	Unknown string
}

// FieldValue is a field of the context with its value in words.
type FieldValue struct{ Name, Value string }

func field64(name string, v uint64) trace.SQEField {
	return trace.SQEField{Name: name, Value: trace.Pointer{Num: v}}
}

func pointing(name string, o trace.Object) trace.SQEField {
	return trace.SQEField{Name: name, Value: trace.Pointer{Object: &o}}
}

func path(name string) trace.SQEField {
	return pointing(name, trace.Object{Path: new("/tmp/file")})
}

// buffer points to memory that prep does not look at.
func buffer(name string) trace.SQEField { return field64(name, trace.ScratchBase) }

// bytesAt points to n zero bytes.
func bytesAt(name string, n int) trace.SQEField {
	return pointing(name, trace.Object{Bytes: new(make(trace.Bytes, n))})
}

func one(name string) trace.SQEField { return field64(name, 1) }

func iovec(name string) trace.SQEField {
	return pointing(name, trace.Object{Iovecs: &[]trace.Iovec{{Base: trace.Pointer{Num: trace.ScratchBase}, Len: 1}}})
}

func list(fields ...trace.SQEField) []trace.SQEField { return fields }

// needed are the fields that an opcode needs for prep to accept the request. Opcodes that are not listed need none.
var needed = func() map[uapi.Op][]trace.SQEField {
	vector := list(iovec("addr"), one("len"))
	message := list(pointing("addr", trace.Object{Msghdr: &trace.Msghdr{}}))
	attribute := list(path("addr"), buffer("addr2"), path("addr3"), field64("len", 8))
	two := list(path("addr"), path("addr2"))
	time := list(pointing("addr", trace.Object{Timespec: &trace.Timespec{Sec: 1}}), one("len"))
	waiter := pointing("addr", trace.Object{Bytes: new(trace.Bytes{16: 2, 23: 0})}) // of a futex of 32 bits
	futex := list(buffer("addr"), field64("fd", 2), one("addr3"))
	return map[uapi.Op][]trace.SQEField{
		uapi.IORING_OP_READV: vector, uapi.IORING_OP_WRITEV: vector,
		uapi.IORING_OP_READV_FIXED: vector, uapi.IORING_OP_WRITEV_FIXED: vector,
		uapi.IORING_OP_SENDMSG: message, uapi.IORING_OP_RECVMSG: message, uapi.IORING_OP_SENDMSG_ZC: message,
		uapi.IORING_OP_SETXATTR: attribute, uapi.IORING_OP_FSETXATTR: attribute,
		uapi.IORING_OP_GETXATTR: attribute, uapi.IORING_OP_FGETXATTR: attribute,
		uapi.IORING_OP_RENAMEAT: two, uapi.IORING_OP_SYMLINKAT: two, uapi.IORING_OP_LINKAT: two,
		uapi.IORING_OP_TIMEOUT: time, uapi.IORING_OP_LINK_TIMEOUT: time,
		uapi.IORING_OP_FUTEX_WAIT: futex, uapi.IORING_OP_FUTEX_WAKE: futex,
		uapi.IORING_OP_FUTEX_WAITV:     list(waiter, one("len")),
		uapi.IORING_OP_FILES_UPDATE:    list(one("len")),
		uapi.IORING_OP_STATX:           list(path("addr"), buffer("addr2")),
		uapi.IORING_OP_EPOLL_CTL:       list(bytesAt("addr", 16), one("len")),
		uapi.IORING_OP_PROVIDE_BUFFERS: list(one("fd"), buffer("addr"), field64("len", 8)),
		uapi.IORING_OP_REMOVE_BUFFERS:  list(one("fd")),
		uapi.IORING_OP_UNLINKAT:        list(path("addr")),
		uapi.IORING_OP_MKDIRAT:         list(path("addr"), field64("len", 0o755)),
		uapi.IORING_OP_BIND:            list(bytesAt("addr", 16), field64("addr2", 16)),
		uapi.IORING_OP_PIPE:            list(buffer("addr")),
		uapi.IORING_OP_OPENAT:          list(path("addr")),
		uapi.IORING_OP_OPENAT2:         list(path("addr")),
		uapi.IORING_OP_EPOLL_WAIT:      list(buffer("addr"), one("len")),
	}
}()

// Why a model does not know what becomes of RECV_ZC.
const noQueue = "RECV_ZC needs a zero-copy receive queue, which rings of the model do not have"

// request returns the request that has these values.
func (c *contexts) request(v values) *Request {
	r := &Request{Context: c.context(v), Flags: c.flags(v)}
	if opdef.Defs[c.op].Is128 {
		r.Setup |= uapi.IORING_SETUP_SQE128
	}
	if c.op == uapi.IORING_OP_RECV_ZC {
		r.Unknown = noQueue
	}
	r.Fields = c.inWords(r)
	r.SQEs = append(c.before(r), c.sqe(r))
	return r
}

// inWords returns the fields of the payload, and those that all requests have if they are not 0.
func (c *contexts) inWords(r *Request) []FieldValue {
	var all []FieldValue
	for i := range c.fields {
		f := &c.fields[i]
		v := f.in(&r.Context)
		head := f.name == sqeFlags || f.name == userData
		if f.name == sqeFlags {
			v.SetUint64(uint64(r.seen())) // including those that all requests have
		}
		if head && v.Sign() == 0 {
			continue
		}
		value := f.words.value
		if f.words.addr {
			if value = addressOf(int64(r.Context.Word(pdu))); value == nil {
				continue // it is 0
			}
		}
		all = append(all, FieldValue{f.name, value(v)})
	}
	if added := r.seen() &^ r.Flags; added != 0 {
		all = append(all, FieldValue{submitted, uapi.SQEFlags.FormatFlags(uint64(r.Flags))})
	}
	return all
}

// in returns the field's value in a context.
func (f *field) in(ctx *cbpfvm.Context) *big.Int {
	v := new(big.Int)
	for _, p := range f.bits {
		v.SetBit(v, p.weight, uint(ctx[p.at/8]>>(p.at%8)&1))
	}
	return v
}

// seen returns the flags that filters see.
func (r *Request) seen() uint8 { return r.Context[uapi.BPFCtxSQEFlags] }

// before returns the SQEs to submit before the request: those that make the ring drain, for flags that only draining
// adds, and the start of a chain for LINK_TIMEOUT.
func (c *contexts) before(r *Request) []trace.SQE {
	var sqes []trace.SQE
	nop := func(flags uint64) {
		sqes = append(sqes, trace.SQE{Fields: list(opcode(uapi.IORING_OP_NOP), field64("flags", flags))})
	}
	added := r.seen() &^ r.Flags
	switch {
	case added&uapi.IOSQE_IO_DRAIN != 0:
		nop(uapi.IOSQE_IO_LINK)
		nop(uapi.IOSQE_IO_DRAIN)
	case added&uapi.IOSQE_ASYNC != 0 && r.Flags&uapi.IOSQE_IO_DRAIN == 0 && !c.forcesAsync(r):
		nop(uapi.IOSQE_IO_DRAIN)
	}
	if c.op == uapi.IORING_OP_LINK_TIMEOUT {
		nop(uapi.IOSQE_IO_LINK)
	}
	for i := range sqes {
		if r.Setup&uapi.IORING_SETUP_SQE128 != 0 {
			sqes[i].Cmd = make(trace.Bytes, uapi.SizeofSQE)
		}
	}
	return sqes
}

// forcesAsync tells whether prep itself sends the request to a worker.
func (c *contexts) forcesAsync(r *Request) bool {
	if c.op == uapi.IORING_OP_OPENAT || c.op == uapi.IORING_OP_OPENAT2 {
		return long(r, 0)&(uapi.O_CREAT|uapi.O_TRUNC|uapi.O_TMPFILE_) != 0
	}
	return c.contextBit(8*uapi.BPFCtxSQEFlags+4) == always
}

// long returns a number of 64 bits in the payload.
func long(r *Request, off int) uint64 { return binary.LittleEndian.Uint64(r.Context[pdu+off:]) }

func opcode(op uapi.Op) trace.SQEField { return field64("opcode", uint64(op)) }

// sqe returns the request itself.
func (c *contexts) sqe(r *Request) trace.SQE {
	s := trace.SQE{Fields: list(opcode(c.op))}
	if r.Flags != 0 {
		s.Fields = append(s.Fields, field64("flags", uint64(r.Flags)))
	}
	if data := binary.LittleEndian.Uint64(r.Context[uapi.BPFCtxUserData:]); data != 0 {
		s.Fields = append(s.Fields, field64("user_data", data))
	}
	s.Fields = append(append(s.Fields, needed[c.op]...), c.arguments(r)...)
	if opdef.Defs[c.op].Is128 {
		s.Cmd = make(trace.Bytes, uapi.SizeofSQE)
	}
	return s
}

// arguments returns the fields of the SQE that show in the context, and those that flags require.
func (c *contexts) arguments(r *Request) []trace.SQEField {
	le := binary.LittleEndian
	ctx := r.Context[:]
	switch c.op {
	case uapi.IORING_OP_SOCKET:
		return list(field64("fd", uint64(le.Uint32(ctx[pdu:]))), field64("off", uint64(le.Uint32(ctx[pdu+4:]))),
			field64("len", uint64(le.Uint32(ctx[pdu+8:]))))
	case uapi.IORING_OP_OPENAT:
		return list(field64("open_flags", long(r, 0)&math.MaxUint32), field64("len", long(r, 8)))
	case uapi.IORING_OP_OPENAT2:
		how := trace.OpenHow{Mode: trace.Number(long(r, 8))}
		how.Flags, how.Resolve = trace.OpenNum(long(r, 0)), trace.ResolveNum(long(r, 16))
		return list(pointing("addr2", trace.Object{OpenHow: &how}), field64("len", uapi.SizeofOpenHow))
	case uapi.IORING_OP_CONNECT:
		return socketAddress(ctx)
	case uapi.IORING_OP_NOP, uapi.IORING_OP_NOP128:
		if r.seen()&^r.Flags&uapi.IOSQE_FIXED_FILE != 0 {
			return list(field64("nop_flags", uapi.IORING_NOP_FIXED_FILE))
		}
	case uapi.IORING_OP_URING_CMD, uapi.IORING_OP_URING_CMD128:
		if r.Flags&uapi.IOSQE_BUFFER_SELECT != 0 {
			return list(field64("uring_cmd_flags", uapi.IORING_URING_CMD_MULTISHOT))
		}
	}
	return nil
}

// socketAddress returns the fields of a CONNECT with this context.
func socketAddress(ctx []byte) []trace.SQEField {
	family := binary.LittleEndian.Uint32(ctx[pdu:])
	port := binary.BigEndian.Uint16(ctx[pdu+4:])
	var addr netip.Addr
	switch family {
	case uapi.AF_INET:
		addr = netip.AddrFrom4([4]byte(ctx[pdu+8:]))
	case uapi.AF_INET6:
		addr = netip.AddrFrom16([16]byte(ctx[pdu+8:]))
	default:
		b := make(trace.Bytes, 16)
		binary.LittleEndian.PutUint16(b, uint16(family))
		return list(pointing("addr", trace.Object{Bytes: &b}), field64("addr2", 16))
	}
	at := netip.AddrPortFrom(addr, port)
	s := trace.Sockaddr(at.String())
	return list(pointing("addr", trace.Object{Sockaddr: &s}), field64("addr2", uint64(len(uapi.SockaddrInet(at)))))
}

// Events returns the calls with which a task sets up a ring and submits the request.
func (r *Request) Events(task string) []trace.Event {
	const first = 3 // the first free descriptor
	return []trace.Event{
		{Task: task, Args: &trace.SetupArgs{Entries: 4, Flags: trace.SetupNum(uapi.IORING_SETUP_SUBMIT_ALL | r.Setup)}},
		{Task: task, Args: &trace.EnterArgs{FD: first, SQEs: r.SQEs}},
	}
}

// Passed tells whether a request got past restrictions and filters.
func Passed(q *trace.Request) bool {
	return q.Why == nil || q.Why.Stage != verdict.Restriction && q.Why.Stage != verdict.Filter
}
