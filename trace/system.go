package trace

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// System is a kernel that carries out the calls of tasks: the model (sim.Kernel) or a real one (live.Kernel). One task,
// "init", exists from the start. It has file descriptors 0, 1 and 2 open, and no memory mapped except what the system
// itself needs. Calls come one at a time.
type System interface {
	// Do makes the task perform the call. It must not keep c after it returns.
	Do(task string, c Call) Result
	// Read copies n bytes of the task's memory. It fails where the task itself could not read.
	Read(task string, addr uint64, n int) ([]byte, error)
	// Close ends all tasks.
	Close() error
}

// Call is one system call, or work on shared memory around one, with all arguments as numbers. The concrete types are
// below.
type Call interface{ isCall() }

// Map maps zeroed anonymous memory at exactly Addr, replacing what was there. Addr and Size are multiples of PageSize.
type Map struct {
	Addr, Size uint64
	Prot       Prot
	Shared     bool // with children
}

// Protect changes the protection of mapped memory.
type Protect struct {
	Addr, Size uint64
	Prot       Prot
}

// Unmap removes mappings.
type Unmap struct{ Addr, Size uint64 }

// Prot says what a task may do with memory.
type Prot string

// The protections of Map and Protect.
const (
	ProtNone      Prot = "none"
	ProtRead      Prot = "r"
	ProtReadWrite Prot = "rw"
)

// Write stores bytes in the task's own memory, which must be mapped and writable.
type Write struct {
	Addr uint64
	Data []byte
}

// Setup is io_uring_setup(Entries, Params). Where it succeeds, the ring is called Ring from then on.
type Setup struct {
	Ring    string
	Entries uint32
	Params  uint64 // address of struct io_uring_params
}

// Register is io_uring_register(FD, Op, Arg, Nr). Op is the whole word, with bit 31.
type Register struct {
	FD  int32
	Op  uint32
	Arg uint64 // address or value, by Op
	Nr  uint32

	// Known is what a real kernel gave here, nil if that is not known. The model takes from it what only the machine
	// decides; a real kernel ignores it.
	Known *Answer
}

// Answer is what a register call returned, and the program's memory from Arg on as it was then.
type Answer struct {
	Ret int64
	Mem []byte // nil if nothing is known of it
}

// Enter stores SQEs, array entries and the new tail in the ring's memory, calls
// io_uring_enter(FD, ToSubmit, MinComplete, Flags, Arg, ArgSize), and then looks at the ring.
type Enter struct {
	FD   int32  // a file descriptor, or an index with IORING_ENTER_REGISTERED_RING
	Ring string // the ring whose memory is used, or ""
	SQEs []SlotSQE
	// Array are values to store in the SQ array, and their places.
	Array       []SlotIndex
	Tail        uint32 // the SQ tail to store, if Ring is set
	ToSubmit    uint32
	MinComplete uint32
	Flags       uint32
	Arg         uint64
	ArgSize     uint64
	CQLeft      uint32 // before the call, move the CQ head back by so many entries
	KeepCQEs    bool   // do not move the CQ head, so that the CQEs stay in the ring

	// Known are the CQEs that a real kernel gave here. The model takes from them what io_uring alone does not
	// decide; a real kernel ignores them. Nil means that nothing is known, an empty list that no CQE came.
	Known []uapi.CQE
}

// SlotSQE is an SQE of 64 or 128 bytes and its place in the ring, in units of the ring's SQE size.
type SlotSQE struct {
	Slot uint32
	Data []byte
}

// SlotIndex is a value for one place of the SQ array.
type SlotIndex struct{ Slot, Value uint32 }

// Reap waits until the ring has Wait CQEs or some seconds have passed, and takes the CQEs, without a system call.
type Reap struct {
	Ring  string
	Wait  uint32
	Known []uapi.CQE // as in Enter
}

// Spawn makes a child task.
type Spawn struct {
	Child string
	Kind  SpawnKind
}

// SpawnKind is how a child is made, and thus what it shares with its parent.
type SpawnKind string

// The kinds of Spawn.
const (
	Fork   SpawnKind = "fork"   // a process with copies of memory and of file descriptors
	VFork  SpawnKind = "vfork"  // a process in the memory of its parent, which waits until the child execs or exits
	Thread SpawnKind = "thread" // a thread of the same process
)

// Exec is execve(2) of a program that does nothing by itself: it gets fresh memory, and close-on-exec descriptors are
// closed.
type Exec struct{}

// Exit ends the task.
type Exit struct{}

// Close, Dup and Cloexec work on one file descriptor. Cloexec sets or clears FD_CLOEXEC. DupTo is dup2(2).
type (
	Close   struct{ FD int32 }
	DupTo   struct{ FD, To int32 }
	Dup     struct{ FD int32 }
	Cloexec struct {
		FD int32
		On bool
	}
)

// Open is open(2) of the path at address Path.
type Open struct {
	Path        uint64
	Flags, Mode uint32
}

// Socket is socket(2).
type Socket struct{ Domain, Type, Protocol int32 }

// Eventfd is eventfd2(2).
type Eventfd struct{ Count, Flags uint32 }

// Pipe and Socketpair store two file descriptors (i32) at FDs.
type (
	Pipe struct {
		FDs   uint64
		Flags uint32
	}
	Socketpair struct {
		Domain, Type, Protocol int32
		FDs                    uint64
	}
)

// RlimitNofile is setrlimit(RLIMIT_NOFILE) with the struct rlimit, two numbers of 64 bits, at address Limit.
type RlimitNofile struct{ Limit uint64 }

// NoNewPrivs is prctl(PR_SET_NO_NEW_PRIVS). DropPrivileges is setresgid and setresuid to 65534, after which no
// capability is left. NewUserNS is unshare(CLONE_NEWUSER), after which the task has all capabilities there.
type (
	NoNewPrivs     struct{}
	DropPrivileges struct{}
	NewUserNS      struct{}
)

func (Map) isCall()            {}
func (Protect) isCall()        {}
func (Unmap) isCall()          {}
func (Write) isCall()          {}
func (Setup) isCall()          {}
func (Register) isCall()       {}
func (Enter) isCall()          {}
func (Reap) isCall()           {}
func (Spawn) isCall()          {}
func (Exec) isCall()           {}
func (Exit) isCall()           {}
func (Close) isCall()          {}
func (Dup) isCall()            {}
func (DupTo) isCall()          {}
func (Cloexec) isCall()        {}
func (Open) isCall()           {}
func (Socket) isCall()         {}
func (Eventfd) isCall()        {}
func (Pipe) isCall()           {}
func (Socketpair) isCall()     {}
func (RlimitNofile) isCall()   {}
func (NoNewPrivs) isCall()     {}
func (DropPrivileges) isCall() {}
func (NewUserNS) isCall()      {}

// The address space of a task, and its limits.
const (
	PageSize = 4096

	// A replay maps ScratchSize bytes at ScratchBase, for the objects that a trace writes in place of addresses.
	ScratchBase = 0x1000_0000
	ScratchSize = 1 << 20

	// MinNofile is the lowest RLIMIT_NOFILE of a task.
	MinNofile = 1024

	// Traces map their own memory from UserBase up to UserEnd.
	UserBase = 0x2000_0000
	UserEnd  = 0x10_0000_0000

	// SystemBase to SystemEnd belongs to the system: rings are mapped there.
	SystemBase = 0x10_0000_0000
	SystemEnd  = 0x40_0000_0000
)

// MaxFD is one more than the largest file descriptor that a task may use. Real kernels have some above it in use.
const MaxFD = 900

// Result is what a call gave.
type Result struct {
	Ret  int64 // the return value, or a negated errno
	Ring *RingState
	// Why says why the call was refused. Only the model sets it.
	Why *verdict.Refusal
	// Trial says why a policy on trial would refuse a Register that was not refused. Only the model sets it.
	Trial *verdict.Refusal
	// Requests are those that an Enter consumed, in order. Only the model sets it.
	Requests []Request
	Tally    Tally // counts the requests, also if Requests is not filled in
	// Resized is the name of the ring that a Register resized: the size of its SQ and the place of its memory changed.
	Resized string
	// Unmodelled says what the model does not know; nothing else in the Result counts then.
	Unmodelled string
	// Err is a failure of the system and not of the call, such as a task that died or a ring that does not exist.
	Err error
}

// RingState is a ring as its program sees it after a call.
type RingState struct {
	SQHead     uint32
	SQDropped  uint32
	CQOverflow uint32
	CQEs       []CQE // new since the last look, in ring order
}

// CQE is a completion, and what the model knows about it.
type CQE struct {
	uapi.CQE
	Unordered bool // its place among the others is not certain: a worker, or an event outside of io_uring, posted it
	Known     bool // its result was taken from Enter.Known
	AnyBig    bool // its extra words are left over from another request, and can be anything
}

// Request is the model's account of one request.
type Request struct {
	UserData uint64
	Opcode   uapi.Op
	Why      *verdict.Refusal // nil if it was admitted
	Issued   bool             // io_uring carried it out or will do so; false if it was refused, cancelled, or waits in a chain
	Note     string           // a remark, such as what is not known

	Context cbpfvm.Context // what the filters saw, if there are any
	Filters []Filter       // the filters of its opcode when it was submitted, newest first

	Chain int    // index in the call's requests of the first one of its chain; its own index if it is in none
	Trial *Trial // set if the request was admitted while a policy is on trial
}

// Tally counts the requests that an Enter consumed, and how many of them were refused. Only the model fills it in.
type Tally struct{ Requests, Refused int }

// Cancelled is the Note of a request that was cancelled because an earlier one of its chain failed.
const Cancelled = "cancelled with its chain"

// Trial is what a policy on trial, which is asked but not obeyed, says to a request.
type Trial struct {
	List    *verdict.Refusal // by its restrictions; nil if they allow the request
	Filter  *verdict.Refusal // by its filters, which are asked in any case; nil if they allow it
	Context cbpfvm.Context   // what filters see
	Flags   uint8            // IOSQE_* flags as submitted
}

// Denied tells whether the policy would refuse the request.
func (t *Trial) Denied() bool { return t.List != nil || t.Filter != nil }

// Filter is a registered filter.
type Filter struct {
	Program *cbpfvm.Program // nil for the denial that DENY_REST added
	Origin  string          // who registered it, and when
}

// InitTask is the name of the task that exists from the start.
const InitTask = "init"
