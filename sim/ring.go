package sim

import (
	"math"
	"slices"

	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Ring is a ring (struct io_ring_ctx).
type Ring struct {
	register.State
	k *Kernel

	sqEntries, cqEntries uint32
	submissions
	memory         uint64 // bytes of its memory
	user           *userMemory
	sqTail, sqHead uint32 // as the program sees them
	cachedSQHead   uint32
	sqDropped      uint32

	thread     *sqThread // IORING_SETUP_SQPOLL
	cred       tctx.Cred // with SQPOLL: of the task that made the ring
	cq         completionQueue
	drain      drain
	chain      chain
	batch      completions
	spare      completions    // room for the next batch
	prepping   opdef.Prep     // of the request that is being prepared
	context    cbpfvm.Context // what its filters see, if nobody asks for reasons
	free       []*request     // to be used again; nobody else knows them
	plain      *request       // to ask the Issuer about plain SQEs; nobody else knows it
	local      workQueue      // IORING_SETUP_DEFER_TASKRUN: runs in io_uring_enter(2) only
	workers    workQueue      // what io-wq does; when it does it is no fact
	timers     timers
	unresolved []*request // issued, waiting for a result that io_uring does not decide
	held       int        // how many of these this call has to be asked about again
	submitting bool       // this call submits, and may cancel what it has submitted
	known      knowledge
	call       int         // the number of the current call, from 1
	log        []*request  // requests of the current call, for its Result
	tally      trace.Tally // of them
}

// RegisterState is the part of the ring that register calls work on.
func (r *Ring) RegisterState() *register.State { return &r.State }

func (r *Ring) has(setupFlag uint32) bool { return r.Flags&setupFlag != 0 }

// request is a request on its way (struct io_kiocb).
type request struct {
	opdef.Request
	ring   *Ring
	task   *task
	call   int    // in which it was submitted
	asking Issue  // what the Issuer gets
	later  func() // submits it once its turn in a chain has come; made when it is first needed
	progress
}

// progress is what has become of a request, all zero at its start.
type progress struct {
	file     *tctx.File     // which it works on, once it runs
	fileNode *register.Node // the slot that the file came from
	bufNode  *register.Node // the registered buffer that it uses
	inNode   *register.Node // the slot that SPLICE and TEE read from
	passes   *tctx.File     // what MSG_RING passes to a ring of another task

	failed     bool // REQ_F_FAIL
	skipLinks  bool // REQ_F_SKIP_LINK_CQES: the rest of the chain posts no CQEs
	armTimeout bool // REQ_F_ARM_LTIMEOUT: the next in the chain is its timeout, not started
	hasTimeout bool // REQ_F_LINK_TIMEOUT: the next in the chain is its timeout, running
	creds      bool // REQ_F_CREDS
	deferred   bool // REQ_F_COMPLETE via a worker: the place of its CQE is no fact
	again      bool // it has to be carried out once more, by io-wq (EAGAIN)
	inWorker   bool // io-wq carries it out: its completion is task work
	leads      bool // io-wq has carried it out, and goes on with the next in the chain
	fromTrace  bool // the result was taken from a recording
	asked      bool // the Issuer has been asked
	pending    bool // the Issuer has it in flight
	issued     bool
	notifies   bool // it is the notification of a zero-copy send that is done
	setsBig    bool // big is the request's own

	timer *timer                // of a timeout that runs
	next  *request              // in the chain
	group *register.BufferGroup // that the request may take buffers of, until it is done
	res   int32
	flags uint32
	big   [2]uint64

	why   *verdict.Refusal
	look  *bpffilter.Look // what filters had of it
	trial *trace.Trial    // what a policy on trial says to it
	chain int             // the place in the log where its chain begins
	note  string
}

// newRequest is a request of the task, made of an SQE, of which nothing else is known yet.
func (r *Ring) newRequest(t *task, sqe []byte) *request {
	last := len(r.free) - 1
	if last < 0 {
		q := &request{ring: r, task: t, call: r.call}
		copy(q.SQE[:], sqe)
		return q
	}
	q := r.free[last]
	r.free = r.free[:last]
	q.task, q.call = t, r.call
	q.progress = progress{} // by itself, or the compiler makes a copy of it first
	q.Restart(sqe)
	return q
}

// recycle keeps a request that is done for the next one, unless others may still know it: an account, a timer or a drain.
func (r *Ring) recycle(q *request) {
	if !r.k.quiet || q.timer != nil || q.Notif || r.drain.active {
		return
	}
	r.free = append(r.free, q)
}

// account is what the Result of an Enter says of the request.
func (q *request) account() trace.Request {
	r := trace.Request{UserData: q.UserData, Opcode: q.SQE.Opcode(), Why: q.why, Issued: q.issued, Note: q.note,
		Chain: q.chain, Trial: q.trial}
	if q.look != nil {
		r.Context = q.look.Context
		q.look.Each(func(p *cbpfvm.Program, origin string) bool {
			r.Filters = append(r.Filters, trace.Filter{Program: p, Origin: origin})
			return true
		})
	}
	return r
}

// because notes why the request is refused.
func (q *request) because(why *verdict.Refusal) {
	if r := q.ring; q.why == nil && q.call == r.call {
		r.tally.Refused++
	}
	q.why = why
}

// setFail marks the request as failed; its own CQE is posted in any case.
//
// Linux: io_uring/io_uring.h:req_set_fail
func (q *request) setFail() {
	q.failed = true
	if q.Flags&uapi.IOSQE_CQE_SKIP_SUCCESS != 0 {
		q.Flags &^= uapi.IOSQE_CQE_SKIP_SUCCESS
		q.skipLinks = true
	}
}

// linked tells whether the next request of the batch belongs to the same chain.
func (q *request) linked() bool { return q.Flags&(uapi.IOSQE_IO_LINK|uapi.IOSQE_IO_HARDLINK) != 0 }

// chain is the chain that is being assembled (struct io_submit_link).
type chain struct{ head, last *request }

// length is the number of requests from q to the end of its chain.
//
// Linux: io_uring/io_uring.c:io_linked_nr
func (q *request) length() int {
	n := 0
	for ; q != nil; q = q.next {
		n++
	}
	return n
}

// workQueue is a list of things to do later, oldest first.
type workQueue struct {
	items []workItem
	room  []workItem // for the next ones once all are done
}

type workItem struct {
	ring *Ring
	do   func()
}

func (w *workQueue) add(r *Ring, f func()) {
	if len(w.items) == 0 {
		w.items = w.room[:0]
	}
	if w.items = append(w.items, workItem{r, f}); cap(w.items) > cap(w.room) {
		w.room = w.items
	}
}

// next takes the oldest thing off the list.
func (w *workQueue) next() workItem {
	it := w.items[0]
	w.items[0] = workItem{}
	w.items = w.items[1:]
	return it
}

// pop does up to n of the oldest things, and returns how many there were.
func (w *workQueue) pop(n int) int {
	did := 0
	for ; did < n && len(w.items) > 0; did++ {
		w.next().do()
	}
	return did
}

// run does everything, also what is added meanwhile, and tells whether there was anything. It goes in batches, after each
// of which completions are posted, as they are where the work goes on with another ring. A batch ends with the thing that
// was the last one when its turn came, and on kernels to 7.1 with the one that was the last at the start.
//
// Linux: io_uring/tw.c:tctx_task_work_run
func (w *workQueue) run() bool {
	did := false
	for len(w.items) > 0 {
		did = true
		var ring *Ring
		left := math.MaxInt
		if w.items[0].ring.k.release.Has(kernel.TaskWorkInBatches) {
			left = len(w.items)
		}
		for last := false; !last && left > 0; left-- {
			it := w.next()
			last = len(w.items) == 0
			if ring != nil && ring != it.ring {
				ring.flush()
			}
			ring = it.ring
			it.do()
		}
		ring.flush()
	}
	return did
}

// rawWork is a piece of task work. After tells that it was added when the task had requests in its queue already.
type rawWork struct {
	do    func()
	after bool
}

// addRaw adds task work that is not in the queue of requests.
func (t *task) addRaw(f func()) { t.raw = append(t.raw, rawWork{f, len(t.work.items) > 0}) }

// runWork does all task work, and tells whether there was any. What was added last is done first; the whole queue of
// requests counts as one piece, which was added with its first.
//
// Linux: kernel/task_work.c:task_work_run
func (t *task) runWork() (did bool) {
	for len(t.raw)+len(t.work.items) > 0 {
		did = true
		raw := t.raw
		t.raw = nil
		for _, after := range []bool{true, false} {
			for _, w := range slices.Backward(raw) {
				if w.after == after {
					w.do()
				}
			}
			if after {
				t.work.run()
			}
		}
	}
	return did
}
