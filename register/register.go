package register

import (
	"fmt"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// call is one register call on its way.
type call struct {
	kernel kernel.Release
	task   *tctx.Task
	ring   *State // nil for a call without a ring
	holder holder // of the ring
	op     uapi.RegisterOp
	arg    uint64
	nr     uint32
	origin string
	known  *Answer
}

const (
	whereSyscall = "io_uring/register.c:io_uring_register"
	whereRing    = "io_uring/register.c:__io_uring_register"
	whereBlind   = "io_uring/register.c:io_uring_register_blind"
)

// Args are the arguments of io_uring_register(2), and what else there is to know of the call.
type Args struct {
	FD     int32
	Op     uint32 // the whole word, with bit 31
	Arg    uint64
	Nr     uint32
	Origin string  // says for explanations when it was
	Known  *Answer // what a real kernel gave, nil if that is not known; what only the machine decides is taken from it
}

// Answer is what the call returned, and the task's memory from Arg on as it was then, as far as it is known.
type Answer struct {
	Ret int64
	Mem []byte
}

// Call is io_uring_register(2) by the task.
//
// Linux: io_uring/register.c:io_uring_register
func Call(k kernel.Release, t *tctx.Task, a *Args) Outcome {
	op := a.Op &^ uapi.IORING_REGISTER_USE_REGISTERED_RING
	if refusal := exists(k, op); refusal != nil {
		return refused(refusal)
	}
	c := &call{kernel: k, task: t, op: uapi.RegisterOp(op), arg: a.Arg, nr: a.Nr, origin: a.Origin, known: a.Known}
	if a.FD == -1 {
		return c.try(c.blind)
	}
	f, refusal := t.RingFile(verdict.Register, a.FD, a.Op != op)
	if refusal != nil {
		return refused(refusal)
	}
	c.ring, c.holder = StateOf(f), f.Ring.(holder)
	return c.try(c.onRing)
}

// gave tells whether it is known that a real kernel gave this here.
func (c *call) gave(e uapi.Errno) bool { return c.known != nil && c.known.Ret == e.Ret() }

// exists refuses an opcode that the kernel does not have.
func exists(k kernel.Release, op uint32) *verdict.Refusal {
	if op < k.RegisterLast() {
		return nil
	}
	refusal := verdict.Refuse(verdict.Register, uapi.EINVAL, whereSyscall, fmt.Sprintf("opcode %d must exist", op))
	if uapi.RegisterOp(op) == uapi.IORING_REGISTER_BPF_FILTER {
		refusal.Quirk = kernel.NoBPFFilter.String()
	}
	return refusal
}

// onRing checks who calls and whether the ring's restrictions allow it, and then the arguments.
//
// Linux: io_uring/register.c:__io_uring_register
func (c *call) onRing() Outcome {
	if refusal := c.admit(); refusal != nil {
		return refused(refusal)
	}
	row := &ringOps[c.op]
	if row.run == nil {
		return Outcome{Unmodelled: "register " + c.op.String() + " on a ring"}
	}
	return row.run(c)
}

// admit is what is checked before the handler of a call on a ring.
func (c *call) admit() *verdict.Refusal {
	if c.ring.Submitter != nil && c.ring.Submitter != c.task {
		return verdict.Refuse(verdict.Register, uapi.EEXIST, whereRing, "the ring belongs to another task (SINGLE_ISSUER)")
	}
	if c.ring.Restrict.RegRegistered {
		disabled := c.ring.Flags&uapi.IORING_SETUP_R_DISABLED != 0
		inherited := c.ring.Inherited && !c.kernel.Has(kernel.DisabledRingIgnoresInherited)
		if (!disabled || inherited) && !c.ring.Restrict.RegisterAllowed(c.op) {
			return c.restricted(whereRing)
		}
	}
	if args := ringOps[c.op].args; args != nil {
		if e, why := args(c); e != 0 {
			return verdict.Refuse(verdict.Register, e, whereRing, why)
		}
	}
	return nil
}

func (c *call) restricted(where string) *verdict.Refusal {
	return verdict.Refuse(verdict.Restriction, uapi.EACCES, where, "register opcode "+c.op.String()+" is not in the list")
}

// blind is a call without a ring.
//
// Linux: io_uring/register.c:io_uring_register_blind
func (c *call) blind() Outcome {
	if refusal := c.blindRestricted(); refusal != nil {
		return refused(refusal)
	}
	switch c.op {
	case uapi.IORING_REGISTER_QUERY:
		return c.query()
	case uapi.IORING_REGISTER_SEND_MSG_RING:
		return c.sendMsgRing()
	case uapi.IORING_REGISTER_RESTRICTIONS, uapi.IORING_REGISTER_BPF_FILTER:
		if c.kernel.Has(kernel.NoTaskRestrictions) {
			break
		}
		if c.op == uapi.IORING_REGISTER_RESTRICTIONS {
			return c.restrictTask()
		}
		return c.filterTask()
	}
	o := refuse(uapi.EINVAL, whereBlind, c.op.String()+" needs a ring")
	return o
}

// blindRestricted checks whether the task's restrictions allow the call.
func (c *call) blindRestricted() *verdict.Refusal {
	r := c.task.Restrict
	if r == nil || !r.RegRegistered || c.kernel.Has(kernel.BlindOpsUnrestricted) || r.RegisterAllowed(c.op) {
		return nil
	}
	return c.restricted(whereBlind)
}

// row says how one register opcode on a ring treats its arguments and what it does.
type row struct {
	args func(*call) (uapi.Errno, string) // checks before the handler; nil if the handler does them all
	run  func(*call) Outcome              // nil: not modelled
}

// ringOps are the register opcodes on a ring.
var ringOps = [...]row{
	uapi.IORING_REGISTER_BUFFERS:          {withArg(uapi.EFAULT), (*call).buffers},
	uapi.IORING_UNREGISTER_BUFFERS:        {nothing, (*call).unregisterBuffers},
	uapi.IORING_REGISTER_FILES:            {withArg(uapi.EFAULT), (*call).files},
	uapi.IORING_UNREGISTER_FILES:          {nothing, (*call).unregisterFiles},
	uapi.IORING_REGISTER_EVENTFD:          {one, (*call).eventfd},
	uapi.IORING_UNREGISTER_EVENTFD:        {nothing, (*call).unregisterEventfd},
	uapi.IORING_REGISTER_FILES_UPDATE:     {nil, (*call).filesUpdate},
	uapi.IORING_REGISTER_EVENTFD_ASYNC:    {one, (*call).eventfd},
	uapi.IORING_REGISTER_PROBE:            {atMost256, (*call).probe},
	uapi.IORING_REGISTER_PERSONALITY:      {nothing, (*call).personality},
	uapi.IORING_UNREGISTER_PERSONALITY:    {noArg, (*call).unregisterPersonality},
	uapi.IORING_REGISTER_RESTRICTIONS:     {nil, (*call).restrictRing},
	uapi.IORING_REGISTER_ENABLE_RINGS:     {nothing, (*call).enable},
	uapi.IORING_REGISTER_FILES2:           {sized(uapi.SizeofRsrcRegister), (*call).registerRsrc},
	uapi.IORING_REGISTER_FILES_UPDATE2:    {sized(uapi.SizeofRsrcUpdate2), (*call).updateRsrc},
	uapi.IORING_REGISTER_BUFFERS2:         {sized(uapi.SizeofRsrcRegister), (*call).registerRsrc},
	uapi.IORING_REGISTER_BUFFERS_UPDATE:   {sized(uapi.SizeofRsrcUpdate2), (*call).updateRsrc},
	uapi.IORING_REGISTER_IOWQ_AFF:         {argAndNr, (*call).affinity},
	uapi.IORING_UNREGISTER_IOWQ_AFF:       {nothing, (*call).unregisterAffinity},
	uapi.IORING_REGISTER_IOWQ_MAX_WORKERS: {argAnd(2), (*call).maxWorkers},
	uapi.IORING_REGISTER_RING_FDS:         {nil, (*call).ringFDs},
	uapi.IORING_UNREGISTER_RING_FDS:       {nil, (*call).unregisterRingFDs},
	uapi.IORING_REGISTER_PBUF_RING:        {argAnd(1), (*call).pbufRing},
	uapi.IORING_UNREGISTER_PBUF_RING:      {argAnd(1), (*call).unregisterPBufRing},
	uapi.IORING_REGISTER_SYNC_CANCEL:      {argAnd(1), (*call).syncCancel},
	uapi.IORING_REGISTER_FILE_ALLOC_RANGE: {argAnd(0), (*call).fileAllocRange},
	uapi.IORING_REGISTER_PBUF_STATUS:      {argAnd(1), (*call).pbufStatus},
	uapi.IORING_REGISTER_NAPI:             {argAnd(1), (*call).napi},
	uapi.IORING_UNREGISTER_NAPI:           {one, (*call).unregisterNAPI},
	uapi.IORING_REGISTER_CLOCK:            {argAnd(0), (*call).clock},
	uapi.IORING_REGISTER_CLONE_BUFFERS:    {argAnd(1), (*call).cloneBuffers},
	uapi.IORING_REGISTER_SEND_MSG_RING:    {never, nil},
	uapi.IORING_REGISTER_ZCRX_IFQ:         {argAnd(1), (*call).registerZCRX},
	uapi.IORING_REGISTER_RESIZE_RINGS:     {argAnd(1), (*call).resizeRings},
	uapi.IORING_REGISTER_MEM_REGION:       {argAnd(1), (*call).memRegion},
	uapi.IORING_REGISTER_QUERY:            {nil, (*call).query},
	uapi.IORING_REGISTER_ZCRX_CTRL:        {nil, (*call).controlZCRX},
	uapi.IORING_REGISTER_BPF_FILTER:       {one, (*call).filterRing},
}

// The rules for arg and nr that are decided before the handler.

func nothing(c *call) (uapi.Errno, string) {
	return when(c.arg != 0 || c.nr != 0, "arg and nr must be 0")
}

func noArg(c *call) (uapi.Errno, string) { return when(c.arg != 0, "arg must be 0") }

func one(c *call) (uapi.Errno, string) { return when(c.nr != 1, "nr must be 1") }

func argAndNr(c *call) (uapi.Errno, string) {
	return when(c.arg == 0 || c.nr == 0, "arg and nr must not be 0")
}

func atMost256(c *call) (uapi.Errno, string) {
	return when(c.arg == 0 || c.nr > 256, "arg must not be NULL, nr at most 256")
}

func never(*call) (uapi.Errno, string) { return uapi.EINVAL, "works only without a ring (fd -1)" }

func withArg(e uapi.Errno) func(*call) (uapi.Errno, string) {
	return func(c *call) (uapi.Errno, string) {
		if c.arg == 0 {
			return e, "arg must not be NULL"
		}
		return 0, ""
	}
}

func argAnd(nr uint32) func(*call) (uapi.Errno, string) {
	return func(c *call) (uapi.Errno, string) {
		return when(c.arg == 0 || c.nr != nr, fmt.Sprintf("arg must not be NULL, nr must be %d", nr))
	}
}

func sized(size uint32) func(*call) (uapi.Errno, string) {
	return func(c *call) (uapi.Errno, string) {
		return when(c.nr != size, fmt.Sprintf("nr must be the size of the struct, %d", size))
	}
}

func when(bad bool, why string) (uapi.Errno, string) {
	if bad {
		return uapi.EINVAL, why
	}
	return 0, ""
}
