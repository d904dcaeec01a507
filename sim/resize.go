package sim

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

const whereResize = "io_uring/register.c:io_register_resize_rings"

func refuseResize(e uapi.Errno, why string) register.Outcome {
	return register.Outcome{Ret: e.Ret(), Why: verdict.Refuse(verdict.Register, e, whereResize, why)}
}

// certainLocked is how many bytes anybody may lock: a ring that is resized has its old and its new memory for a moment.
const certainLocked = 2 << 20

// Resize gives the ring new memory, of the sizes in p, and moves there what is in the old. The parameters are written
// back before that, even if it fails then.
//
// Linux: io_uring/register.c:io_register_resize_rings
func (r *Ring) Resize(t *tctx.Task, p *uapi.Params, addr uint64) register.Outcome {
	if refusal := r.k.prepareConfig(p); refusal != nil {
		return register.Outcome{Ret: refusal.Errno.Ret(), Why: refusal}
	}
	rings, sqes := regions(p)
	if r.Payer.Limited() && rings.size+sqes.size+r.memory > certainLocked {
		return register.Outcome{Unmodelled: "whether RLIMIT_MEMLOCK leaves room for a ring's old and new memory"}
	}
	if refusal := rings.check(t.Mem); refusal != nil {
		return register.Outcome{Ret: refusal.Errno.Ret(), Why: refusal}
	}
	if !t.Mem.CopyOut(addr, p.Append(nil)) {
		return refuseResize(uapi.EFAULT, "struct io_uring_params must be writable")
	}
	if refusal := sqes.check(t.Mem); refusal != nil {
		return register.Outcome{Ret: refusal.Errno.Ret(), Why: refusal}
	}
	user := pinRing(t.Mem, p)
	if user == nil && r.has(uapi.IORING_SETUP_NO_MMAP) || user != nil && (r.user == nil || user.overlaps(r.user)) {
		return register.Outcome{Unmodelled: "what a resized ring holds in memory that its old memory overlaps, or that is not known"}
	}
	if r.skips(r.cq.head, r.cq.tail) {
		r.cq.remember() // the program finds zeros
		r.cq.skewed = true
	}
	sq, cqes := newSubmissions(p), r.cq.newMemory(p.CQEntries)
	user.readSQ(sq)
	user.readCQ(cqes)
	r.user.readSQ(r.submissions)
	ok := r.moveSQ(p, sq) && r.cq.copyTo(cqes, p.CQEntries)
	user.writeSQ(sq)
	user.writeCQ(cqes)
	if !ok {
		return refuseResize(uapi.EOVERFLOW, "the new rings must have room for what is in the old ones")
	}
	r.cq.move(cqes, p.CQEntries)
	r.submissions, r.sqEntries, r.cqEntries, r.memory, r.user = sq, p.SQEntries, p.CQEntries, rings.size+sqes.size, user
	r.save()
	return register.Outcome{Resized: r.Name}
}

// skips tells whether nothing of what stands between these counters is copied.
func (r *Ring) skips(head, tail uint32) bool {
	return head > tail && r.k.release.Has(kernel.ResizeStopsAtWrap)
}

// moveSQ copies what the program has put into the SQ and the kernel has not taken yet; it is false if that has no room.
// In the new array, entries name their own place.
//
// Linux: io_uring/register.c:io_register_resize_rings
func (r *Ring) moveSQ(p *uapi.Params, n submissions) bool {
	if r.sqTail-r.sqHead > p.SQEntries {
		return false
	}
	if r.skips(r.sqHead, r.sqTail) {
		return true
	}
	size := r.sqeSize()
	if r.k.release.Has(kernel.ResizeMixesUpSQE128) {
		size = uapi.SizeofSQE
	}
	follow := r.sqArray != nil && !r.k.release.Has(kernel.ResizeIgnoresSQArray)
	var second uint32 // the place of the second half of a big SQE
	for i := r.sqHead; i != r.sqTail; i++ {
		dst, src, half := i&(p.SQEntries-1), i&(r.sqEntries-1), second != 0
		switch {
		case half:
			src = second
		case follow:
			src = r.sqArray[src]
		}
		if follow {
			n.sqArray[dst] = dst
		}
		if second = 0; src >= r.sqEntries {
			n.sqArray[dst] = ^uint32(0)
			continue
		}
		if !half && i+1 != r.sqTail && src < r.sqEntries-1 && r.isBig(src) {
			if dst == p.SQEntries-1 {
				return false
			}
			second = src + 1
		}
		copy(n.sqes[dst*size:][:size], r.sqes[src*size:])
	}
	return true
}

// isBig tells whether a resize takes an SQE of a ring with SQEs of both sizes for one of two entries.
//
// Linux: io_uring/register.c:io_sqe_is_128
func (r *Ring) isBig(index uint32) bool {
	if !r.has(uapi.IORING_SETUP_SQE_MIXED) || r.k.release.Has(kernel.ResizeTearsBigEntries) {
		return false
	}
	op := uapi.Op(r.sqes[index*r.sqeSize()])
	return op < uapi.IORING_OP_LAST && opdef.Defs[op].Is128
}
