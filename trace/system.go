package trace

import (
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// System is a kernel that carries out the calls of tasks: the model (sim.Kernel) or a real one (live.Kernel).
// One task, "init", exists from the start, with file descriptors 0, 1 and 2 open and no memory mapped but what the
// system itself needs. Calls come one at a time.
type System interface {
	// Do makes the task perform the call, which is only good until Do returns.
	Do(task string, c Call) Result
	// Read copies n bytes of the task's memory. It fails where the task could not read.
	Read(task string, addr uint64, n int) ([]byte, error)
	// Close ends all tasks.
	Close() error
}

// Call is one system call, or the shared-memory work around one, with all arguments as numbers.
// The concrete types are below.
type Call interface{ isCall() }

// Map maps zeroed anonymous memory at exactly Addr, replacing what was there. Addr and Size are multiples of PageSize.
type Map struct {
	Addr, Size uint64
	Prot       Prot
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
	Ring string // whose memory is used; "" for none
	SQEs []SlotSQE
	// Array are values to store in the SQ array, at the given places.
	Array       []SlotIndex
	Tail        uint32 // the SQ tail to store, if Ring is set
	ToSubmit    uint32
	MinComplete uint32
	Flags       uint32
	Arg         uint64
	ArgSize     uint64
	CQLeft      uint32 // before the call, put the CQ head back by so many entries that were taken, or kept
	KeepCQEs    bool   // leave the CQ head where it is, so that the CQEs stay in the ring

	// Known are the results that a real kernel gave here. The model takes from it what io_uring alone does not
	// decide; a real kernel ignores it. Nil means that nothing is known; an empty list, that no CQE came.
	Known []uapi.CQE
}

// SlotSQE is an SQE of 64 or 128 bytes and its place among the ring's SQEs, counted in units of the ring's SQE size.
type SlotSQE struct {
	Slot uint32
	Data []byte
}

// SlotIndex is a value for one place of the SQ array.
type SlotIndex struct{ Slot, Value uint32 }

// Reap waits until the ring has Wait CQEs, or some seconds have passed, and takes them, without a system call.
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

// SpawnKind is how a child comes to be, and so what it shares with its parent.
type SpawnKind string

// The kinds of Spawn.
const (
	Fork   SpawnKind = "fork"   // a process with copies of memory and file descriptors
	VFork  SpawnKind = "vfork"  // a process in its parent's memory; the parent waits until it execs or exits
	Thread SpawnKind = "thread" // a thread of the same process
)

// Exec is execve(2) of a program that does nothing by itself: fresh memory, close-on-exec descriptors closed.
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

// RlimitNofile is setrlimit(RLIMIT_NOFILE) with the struct rlimit at Limit: two numbers of 64 bits.
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

// Limits of the address space that traces use.
const (
	PageSize = 4096

	// ScratchBase is where Replay puts the structs that a trace writes in place; it maps ScratchSize bytes there.
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

// MaxFD is one more than the largest file descriptor of a task. Real kernels have some in use above it.
const MaxFD = 900

// Result is what became of a call.
type Result struct {
	Ret  int64 // the return value: not negative, or a negated errno
	Ring *RingState
	// Why is set by the model for a refused call.
	Why *verdict.Refusal
	// Trial is why a policy on trial would refuse a Register that was not refused; set by the model only.
	Trial *verdict.Refusal
	// Requests are the requests that an Enter consumed, in order; set by the model only.
	Requests []Request
	Tally    Tally // of the requests, also where there is no account of them
	// Resized is the ring that a Register gave another size: its SQ has a new number of entries, its memory a new place.
	Resized string
	// Unmodelled says what the model does not know; nothing else in the Result counts then.
	Unmodelled string
	// Err is a failure of the system itself, not of the call: a task that died, an unknown task or ring.
	Err error
}

// RingState is a ring as its user sees it after a call.
type RingState struct {
	SQHead     uint32
	SQDropped  uint32
	CQOverflow uint32
	CQEs       []CQE // new since the last look, in ring order
}

// CQE is a CQE and whether its place among the others is a fact.
type CQE struct {
	uapi.CQE
	Unordered bool // it was posted by a worker, or by an event outside of io_uring; set by the model only
	Known     bool // its result was taken from Enter.Known; set by the model only
	AnyBig    bool // its extra words are left over from another request; set by the model only
}

// Request is the model's account of one request.
type Request struct {
	UserData uint64
	Opcode   uapi.Op
	Why      *verdict.Refusal // nil if it was admitted
	Issued   bool             // io_uring carried it out or will; false if refused, cancelled, or waiting in a chain
	Note     string           // remarks: what is not known

	Context cbpfvm.Context // what filters saw, if there are Filters
	Filters []Filter       // those of its opcode when it was submitted, newest first

	Chain int    // which of the call's requests its chain begins with, from 0; its own place if it is in none
	Trial *Trial // of a request that was admitted while a policy is on trial
}

// Tally counts the requests that an Enter consumed, and those of them that were refused; set by the model only.
type Tally struct{ Requests, Refused int }

// Cancelled is the Note of a request that an earlier one of its chain took along.
const Cancelled = "cancelled with its chain"

// Trial is what a policy that is asked and not obeyed says to a request.
type Trial struct {
	List    *verdict.Refusal // of its restrictions; nil if they let the request pass
	Filter  *verdict.Refusal // of its filters; they are asked in any case
	Context cbpfvm.Context   // what filters see
	Flags   uint8            // IOSQE flags as submitted
}

// Denied tells whether the policy would not let the request pass.
func (t *Trial) Denied() bool { return t.List != nil || t.Filter != nil }

// Filter is a registered filter.
type Filter struct {
	Program *cbpfvm.Program // nil for the deny that DENY_REST left
	Origin  string          // who registered it and when
}

// InitTask is the task that exists from the start.
const InitTask = "init"
