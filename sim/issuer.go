package sim

import (
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// Issuer carries out requests that io_uring leaves to other parts of the kernel: what a path, a file or a socket does. It
// is asked once about each such request that was let through, where no recording says what a real kernel gave.
type Issuer interface {
	Issue(*Issue) Completion
}

// IssuerFunc is a function as an Issuer.
type IssuerFunc func(*Issue) Completion

// Issue calls the function.
func (f IssuerFunc) Issue(i *Issue) Completion { return f(i) }

// Issue is a request to carry out. It must not be kept once the request is done.
type Issue struct {
	*opdef.Request            // what prep copied, with the SQE
	Task           *tctx.Task // who submitted it, with memory and descriptors
	Ring           string
	File           *tctx.File // of its descriptor or slot; nil for opcodes without one
}

// Completion is what became of a request; the zero Completion says that it is not known.
type Completion struct {
	State CompletionState
	Res   int32      // the result, or a negated errno
	Flags uint32     // IORING_CQE_F_*
	Opens *tctx.File // a file that it opens: the model finds the descriptor or slot, and Res if it is a descriptor
}

// CompletionState tells how far a request is.
type CompletionState int

// The states of requests.
const (
	Unknown CompletionState = iota // its result is not known
	Done                           // it has its result
	Pending                        // it is in flight, until it is cancelled or Complete is called
)

// Result is a Completion with this result.
func Result(res int32) Completion { return Completion{State: Done, Res: res} }

// Fails is a Completion with this error.
func Fails(e uapi.Errno) Completion { return Result(int32(e.Ret())) }

// SetIssuer sets who carries out what io_uring does not; nil, which is the default, leaves results unknown.
func (k *Kernel) SetIssuer(i Issuer) { k.issuer = i }

// Complete gives a pending request of the ring its result. The program sees it when it looks at the ring next, on rings
// with DEFER_TASKRUN when it has waited for events.
func (k *Kernel) Complete(ring string, userData uint64, res int32, flags uint32) error {
	r := k.rings[ring]
	if r == nil {
		return fmt.Errorf("there is no ring %q", ring)
	}
	i := slices.IndexFunc(r.unresolved, func(q *request) bool { return q.pending && q.UserData == userData })
	if i < 0 {
		return fmt.Errorf("ring %q has no pending request with user_data %#x", ring, userData)
	}
	q := r.unresolved[i]
	r.unresolved = slices.Delete(r.unresolved, i, i+1)
	r.taskWork(q, func() { r.finishAs(q, res, flags) })
	return nil
}

// finishAs gives a request the result that its operation has.
func (r *Ring) finishAs(q *request, res int32, flags uint32) {
	q.pending, q.res, q.flags = false, res, flags
	if q.breaksChain() {
		q.setFail()
	}
	r.complete(q)
}

// askIssuer lets the Issuer carry out a request; false if it has no result yet.
func (r *Ring) askIssuer(q *request) bool {
	if r.k.issuer == nil || q.asked {
		return false
	}
	q.asked = true
	q.asking = Issue{Request: &q.Request, Task: q.task.Task, Ring: r.Name, File: q.file}
	return r.take(q, r.k.issuer.Issue(&q.asking))
}

// take gives a request what the Issuer says of it; false if it has no result yet.
func (r *Ring) take(q *request, c Completion) bool {
	switch c.State {
	case Done:
		q.note = "issued; result of the Issuer"
		if c.Opens != nil && c.Res >= 0 {
			c.Res = r.open(q, c.Opens)
		}
		r.finishAs(q, c.Res, c.Flags)
		return true
	case Pending:
		q.pending, q.note = true, "in flight"
	}
	return false
}

// open puts a file that a request opened into the slot that it asked for, or at the lowest free descriptor.
//
// Linux: io_uring/filetable.c:io_fixed_fd_install
func (r *Ring) open(q *request, f *tctx.File) int32 {
	if q.SQE.FileIndex() != 0 {
		return r.installFile(q, f)
	}
	fd, e := q.task.Files.Install(f, q.opensCloexec())
	if e != 0 {
		return int32(e.Ret())
	}
	return fd
}

// opensCloexec tells whether the descriptor that a request opens is closed by exec.
func (q *request) opensCloexec() bool {
	flags := q.How.Flags
	switch q.Opcode {
	case uapi.IORING_OP_SOCKET:
		flags = q.SQE.Off()
	case uapi.IORING_OP_ACCEPT:
		flags = uint64(q.SQE.OpFlags())
	}
	return flags&uapi.O_CLOEXEC != 0
}

// cancelPending cancels the first request in flight that matches, or all of them, and returns how many. By file means
// that only requests on this file are meant.
//
// Linux: io_uring/poll.c:io_poll_cancel
func (r *Ring) cancelPending(key *cancelKey, file *tctx.File) int {
	n := 0
	for _, q := range slices.Clone(r.unresolved) {
		if !q.pending || !key.matches(q) || file != nil && q.file != file {
			continue
		}
		r.unresolved = slices.DeleteFunc(r.unresolved, func(o *request) bool { return o == q })
		q.pending, q.note = false, "cancelled"
		r.taskWork(q, func() { r.fail(q, int32(uapi.ECANCELED.Ret())) })
		if n++; !key.all() {
			break
		}
	}
	return n
}
