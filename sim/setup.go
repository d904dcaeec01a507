package sim

import (
	"fmt"
	"math/bits"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// nrCPUs is the number of processors of the machine that is modelled.
//
// Departs: IORING_SETUP_SQ_AFF knows one processor.
const nrCPUs = 1

// setup is io_uring_setup(2).
//
// Linux: io_uring/io_uring.c:io_uring_setup
func (k *Kernel) setup(t *task, c trace.Setup) trace.Result {
	if k.rings[c.Ring] != nil {
		return trace.Result{Err: fmt.Errorf("there is a ring %q already", c.Ring)}
	}
	const where = "io_uring/io_uring.c:io_uring_setup"
	raw := make([]byte, uapi.SizeofParams)
	if !t.Mem.CopyIn(raw, c.Params) {
		return refuseSetup(uapi.EFAULT, where, "struct io_uring_params must be readable")
	}
	p := uapi.DecodeParams(raw)
	if refusal := k.checkParams(c.Entries, &p); refusal != nil {
		return trace.Result{Ret: refusal.Errno.Ret(), Why: refusal}
	}
	p.Features = register.Features
	return k.create(t, c, &p)
}

// checkParams checks the parameters that the program gave, and fills in sizes and offsets.
func (k *Kernel) checkParams(entries uint32, p *uapi.Params) *verdict.Refusal {
	if p.Resv != [3]uint32{} {
		return verdict.Refuse(verdict.Setup, uapi.EINVAL, "io_uring/io_uring.c:io_uring_setup", "resv must be 0")
	}
	p.SQEntries = entries
	return k.prepareConfig(p)
}

func refuseSetup(e uapi.Errno, where, why string) trace.Result {
	return trace.Result{Ret: e.Ret(), Why: verdict.Refuse(verdict.Setup, e, where, why)}
}

// flagRule is a rule about setup flags: if any of has is set, all of needs must be and none of excludes.
type flagRule struct{ has, needsOne, excludes uint32 }

// flagRules are the rules of io_uring_sanitise_params, all EINVAL.
var flagRules = []flagRule{
	{has: uapi.IORING_SETUP_SQ_REWIND, needsOne: uapi.IORING_SETUP_NO_SQARRAY, excludes: uapi.IORING_SETUP_SQPOLL},
	{has: uapi.IORING_SETUP_REGISTERED_FD_ONLY, needsOne: uapi.IORING_SETUP_NO_MMAP},
	{has: uapi.IORING_SETUP_SQPOLL, excludes: uapi.IORING_SETUP_COOP_TASKRUN | uapi.IORING_SETUP_TASKRUN_FLAG |
		uapi.IORING_SETUP_DEFER_TASKRUN},
	{has: uapi.IORING_SETUP_TASKRUN_FLAG, needsOne: uapi.IORING_SETUP_COOP_TASKRUN | uapi.IORING_SETUP_DEFER_TASKRUN},
	{has: uapi.IORING_SETUP_HYBRID_IOPOLL, needsOne: uapi.IORING_SETUP_IOPOLL},
	{has: uapi.IORING_SETUP_DEFER_TASKRUN, needsOne: uapi.IORING_SETUP_SINGLE_ISSUER},
	{has: uapi.IORING_SETUP_CQE32, excludes: uapi.IORING_SETUP_CQE_MIXED},
	{has: uapi.IORING_SETUP_SQE128, excludes: uapi.IORING_SETUP_SQE_MIXED},
}

// prepareConfig checks the parameters and fills in sizes and offsets.
//
// Linux: io_uring/io_uring.c:io_prepare_config
func (k *Kernel) prepareConfig(p *uapi.Params) *verdict.Refusal {
	const where = "io_uring/io_uring.c:io_uring_sanitise_params"
	if unknown := p.Flags &^ register.SetupFlags(k.release); unknown != 0 {
		r := verdict.Refuse(verdict.Setup, uapi.EINVAL, where, "unknown flags "+uapi.SetupFlags.FormatFlags(uint64(unknown)))
		if unknown&uapi.IORING_SETUP_SQ_REWIND != 0 && k.release.Has(kernel.NoSQRewind) {
			r.Quirk = kernel.NoSQRewind.String()
		}
		return r
	}
	for _, rule := range flagRules {
		if p.Flags&rule.has == 0 {
			continue
		}
		name := uapi.SetupFlags.FormatFlags(uint64(rule.has))
		if rule.needsOne != 0 && p.Flags&rule.needsOne == 0 {
			return verdict.Refuse(verdict.Setup, uapi.EINVAL, where, name+" needs "+uapi.SetupFlags.FormatFlags(uint64(rule.needsOne)))
		}
		if bad := p.Flags & rule.excludes; bad != 0 {
			return verdict.Refuse(verdict.Setup, uapi.EINVAL, where, name+" excludes "+uapi.SetupFlags.FormatFlags(uint64(bad)))
		}
	}
	if why := fillEntries(p); why != "" {
		return verdict.Refuse(verdict.Setup, uapi.EINVAL, "io_uring/io_uring.c:io_uring_fill_params", why)
	}
	if p.Flags&uapi.IORING_SETUP_CQE_MIXED != 0 && p.CQEntries < 2 || p.Flags&uapi.IORING_SETUP_SQE_MIXED != 0 && p.SQEntries < 2 {
		return verdict.Refuse(verdict.Setup, uapi.EOVERFLOW, "io_uring/io_uring.c:rings_size", "mixed rings need two entries")
	}
	fillOffsets(p)
	return nil
}

// fillEntries rounds the sizes; the result says what is wrong with them.
//
// Linux: io_uring/io_uring.c:io_uring_fill_params
func fillEntries(p *uapi.Params) string {
	clamp := p.Flags&uapi.IORING_SETUP_CLAMP != 0
	if p.SQEntries == 0 || p.SQEntries > uapi.IORING_MAX_ENTRIES && !clamp {
		return "entries must be 1 to 32768"
	}
	p.SQEntries = roundUp(min(p.SQEntries, uapi.IORING_MAX_ENTRIES))
	if p.Flags&uapi.IORING_SETUP_CQSIZE == 0 {
		p.CQEntries = 2 * p.SQEntries
		return ""
	}
	if p.CQEntries == 0 || p.CQEntries > uapi.IORING_MAX_CQ_ENTRIES && !clamp {
		return "cq_entries must be 1 to 65536"
	}
	p.CQEntries = roundUp(min(p.CQEntries, uapi.IORING_MAX_CQ_ENTRIES))
	if p.CQEntries < p.SQEntries {
		return "cq_entries must not be less than the SQ's"
	}
	return ""
}

// roundUp is the next power of two.
func roundUp(n uint32) uint32 { return 1 << bits.Len32(n-1) }

// fillOffsets says where the words of the ring memory are.
func fillOffsets(p *uapi.Params) {
	sqAddr, cqAddr, array := p.SQOff.UserAddr, p.CQOff.UserAddr, p.SQOff.Array
	if p.Flags&uapi.IORING_SETUP_NO_MMAP == 0 {
		sqAddr, cqAddr = 0, 0
	}
	if p.Flags&uapi.IORING_SETUP_NO_SQARRAY == 0 {
		array = arrayOffset(p)
	}
	p.SQOff = uapi.SQRingOffsets{Head: uapi.RingSQHead, Tail: uapi.RingSQTail, RingMask: uapi.RingSQMask,
		RingEntries: uapi.RingSQEntries, Flags: uapi.RingSQFlags, Dropped: uapi.RingSQDropped, Array: array, UserAddr: sqAddr}
	p.CQOff = uapi.CQRingOffsets{Head: uapi.RingCQHead, Tail: uapi.RingCQTail, RingMask: uapi.RingCQMask,
		RingEntries: uapi.RingCQEntries, Overflow: uapi.RingCQOverflow, CQEs: uapi.RingCQEs, Flags: uapi.RingCQFlags,
		UserAddr: cqAddr}
}

// arrayOffset is where the SQ array starts, behind the CQEs, in bytes.
//
// Linux: io_uring/io_uring.c:rings_size
func arrayOffset(p *uapi.Params) uint32 {
	off := uint32(uapi.RingCQEs + uapi.SizeofCQE*p.CQEntries)
	if p.Flags&uapi.IORING_SETUP_CQE32 != 0 {
		off *= 2
	}
	return (off + 63) &^ 63
}

// create makes the ring. The task's restrictions and filters are shared with it before anything that may still fail.
//
// Linux: io_uring/io_uring.c:io_uring_create
func (k *Kernel) create(t *task, c trace.Setup, p *uapi.Params) trace.Result {
	r := &Ring{k: k, sqEntries: p.SQEntries, cqEntries: p.CQEntries, prepping: opdef.Prep{Kernel: k.release}}
	r.Name, r.Flags, r.Payer, r.PostAux = c.Ring, p.Flags, register.PayerOf(t.Task), r.postAux
	r.cq.init(r)
	r.Inherit(k.release, t.Task)
	if refusal := k.allocate(t, r, p); refusal != nil {
		return trace.Result{Ret: refusal.Errno.Ret(), Why: refusal}
	}
	if refusal := sqOffload(t.Task, p); refusal != nil {
		return trace.Result{Ret: refusal.Errno.Ret(), Why: refusal}
	}
	r.join(t.Task, p)
	const where = "io_uring/io_uring.c:io_uring_create"
	if !t.Mem.CopyOut(c.Params, p.Append(nil)) {
		return refuseSetup(uapi.EFAULT, where, "struct io_uring_params must be writable")
	}
	if r.has(uapi.IORING_SETUP_SINGLE_ISSUER) && !r.has(uapi.IORING_SETUP_R_DISABLED) {
		r.Submitter = t.Task
	}
	r.Use(t.Task)
	f := &tctx.File{Kind: tctx.RingFile, Ring: r}
	var fd int32
	var e uapi.Errno
	if r.has(uapi.IORING_SETUP_REGISTERED_FD_ONLY) {
		fd, e = t.AddRing(f, 0, uapi.IO_RINGFD_REG_MAX)
	} else {
		fd, e = t.Files.Install(f, true)
	}
	if e != 0 {
		return refuseSetup(e, where, "there must be a free descriptor")
	}
	k.rings[c.Ring] = r
	return trace.Result{Ret: int64(fd)}
}

// allocate makes the ring memory, or checks that of the program.
//
// Linux: io_uring/io_uring.c:io_allocate_scq_urings
func (k *Kernel) allocate(t *task, r *Ring, p *uapi.Params) *verdict.Refusal {
	rings, sqes := regions(p)
	for _, g := range []region{rings, sqes} {
		if refusal := g.check(t.Mem); refusal != nil {
			return refusal
		}
	}
	r.submissions, r.memory = newSubmissions(p), rings.size+sqes.size
	if r.user = pinRing(t.Mem, p); r.user != nil {
		r.user.readSQ(r.submissions)
		r.cq.remember()
		r.user.readCQ(r.cq.halves)
		r.save()
	}
	return nil
}

// submissions is the memory of an SQ.
type submissions struct {
	sqes    []byte
	sqArray []uint32
}

// newSubmissions makes the memory for the SQ of a ring with these parameters.
func newSubmissions(p *uapi.Params) submissions {
	_, sqes := regions(p)
	s := submissions{sqes: make([]byte, sqes.size)}
	if p.Flags&uapi.IORING_SETUP_NO_SQARRAY == 0 {
		s.sqArray = make([]uint32, p.SQEntries)
	}
	return s
}

// region is memory that a ring needs, of the program or of the kernel.
type region struct {
	name       string // the offsets that have its address
	user       bool
	addr, size uint64
}

// regions are the memory of the words, CQEs and SQ array, and that of the SQEs.
//
// Linux: io_uring/io_uring.c:rings_size
func regions(p *uapi.Params) (rings, sqes region) {
	user := p.Flags&uapi.IORING_SETUP_NO_MMAP != 0
	rings = region{"cq_off", user, p.CQOff.UserAddr, uint64(arrayOffset(p))}
	if p.Flags&uapi.IORING_SETUP_NO_SQARRAY == 0 {
		rings.size += uint64(4 * p.SQEntries)
	}
	sqes = region{"sq_off", user, p.SQOff.UserAddr, uint64(uapi.SizeofSQE * p.SQEntries)}
	if p.Flags&uapi.IORING_SETUP_SQE128 != 0 {
		sqes.size *= 2
	}
	return rings, sqes
}

// check checks memory of the program.
//
// Linux: io_uring/memmap.c:io_create_region
func (g region) check(mem *mm.Space) *verdict.Refusal {
	if !g.user {
		return nil
	}
	if e, why := userRegion(mem, g.addr, g.size); e != 0 {
		return verdict.Refuse(verdict.Setup, e, "io_uring/memmap.c:io_create_region", g.name+".user_addr "+why)
	}
	return nil
}

// userRegion checks memory of the program that is to hold a ring.
func userRegion(mem *mm.Space, addr, size uint64) (uapi.Errno, string) {
	size = (size + mm.PageSize - 1) &^ uint64(mm.PageSize-1)
	switch {
	case addr == 0:
		return uapi.EFAULT, "must be given"
	case addr%mm.PageSize != 0:
		return uapi.EINVAL, "must be the start of a page"
	case addr+size < addr:
		return uapi.EOVERFLOW, "must not wrap around"
	case !mem.Pinnable(addr, size):
		return uapi.EFAULT, fmt.Sprintf("must have %d bytes of writable memory", size)
	}
	return 0, ""
}

// sqOffload checks what a submission thread needs.
//
// Linux: io_uring/sqpoll.c:io_sq_offload_create
func sqOffload(t *tctx.Task, p *uapi.Params) *verdict.Refusal {
	const where = "io_uring/sqpoll.c:io_sq_offload_create"
	attach := p.Flags&uapi.IORING_SETUP_ATTACH_WQ != 0
	if attach {
		f := t.Files.Get(int32(p.WQFD))
		if f == nil {
			return verdict.Refuse(verdict.Setup, uapi.ENXIO, where, "wq_fd must be open")
		}
		if f.Kind != tctx.RingFile {
			return verdict.Refuse(verdict.Setup, uapi.EINVAL, where, "wq_fd must be a ring")
		}
	}
	if p.Flags&uapi.IORING_SETUP_SQPOLL == 0 {
		if p.Flags&uapi.IORING_SETUP_SQ_AFF != 0 {
			return verdict.Refuse(verdict.Setup, uapi.EINVAL, where, "SQ_AFF needs SQPOLL")
		}
		return nil
	}
	if attach {
		other := t.Files.Get(int32(p.WQFD)).Ring.(*Ring)
		if !other.has(uapi.IORING_SETUP_SQPOLL) {
			return verdict.Refuse(verdict.Setup, uapi.EINVAL, "io_uring/sqpoll.c:io_attach_sq_data", "wq_fd must have a thread")
		}
	}
	if p.Flags&uapi.IORING_SETUP_SQ_AFF != 0 && !attach && p.SQThreadCPU >= nrCPUs {
		return verdict.Refuse(verdict.Setup, uapi.EINVAL, where, "sq_thread_cpu must be online")
	}
	return nil
}

// join gives the ring its submission thread: its own, or that of another ring of the same process.
//
// Linux: io_uring/sqpoll.c:io_get_sq_data
func (r *Ring) join(t *tctx.Task, p *uapi.Params) {
	if !r.has(uapi.IORING_SETUP_SQPOLL) {
		return
	}
	if r.cred = t.Cred; r.has(uapi.IORING_SETUP_ATTACH_WQ) {
		r.thread = t.Files.Get(int32(p.WQFD)).Ring.(*Ring).thread
	}
	if r.thread == nil || !r.thread.SameProcess(t) {
		r.thread = &sqThread{task: task{Task: t.IOThread("the submission thread of " + r.Name)}}
	}
	r.thread.rings++
	r.Thread = &r.thread.queue
}
