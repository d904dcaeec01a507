package ptrace

import (
	"bufio"
	"errors"
	"iter"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Task is a thread of the program.
type Task struct {
	TID     int
	Process *Process

	watched bool // the handler wants to know the result of the current call
}

// Process is what the threads of a process share. A task gets a new one when it executes another program.
type Process struct {
	Space *Space
}

// Space is an address space, identified by its pointer. A vfork child has that of its parent.
type Space struct{ _ byte }

func newProcess() *Process { return &Process{Space: &Space{}} }

// FileID identifies an open file. The zero value is a file of which nothing is known.
type FileID struct{ Dev, Ino uint64 }

// PageSize is the size of a page in bytes.
const PageSize = 4096

// Read fills b with memory of the task, or fails.
func (t *Task) Read(addr uint64, b []byte) error { return t.Gather(b, Remote(addr, len(b))) }

// Gather fills b with pieces of the task's memory, one after the other, or fails.
func (t *Task) Gather(b []byte, from ...unix.RemoteIovec) error {
	if len(b) == 0 {
		return nil
	}
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	const most = 1024 // the most iovecs of a call
	if len(from) > most {
		size := 0
		for _, r := range from[:most] {
			size += r.Len
		}
		if err := t.Gather(b[:size], from[:most]...); err != nil {
			return err
		}
		return t.Gather(b[size:], from[most:]...)
	}
	n, err := unix.ProcessVMReadv(t.TID, local, from, 0)
	if err == nil && n < len(b) {
		err = unix.EFAULT
	}
	return err
}

// Write stores all of b in memory of the task that the task itself can write, or fails.
func (t *Task) Write(addr uint64, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	n, err := unix.ProcessVMWritev(t.TID, local, []unix.RemoteIovec{Remote(addr, len(b))}, 0)
	if err == nil && n < len(b) {
		err = unix.EFAULT
	}
	return err
}

// Readable tells whether all pages of the memory are mapped.
func (t *Task) Readable(addr, size uint64) bool {
	var from []unix.RemoteIovec
	for at := addr; at < addr+size; at = at&^(PageSize-1) + PageSize {
		from = append(from, Remote(at, 1))
	}
	return t.Gather(make([]byte, len(from)), from...) == nil
}

// Remote is a piece of a task's memory.
func Remote(addr uint64, size int) unix.RemoteIovec {
	return unix.RemoteIovec{Base: uintptr(addr), Len: size}
}

// Identify returns the file of the descriptor, and whether it is open.
func (t *Task) Identify(fd int32) (FileID, bool) {
	var st unix.Statx_t
	path := t.ProcPath("fd/" + strconv.Itoa(int(fd)))
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st) != nil {
		return FileID{}, false
	}
	return FileID{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}, true
}

// files returns the files that the task has open.
func (t *Task) files() ([]FileID, error) {
	names, err := os.ReadDir(t.ProcPath("fd"))
	if err != nil {
		return nil, err
	}
	var files []FileID
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil {
			if id, ok := t.Identify(int32(fd)); ok {
				files = append(files, id)
			}
		}
	}
	return files, nil
}

// IsRing tells whether the descriptor is a ring.
func (t *Task) IsRing(fd int32) bool {
	link, err := os.Readlink(t.ProcPath("fd/" + strconv.Itoa(int(fd))))
	return err == nil && link == RingLink
}

// ProcPath returns a path below the task's folder in /proc.
func (t *Task) ProcPath(name string) string { return "/proc/" + strconv.Itoa(t.TID) + "/" + name }

// Status returns the value of a line of the task's status in /proc, or "".
func (t *Task) Status(name string) string { return t.ProcLine("status", name) }

// ProcLine returns the value of the line with this name in a file of the task's folder in /proc, or "".
func (t *Task) ProcLine(file, name string) string {
	text, err := os.ReadFile(t.ProcPath(file))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// PID returns the process id of the thread.
func (t *Task) PID() int {
	if pid, err := strconv.Atoi(t.Status("Tgid")); err == nil {
		return pid
	}
	return t.TID
}

// mapping is a range of a task's memory.
type mapping struct {
	start, end, offset uint64
	shared             bool
	inode, name        string
}

// mappings returns the task's memory, from low addresses to high.
func (t *Task) mappings() iter.Seq[mapping] {
	return func(yield func(mapping) bool) {
		f, err := os.Open(t.ProcPath("maps"))
		if err != nil {
			return
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if m, ok := parseMapping(lines.Text()); ok && !yield(m) {
				return
			}
		}
	}
}

// parseMapping reads a line of /proc/PID/maps: range, protection, offset, device, inode and perhaps a name.
func parseMapping(line string) (m mapping, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return m, false
	}
	start, end, _ := strings.Cut(fields[0], "-")
	var errs [3]error
	m.start, errs[0] = strconv.ParseUint(start, 16, 64)
	m.end, errs[1] = strconv.ParseUint(end, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(fields[2], 16, 64)
	m.shared, m.inode = strings.HasSuffix(fields[1], "s"), fields[4]
	if len(fields) > 5 {
		m.name = fields[5]
	}
	return m, errors.Join(errs[:]...) == nil
}

// Shares tells whether the task's children share the memory at an address with it.
func (t *Task) Shares(addr uint64) bool {
	for m := range t.mappings() {
		if m.start <= addr && addr < m.end {
			return m.shared
		}
	}
	return false
}

// mapped returns where the task has mapped the ring, by offset. If it did so more than once, the lowest address counts.
func (t *Task) mapped(file FileID) map[uint64]uint64 {
	found := map[uint64]uint64{}
	for m := range t.mappings() {
		if _, ok := found[m.offset]; !ok && m.name == RingLink && m.inode == strconv.FormatUint(file.Ino, 10) {
			found[m.offset] = m.start
		}
	}
	return found
}

// Release continues a task that is stopped at the start of a call.
func (t *Task) Release(s Step) error {
	switch s {
	case Hold:
		return nil
	case Watch:
		t.watched = true
		return unix.PtraceSyscall(t.TID, 0)
	}
	return unix.PtraceCont(t.TID, 0)
}

// change changes the registers of a stopped task.
func (t *Task) change(f func(*unix.PtraceRegs)) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(t.TID, &regs); err != nil {
		return err
	}
	f(&regs)
	return unix.PtraceSetRegs(t.TID, &regs)
}

// Skip makes a call that is about to start return a result instead.
func (t *Task) Skip(ret int64) error {
	return t.change(func(r *unix.PtraceRegs) { r.Orig_rax, r.Rax = ^uint64(0), uint64(ret) })
}

// SetArgs changes the arguments of a call that is about to start.
func (t *Task) SetArgs(args [6]uint64) error {
	return t.change(func(r *unix.PtraceRegs) { setArgs(r, args) })
}

func setArgs(r *unix.PtraceRegs, args [6]uint64) {
	r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9 = args[0], args[1], args[2], args[3], args[4], args[5]
}

// SetResult changes the result of a call that ends, and restores the arguments with which the task made it.
func (t *Task) SetResult(ret int64, args [6]uint64) error {
	return t.change(func(r *unix.PtraceRegs) { r.Rax = uint64(ret); setArgs(r, args) })
}

// Again makes the task repeat a call that ends, with these arguments.
func (t *Task) Again(c Call) error {
	const syscallSize = 2 // size of the instruction
	return t.change(func(r *unix.PtraceRegs) {
		r.Rip -= syscallSize
		r.Rax = c.NR
		setArgs(r, c.Args)
	})
}
