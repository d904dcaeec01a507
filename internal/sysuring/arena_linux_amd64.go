package sysuring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The file descriptors of a task that belong to the agent. Traces use smaller ones.
const (
	ArenaFD = 1000
	ImageFD = 1001
)

// The arena and its parts. ArenaBase is its address in every task; it lies at the start of the addresses that
// trace.SystemBase reserves.
const (
	ArenaBase = 0x10_0000_0000
	ArenaSize = dataOff + DataSize

	Slots    = 256     // tasks at the same time
	MaxBatch = 127     // commands in a batch
	DataSize = 1 << 24 // bytes that can be passed between supervisor and task at the same time

	headerSize = 4096
	slotSize   = 64 + MaxBatch*cmdSize
	dataOff    = headerSize + Slots*slotSize
)

// Offsets in the arena's header, in a slot and in a command, as agent_linux_amd64.h has them.
const (
	offEvents, offOwner, offExecSlot, offPatience = 0, 4, 8, 16
	offName, offArgv                              = 64, 96

	offBell, offDone, offCount, offFresh, offTID, offPID, offCmds = 0, 4, 8, 12, 16, 20, 64

	offNR, offArgs, offRet, cmdSize = 0, 8, 56, 64
)

// Addresses in the arena that hold the arguments of an exec: an empty path, and argv and envp.
const (
	EmptyString = ArenaBase + offName + 24
	Argv        = ArenaBase + offArgv
	Envp        = ArenaBase + offArgv + 8
)

// Number is what a command does: a system call, or one of the numbers below, with flags.
type Number uint32

// Commands that are not system calls, and the flags of a command.
const (
	Copy  Number = 0x8001 // copy a2 bytes from a1 to a0; a bad address kills the task
	Store Number = 0x8002 // store the 32-bit value a1 at a0; a bad address kills the task

	Stop  Number = 0x10000 // end the batch here if the result is negative
	Child Number = 0x20000 // for clone: a5 is the SlotAddr of the child
)

// NotRun is the result of a command that its batch did not reach.
const NotRun = math.MinInt64

// Cmd is one command of a batch, and its result.
type Cmd struct {
	NR   Number
	Args [6]uint64
	Ret  int64
}

// Arena is the memory that a supervisor shares with its tasks.
type Arena struct {
	file *os.File
	mem  []byte
}

// NewArena makes an arena that is owned by this process: the tasks end a few seconds after it dies.
func NewArena() (*Arena, error) {
	fd, err := unix.MemfdCreate("uringsim-arena", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	a := &Arena{file: os.NewFile(uintptr(fd), "uringsim-arena")}
	if err := a.file.Truncate(ArenaSize); err != nil {
		return nil, errors.Join(err, a.file.Close())
	}
	a.mem, err = unix.Mmap(fd, 0, ArenaSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mmap: %w", err), a.file.Close())
	}
	le := binary.LittleEndian
	le.PutUint32(a.mem[offOwner:], uint32(os.Getpid()))
	le.PutUint64(a.mem[offPatience:], 2) // seconds of a timespec
	copy(a.mem[offName:], "uringsim\x00")
	le.PutUint64(a.mem[offArgv:], ArenaBase+offName)
	return a, nil
}

// File returns the arena as a file, which is to be a task's descriptor ArenaFD.
func (a *Arena) File() *os.File { return a.file }

// Close unmaps the memory. Tasks keep their own mappings.
func (a *Arena) Close() error {
	return errors.Join(unix.Munmap(a.mem), a.file.Close())
}

// Data returns the part of the arena for bytes that are passed between supervisor and task.
func (a *Arena) Data() []byte { return a.mem[dataOff:] }

// DataAddr returns the address in a task of an offset in Data.
func DataAddr(off int) uint64 { return ArenaBase + dataOff + uint64(off) }

// DataFile returns the offset in the arena's file of an offset in Data.
func DataFile(off int) uint64 { return dataOff + uint64(off) }

// SlotAddr returns the address of a slot in a task.
func SlotAddr(slot int) uint64 { return ArenaBase + headerSize + uint64(slot)*slotSize }

func (a *Arena) slot(slot int) []byte { return a.mem[headerSize+slot*slotSize:][:slotSize] }

func (a *Arena) word(slot, off int) *atomic.Uint32 { return Word32(a.slot(slot), off) }

// Reset prepares a slot for a new task. The task counts as Done as soon as it runs.
func (a *Arena) Reset(slot int) {
	clear(a.slot(slot)[:offCmds])
	a.word(slot, offBell).Store(1)
}

// SetExecSlot sets the slot of the next task that starts from the image.
func (a *Arena) SetExecSlot(slot int) { Word64(a.mem, offExecSlot).Store(SlotAddr(slot)) }

// Start makes the task execute a batch of at most MaxBatch commands.
func (a *Arena) Start(slot int, cmds []Cmd) {
	le, s := binary.LittleEndian, a.slot(slot)
	for i := range cmds {
		b := s[offCmds+i*cmdSize:][:cmdSize]
		le.PutUint64(b[offNR:], uint64(cmds[i].NR))
		for j, v := range cmds[i].Args {
			le.PutUint64(b[offArgs+8*j:], v)
		}
		le.PutUint64(b[offRet:], 1<<63)
	}
	a.word(slot, offCount).Store(uint32(len(cmds)))
	bell := a.word(slot, offBell)
	bell.Add(1)
	futex(bell, futexWake, 1, nil)
}

// Done tells whether the task has finished its batch.
func (a *Arena) Done(slot int) bool {
	return a.word(slot, offDone).Load() == a.word(slot, offBell).Load()
}

// Results fills in the results of a batch.
func (a *Arena) Results(slot int, cmds []Cmd) {
	for i := range cmds {
		cmds[i].Ret = int64(binary.LittleEndian.Uint64(a.slot(slot)[offCmds+i*cmdSize+offRet:]))
	}
}

// IDs returns the thread and process id that the task had when it started, and how often it was started from the image.
func (a *Arena) IDs(slot int) (tid, pid int, starts uint32) {
	return int(a.word(slot, offTID).Load()), int(a.word(slot, offPID).Load()), a.word(slot, offFresh).Load()
}

// Wait waits until cond holds, which may only depend on the progress of tasks. It returns false after the timeout.
func (a *Arena) Wait(cond func() bool, timeout time.Duration) bool {
	events := Word32(a.mem, offEvents)
	end := time.Now().Add(timeout)
	for {
		seen := events.Load()
		if cond() {
			return true
		}
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		ts := unix.NsecToTimespec(int64(left))
		futex(events, futexWait, seen, &ts)
	}
}

// Operations of futex(2), shared between processes.
const futexWait, futexWake = 0, 1

// futex is futex(2) between processes. Its result does not matter, since callers look at the memory again.
func futex(word *atomic.Uint32, op uintptr, val uint32, timeout *unix.Timespec) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), op, uintptr(val),
		uintptr(unsafe.Pointer(timeout)), 0, 0)
}
