package sim

import (
	"slices"

	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// newUserNS moves a task into a user namespace of its own. Whether the submission thread of a ring that nobody holds any
// more still is a thread of its process depends on time: the kernel ends it by and by.
//
// Linux: io_uring/sqpoll.c:io_sq_thread_finish
func (k *Kernel) newUserNS(t *task) trace.Result {
	if ending := k.endingThreads(); len(ending) > 0 && t.OnlyThreadBut(ending) {
		return trace.Result{Unmodelled: "whether the submission thread of a closed ring has ended, or still is a thread of the task"}
	}
	e, why := t.NewUserNS()
	return syscall(e, "kernel/fork.c:ksys_unshare", why)
}

// endingThreads are the submission threads that live, and whose rings nobody holds.
func (k *Kernel) endingThreads() (ending []*tctx.Task) {
	held := map[*sqThread]bool{}
	for _, r := range k.rings {
		if r.thread != nil {
			held[r.thread] = held[r.thread] || k.holds(r)
		}
	}
	for thread, is := range held {
		if !is && thread.Alive() {
			ending = append(ending, thread.Task)
		}
	}
	return ending
}

// holds tells whether anybody holds a ring: by a descriptor, by a registered one, or by its memory, which programs map
// and do not unmap unless it is theirs.
func (k *Kernel) holds(r *Ring) bool {
	if !r.has(uapi.IORING_SETUP_NO_MMAP) {
		return true
	}
	is := func(f *tctx.File) bool { return f != nil && f.Ring == r }
	return slices.ContainsFunc(k.order, func(t *task) bool {
		return !t.Ended() && (t.Files.Has(is) || slices.ContainsFunc(t.Rings[:], is))
	})
}
