package opdef

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Request is a request after its prep: what the kernel copied, once, out of the SQE and of user memory. Filters and
// the operation itself see this and not the SQE.
type Request struct {
	SQE      uapi.SQE
	Opcode   uapi.Op
	Flags    uint8 // bits 0 to 6 of the kernel's REQ_F_ flags: the SQE's flags, and what prep and draining add
	UserData uint64

	How     uapi.OpenHow                     // OPENAT, OPENAT2
	Addr    [uapi.SizeofSockaddrStorage]byte // CONNECT; what lies behind AddrLen means nothing
	AddrLen int32                            // CONNECT: how much of Addr the program gave

	Total uint64 // bytes of the iovecs that prep read, as many as one call moves

	Time int64 // TIMEOUT, LINK_TIMEOUT, TIMEOUT_REMOVE that updates: in ns

	Notif         bool   // SEND_ZC, SENDMSG_ZC: a notification was allocated
	NotifUserData uint64 // its user_data
	NotifReport   bool   // its result tells whether data was copied
}

// Restart makes a request that is over the request of another SQE.
func (r *Request) Restart(sqe []byte) {
	copy(r.SQE[:], sqe)
	r.How = uapi.OpenHow{}
	r.AddrLen, r.Total, r.Time, r.Notif, r.NotifUserData, r.NotifReport = 0, 0, 0, false, 0, false
}

// Prep is what a prep function looks at.
type Prep struct {
	Kernel kernel.Release
	Mem    *mm.Space
	Req    *Request

	RingFlags uint32 // IORING_SETUP_*
	// MayRT tells whether the task may use the real-time I/O class (CAP_SYS_ADMIN or CAP_SYS_NICE).
	MayRT bool
	// Creds tells that the request runs with a registered personality.
	Creds bool
	// InChain tells that a chain is being assembled, whose last member is a request of opcode LastOp.
	InChain bool
	LastOp  uapi.Op

	// ArmsTimeout is set by LINK_TIMEOUT: the last member of the chain has a timeout now.
	ArmsTimeout bool
}

// Step is one check or action of a prep function.
type Step struct {
	Doc    string         // the rule, in words
	Errnos []uapi.Errno   // what it can fail with
	Reads  string         // the memory of the task that it reads, "" for none
	Asks   string         // what it looks at besides SQE and memory, "" for nothing
	Varies []kernel.Quirk // what changes the way it works, apart from whether the kernel has it
	Always uint8          // IOSQE flags that every request has after it
	Never  uint8          // IOSQE flags that no request has after it
	about  *SQEBits       // without any of these it does nothing; nil if it must always run
	run    func(*Prep) uapi.Errno

	quirk kernel.Quirk
	gate  gate
	sees  *SQEBits // of the SQE, all that it looks at; nil may be any

	refusals []*verdict.Refusal // what a request is told, for each of Errnos
}

// What steps ask of ring and task.
const (
	asksRing   = "the ring's flags"
	asksRT     = "the task's right to the real-time I/O class"
	asksCreds  = "the request's personality"
	asksChain  = "the chain that is being submitted"
	asksQueues = "the ring's zero-copy receive queues"
)

// reads states the memory that a step reads, asks what it looks at besides, and varies which quirk changes it.
func reads(memory string, s Step) Step       { s.Reads = memory; return s }
func asks(what string, s Step) Step          { s.Asks = what; return s }
func varies(quirk kernel.Quirk, s Step) Step { s.Varies = append(s.Varies, quirk); return s }

// needs refuses requests without an IOSQE flag, bars those with it, and both state so.
func needs(e uapi.Errno, flag uint8, doc string) Step {
	s := seeing(fails(e, doc+" must be set", func(p *Prep) bool { return !p.has(flag) }), "flags")
	s.Always = flag
	return s
}

func bars(e uapi.Errno, flag uint8, doc string) Step {
	s := seeing(fails(e, doc+" must not be set", func(p *Prep) bool { return p.has(flag) }), "flags")
	s.Never = flag
	return s
}

// On tells whether the kernel has the step.
func (s *Step) On(k kernel.Release) bool {
	return s.gate == always || k.Has(s.quirk) == (s.gate == onlyWith)
}

// Gate is the quirk that decides whether a kernel has the step; ok is false if all have it.
func (s *Step) Gate() (q kernel.Quirk, ok bool) { return s.quirk, s.gate != always }

type gate int8

const (
	always gate = iota
	onlyWith
	onlyWithout
)

// Function is a prep function: its steps in the kernel's order.
type Function struct {
	Where string // the kernel function, as file:function
	Steps []Step
}

// Exit is one way in which the prep of an opcode can fail: by a step, with an errno.
type Exit struct {
	Op    uapi.Op
	Doc   string // of the step
	Errno uapi.Errno
}

func (e Exit) String() string { return fmt.Sprintf("%v: %s: %v", e.Op, e.Doc, e.Errno) }

// Exits are all ways in which preps fail, by opcode and in the order of the checks.
func Exits() []Exit {
	var exits []Exit
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		for _, s := range Defs[op].Prep.Steps {
			for _, e := range s.Errnos {
				exits = append(exits, Exit{op, s.Doc, e})
			}
		}
	}
	return exits
}

// prep makes a Function. What its steps say when they refuse is made here, once.
func prep(where string, steps ...Step) *Function {
	for i := range steps {
		s := &steps[i]
		s.refusals = make([]*verdict.Refusal, len(s.Errnos))
		for n, e := range s.Errnos {
			r := verdict.Refuse(verdict.Prep, e, where, s.Doc)
			if s.gate != always {
				r.Quirk = s.quirk.String()
			}
			s.refusals[n] = r
		}
	}
	return &Function{Where: where, Steps: steps}
}

// refusal is what a request is told that fails with e.
func (s *Step) refusal(e uapi.Errno) *verdict.Refusal { return s.refusals[slices.Index(s.Errnos, e)] }

// with keeps a step to kernels that have the quirk, without to the others.
func with(q kernel.Quirk, s Step) Step    { s.quirk, s.gate = q, onlyWith; return s }
func without(q kernel.Quirk, s Step) Step { s.quirk, s.gate = q, onlyWithout; return s }

// check is a step that may fail; act is one that cannot.
func check(doc string, run func(*Prep) uapi.Errno, errnos ...uapi.Errno) Step {
	return Step{Doc: doc, Errnos: errnos, run: run}
}

func act(doc string, run func(*Prep)) Step {
	return Step{Doc: doc, run: func(p *Prep) uapi.Errno { run(p); return 0 }}
}

// fails is the step of a condition that gives e when it holds.
func fails(e uapi.Errno, doc string, cond func(*Prep) bool) Step {
	return check(doc, func(p *Prep) uapi.Errno {
		if cond(p) {
			return e
		}
		return 0
	}, e)
}

// field looks up a field of the SQE; the names are fixed, so a wrong one is a mistake in this package.
func field(name string) uapi.SQEField {
	f, ok := uapi.SQEFieldByName(name)
	if !ok {
		panic("opdef: no SQE field " + name)
	}
	return f
}

// zero wants all the named fields to be 0.
func zero(names ...string) Step {
	return none(bitsOfAll(names...), strings.Join(names, ", ")+" must be 0")
}

// none wants no bit of these.
func none(bits SQEBits, doc string) Step {
	s := fails(uapi.EINVAL, doc, func(p *Prep) bool { return bits.in(&p.Req.SQE) })
	s.about, s.sees = &bits, &bits
	return s
}

// within wants no bit of the field outside of mask.
func within(name string, mask uint64) Step {
	return none(bitsOf(name, ^mask), fmt.Sprintf("%s must have no bits outside %#x", name, mask))
}

// exclusive refuses a field that has more than one bit of mask.
func exclusive(name string, mask uint64) Step {
	f := field(name)
	return seeing(about(name, mask, fails(uapi.EINVAL, fmt.Sprintf("%s must not have all the bits %#x", name, mask),
		func(p *Prep) bool { return f.Get(&p.Req.SQE)&mask == mask })), name)
}

// noFixedFile refuses IOSQE_FIXED_FILE where the descriptor is one of a directory.
func noFixedFile() Step {
	return bars(uapi.EBADF, uapi.IOSQE_FIXED_FILE, "IOSQE_FIXED_FILE")
}

// AsyncDoc says when the prep of the opcode sets IOSQE_ASYNC, which filters then see; "" is never.
func AsyncDoc(op uapi.Op) string {
	for _, s := range Defs[op].Prep.Steps {
		if strings.HasPrefix(s.Doc, asyncDoc) {
			return s.Doc
		}
	}
	return ""
}

// asyncDoc begins the text of every step that sets IOSQE_ASYNC.
const asyncDoc = "IOSQE_ASYNC is set"

// forceAsync sends the request to a worker, which filters see as IOSQE_ASYNC.
func forceAsync() Step {
	s := act(asyncDoc, func(p *Prep) { p.Req.Flags |= uapi.IOSQE_ASYNC })
	s.Always = uapi.IOSQE_ASYNC
	return s
}

func (p *Prep) has(flag uint8) bool { return p.Req.Flags&flag != 0 }

// pathMax is the longest path in bytes, its NUL included.
const pathMax = 4096

// path reads the path that the field points to.
func path(name string) Step {
	f := field(name)
	return reads(pathAt(name), check(name+" points to a path",
		func(p *Prep) uapi.Errno { return p.getname(f.Get(&p.Req.SQE), false) },
		uapi.EFAULT, uapi.ENOENT, uapi.ENAMETOOLONG))
}

// pathOrEmpty is path for calls that take AT_EMPTY_PATH in the flags at offset 28.
func pathOrEmpty(name string) Step {
	f := field(name)
	return reads(pathAt(name), check(name+" points to a path, which may be empty with AT_EMPTY_PATH",
		func(p *Prep) uapi.Errno {
			return p.getname(f.Get(&p.Req.SQE), p.Req.SQE.OpFlags()&uapi.AT_EMPTY_PATH != 0)
		}, uapi.EFAULT, uapi.ENOENT, uapi.ENAMETOOLONG))
}

// pathAt says what a step that reads a path reads.
func pathAt(name string) string {
	return fmt.Sprintf("the path at %s, up to its NUL or %d bytes", name, pathMax)
}

// getname reads a path.
//
// Linux: fs/namei.c:getname_flags
func (p *Prep) getname(addr uint64, mayBeEmpty bool) uapi.Errno {
	s, e := p.Mem.CString(addr, pathMax)
	if e == 0 && s == "" && !mayBeEmpty {
		e = uapi.ENOENT
	}
	return e
}

// copyIn reads n bytes, or fails.
func (p *Prep) copyIn(addr uint64, n int) ([]byte, uapi.Errno) {
	b := make([]byte, n)
	if !p.Mem.CopyIn(b, addr) {
		return nil, uapi.EFAULT
	}
	return b, 0
}

// importUbuf checks a buffer by its numbers; the memory itself is not touched before the request runs.
//
// Linux: lib/iov_iter.c:import_ubuf
func importUbuf(addr, size uint64) uapi.Errno {
	if !mm.AccessOK(addr, min(size, mm.MaxRWCount)) {
		return uapi.EFAULT
	}
	return 0
}

// uioMaxIOV is the longest array of iovecs (UIO_MAXIOV).
const uioMaxIOV = 1024

// iovec is struct iovec.
type iovec struct{ base, len uint64 }

// iovecFromUser copies an array of iovecs.
//
// Linux: lib/iov_iter.c:iovec_from_user
func (p *Prep) iovecFromUser(addr, count uint64) ([]iovec, uapi.Errno) {
	if count == 0 {
		return nil, 0
	}
	if count > uioMaxIOV {
		return nil, uapi.EINVAL
	}
	if !mm.AccessOK(addr, count*uapi.SizeofIovec) {
		return nil, uapi.EFAULT
	}
	vec := make([]iovec, count)
	for i := range vec {
		b, e := p.copyIn(addr+uint64(i)*uapi.SizeofIovec, uapi.SizeofIovec)
		if e != 0 {
			return nil, e
		}
		vec[i] = iovec{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
		if int64(vec[i].len) < 0 {
			return nil, uapi.EINVAL
		}
	}
	return vec, 0
}

// importIovec copies an array of iovecs and checks the buffers by their numbers.
//
// Linux: lib/iov_iter.c:__import_iovec
func (p *Prep) importIovec(addr, count uint64) uapi.Errno {
	vec, e := p.iovecFromUser(addr, count)
	if e != 0 {
		return e
	}
	p.Req.Total = total(vec)
	if len(vec) == 1 {
		return importUbuf(vec[0].base, vec[0].len)
	}
	for _, v := range vec {
		if !mm.AccessOK(v.base, v.len) {
			return uapi.EFAULT
		}
	}
	return 0
}

// total is how many bytes of the buffers one call moves.
func total(vec []iovec) uint64 {
	var n uint64
	for _, v := range vec {
		n = min(n+min(v.len, mm.MaxRWCount), mm.MaxRWCount)
	}
	return n
}

// prepRegIovec copies the iovecs of a request on registered buffers; the buffers are looked up when it runs.
//
// Linux: io_uring/rsrc.c:io_prep_reg_iovec
func (p *Prep) prepRegIovec(addr, count uint64) uapi.Errno {
	const kmallocMax = 4 << 20
	if count > kmallocMax/uapi.SizeofIovec {
		return uapi.ENOMEM // room for the array is taken before its length is checked
	}
	vec, e := p.iovecFromUser(addr, count)
	p.Req.Total = total(vec)
	return e
}

// moveAddrToKernel copies a socket address. A length of 0 reads nothing.
//
// Linux: net/socket.c:move_addr_to_kernel
func (p *Prep) moveAddrToKernel(addr uint64, size int32) uapi.Errno {
	if size < 0 || size > uapi.SizeofSockaddrStorage {
		return uapi.EINVAL
	}
	if size > 0 && !p.Mem.CopyIn(p.Req.Addr[:size], addr) {
		return uapi.EFAULT
	}
	return 0
}
