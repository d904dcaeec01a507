package record

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// recorder turns what tasks do into events.
type recorder struct {
	mu      sync.Mutex // guards all below: one thread follows the tasks, another looks at rings
	release string
	emit    func(*trace.Event)
	order   *order // where emit sends events
	counts  trace.Recording
	rings   ptrace.Rings[*ring]
	tasks   map[*ptrace.Task]*task
	polled  map[*ring]*ptrace.Space // rings with a submission thread, and the memory in which they were set up
	samples bool                    // whether keepSampling is running
	asleep  bool                    // submission threads are made to sleep
	setups  int
	spawns  int

	answered uint64 // final CQEs
}

// taskMemory is the memory of a task, from which arguments are read.
type taskMemory struct {
	r *recorder
	t *task
}

var _ program = taskMemory{}

func (r *recorder) memory(t *task) taskMemory { return taskMemory{r, t} }

func (m taskMemory) read(addr uint64, b []byte) error { return m.t.Read(addr, b) }

func (m taskMemory) moved(addr uint64) uint64 {
	to, _ := m.t.proc.space.moved(addr)
	return to
}

func (m taskMemory) pin(addr, size uint64) uint64 { return m.r.pin(m.t, addr, size) }

func (m taskMemory) descriptor(fd int32) { m.r.descriptor(m.t, fd) }

// mostPinned is the size of the largest buffer that can be registered.
const mostPinned = 1 << 30

// pin makes the trace map memory in place of the program's.
func (r *recorder) pin(t *task, addr, size uint64) uint64 {
	if addr == 0 || size == 0 || size > mostPinned || !t.Readable(addr, size) {
		return addr
	}
	missing, ok := t.proc.space.pin(addr, size)
	if !ok {
		r.counts.Unread++
		return addr
	}
	for _, e := range missing {
		at, _ := t.proc.space.moved(e.start)
		r.emit(&trace.Event{Task: t.name, Args: &trace.MapArgs{Addr: trace.Number(at), Size: trace.Number(e.end - e.start),
			Shared: t.Shares(e.start)}})
	}
	at, _ := t.proc.space.moved(addr)
	return at
}

// descriptor makes sure that the descriptor is the same file in the trace as in the program, and returns which file
// that is.
func (r *recorder) descriptor(t *task, fd int32) (now ptrace.FileID, open bool) {
	now, open = t.Identify(fd)
	if fd < 0 || fd >= trace.MaxFD {
		return now, open
	}
	was, had := t.proc.files[fd]
	switch {
	case open && had && was == now:
	case !open && had:
		r.forget(t, fd)
	case open:
		r.have(t, fd, now, had && was == ptrace.FileID{})
	}
	return now, open
}

// deleted is what /proc appends to the path of a deleted file.
const deleted = " (deleted)"

// forget closes a descriptor in the trace.
func (r *recorder) forget(t *task, fd int32) {
	delete(t.proc.files, fd)
	r.emit(&trace.Event{Task: t.name, Args: &trace.CloseArgs{FD: trace.Number(fd)}})
}

// have opens a file like the program's in the trace. Unknown means that the trace has a file there of which nothing is
// known.
func (r *recorder) have(t *task, fd int32, id ptrace.FileID, unknown bool) {
	link, err := os.Readlink(t.ProcPath("fd/" + strconv.Itoa(int(fd))))
	if err != nil {
		return
	}
	at := new(trace.Number(fd))
	e := &trace.Event{Task: t.name}
	switch {
	case link == ptrace.RingLink:
		from := int32(-1)
		for other, had := range t.proc.files {
			if had == id && other != fd {
				from = other
			}
		}
		if from < 0 {
			return // a ring that another process passed on
		}
		e.Args = &trace.DupArgs{FD: trace.Number(from), At: at}
	case strings.HasPrefix(link, "socket:"):
		domain, kind, protocol := t.socket(fd, t.PID())
		a := &trace.SocketArgs{At: at}
		a.Protocol.Set(uint64(protocol))
		a.Domain.Set(uint64(domain))
		a.Type.Set(uint64(kind) | t.openFlags(fd)&(unix.O_CLOEXEC|unix.O_NONBLOCK))
		e.Args = a
	case link == "anon_inode:[eventfd]":
		a := &trace.EventfdArgs{At: at}
		a.Flags.Set(t.openFlags(fd) & (unix.O_CLOEXEC | unix.O_NONBLOCK))
		e.Args = a
	case unknown: // it is as good as any file
		t.proc.files[fd] = id
		return
	default:
		a := &trace.OpenArgs{Path: link, At: at}
		if !strings.HasPrefix(link, "/") || strings.HasSuffix(link, deleted) || !validText([]byte(link)) {
			a.Path, e.Why = os.DevNull, "stands for "+strings.ToValidUTF8(link, "?")
		}
		a.Flags.Set(t.openFlags(fd))
		e.Args = a
	}
	t.proc.files[fd] = id
	r.emit(e)
}

// fillBelow makes fd the lowest free descriptor of the task in the trace, as it was in the program.
func (r *recorder) fillBelow(t *task, fd int32) {
	for low := range min(fd, trace.MaxFD) {
		if _, had := t.proc.files[low]; had {
			continue
		}
		r.descriptor(t, low)
		if _, had := t.proc.files[low]; !had {
			r.standIn(t, low, "stands for what another task has closed, or for a ring that it is setting up")
		}
	}
	if _, had := t.proc.files[fd]; had {
		r.forget(t, fd)
	}
}

// allDescriptors calls descriptor for all descriptors of the task, so that the lowest free one is the same in the
// trace.
func (r *recorder) allDescriptors(t *task) {
	names, err := os.ReadDir(t.ProcPath("fd"))
	if err != nil {
		return
	}
	for _, fd := range slices.Sorted(maps.Keys(t.proc.files)) {
		r.descriptor(t, fd)
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil && fd < trace.MaxFD {
			r.descriptor(t, int32(fd))
		}
	}
}

// noFile are the opcodes whose fd is not a descriptor.
var noFile = map[uapi.Op]bool{
	uapi.IORING_OP_NOP: true, uapi.IORING_OP_NOP128: true, uapi.IORING_OP_TIMEOUT: true,
	uapi.IORING_OP_TIMEOUT_REMOVE: true, uapi.IORING_OP_LINK_TIMEOUT: true, uapi.IORING_OP_ASYNC_CANCEL: true,
	uapi.IORING_OP_POLL_REMOVE: true, uapi.IORING_OP_SOCKET: true, uapi.IORING_OP_MADVISE: true,
	uapi.IORING_OP_WAITID: true, uapi.IORING_OP_FILES_UPDATE: true, uapi.IORING_OP_FUTEX_WAIT: true,
	uapi.IORING_OP_FUTEX_WAKE: true, uapi.IORING_OP_FUTEX_WAITV: true, uapi.IORING_OP_PROVIDE_BUFFERS: true,
	uapi.IORING_OP_REMOVE_BUFFERS: true, uapi.IORING_OP_PIPE: true,
}

// spliceFixed in splice_flags says that splice_fd_in is not a descriptor.
const spliceFixed = 1 << 31

// stillHave is like descriptor for a request that was seen late. If the program has closed the descriptor since, the
// trace gets /dev/null in its place.
func (r *recorder) stillHave(t *task, fd int32) {
	if _, open := t.Identify(fd); open || fd < 0 || fd >= trace.MaxFD {
		r.descriptor(t, fd)
		return
	}
	if _, had := t.proc.files[fd]; !had {
		r.standIn(t, fd, "stands for what was closed when it was looked at")
	}
}

// standIn opens /dev/null in place of what the program has, or had.
func (r *recorder) standIn(t *task, fd int32, why string) {
	t.proc.files[fd] = ptrace.FileID{}
	r.emit(&trace.Event{Task: t.name, Why: why, Args: &trace.OpenArgs{Path: os.DevNull, At: new(trace.Number(fd))}})
}

// usedBy calls descriptor for the descriptors that a request names. Late says that the request may have been carried
// out already.
func (r *recorder) usedBy(t *task, s *uapi.SQE, late bool) {
	op := s.Opcode()
	switch op {
	case uapi.IORING_OP_FIXED_FD_INSTALL, uapi.IORING_OP_PIPE: // they take the lowest free descriptor
		r.allDescriptors(t)
	case uapi.IORING_OP_SPLICE, uapi.IORING_OP_TEE:
		if s.OpFlags()&spliceFixed == 0 {
			r.descriptor(t, int32(s.FileIndex()))
		}
	case uapi.IORING_OP_EPOLL_CTL:
		r.descriptor(t, int32(s.Off()))
	}
	named := !noFile[op] || op == uapi.IORING_OP_NOP && s.OpFlags()&uapi.IORING_NOP_FILE != 0
	if !named || s.FD() < 0 || s.Flags()&uapi.IOSQE_FIXED_FILE != 0 || op == uapi.IORING_OP_CLOSE && s.FileIndex() != 0 {
		return
	}
	if late {
		r.stillHave(t, s.FD())
	} else {
		r.descriptor(t, s.FD())
	}
	if op == uapi.IORING_OP_CLOSE && r.rings.Of(t.proc.files[s.FD()]) == nil { // it does not close rings
		delete(t.proc.files, s.FD())
	}
}

// sameFile tells whether a request names only the descriptor that the request before it names.
func sameFile(s, before *uapi.SQE) bool {
	switch s.Opcode() {
	case uapi.IORING_OP_CLOSE, uapi.IORING_OP_SPLICE, uapi.IORING_OP_TEE, uapi.IORING_OP_EPOLL_CTL:
		return false
	}
	return s.Opcode() == before.Opcode() && s.FD() == before.FD() && s.Flags() == before.Flags()
}

// inUse returns the rings that tasks use without a descriptor.
func (r *recorder) inUse() map[*ring]bool {
	use := map[*ring]bool{}
	for _, t := range r.tasks {
		for _, ring := range t.rings {
			use[ring] = true
		}
		if t.call != nil {
			use[t.call.ring] = true
		}
	}
	return use
}

// begin records the privileges and the descriptors that the program has at its start.
func (r *recorder) begin(t *task) {
	r.emit(&trace.Event{Task: t.name, Args: &trace.NoNewPrivsArgs{}})
	r.limitFiles(t)
	if !capable() {
		r.emit(&trace.Event{Task: t.name, Args: &trace.DropPrivilegesArgs{}})
	}
	for fd := range int32(3) {
		t.proc.files[fd] = ptrace.FileID{}
	}
}

// limitFiles sets RLIMIT_NOFILE in the trace to that of the program.
func (r *recorder) limitFiles(t *task) {
	var now unix.Rlimit
	if unix.Prlimit(t.TID, unix.RLIMIT_NOFILE, nil, &now) != nil {
		return
	}
	now.Cur = max(now.Cur, trace.MinNofile) // a replay needs that many
	now.Max = max(now.Max, now.Cur)
	if now != t.proc.nofile {
		t.proc.nofile = now
		a := &trace.RlimitNofileArgs{Cur: trace.Number(now.Cur), Max: trace.Number(now.Max)}
		r.emit(&trace.Event{Task: t.name, Args: a})
	}
}

// capable tells whether this process has any capability.
func capable() bool { return (&ptrace.Task{TID: os.Getpid()}).Set("CapEff") != 0 }

// executed records that the task executes another program.
func (r *recorder) executed(t *task) {
	r.emit(&trace.Event{Task: t.name, Args: &trace.ExecArgs{}})
	t.rings = [16]*ring{}
	was := t.proc.files
	t.proc = &process{space: &space{}, files: map[int32]ptrace.FileID{}, nofile: t.proc.nofile}
	for fd, id := range was {
		if now, open := t.Identify(fd); open && now == id || id == (ptrace.FileID{}) {
			t.proc.files[fd] = id
			continue
		}
		r.forget(t, fd)
	}
}

// ended looks at the rings for the last time and records the end of a task.
func (r *recorder) ended(t *task) {
	r.abandon(t)
	for ring := range r.rings.All() {
		if ring.KnownIn(t.Process.Space) {
			ring.Doubt(t.Process.Space)
			r.look(t, ring)
		}
	}
	t.ended = true
	r.emit(&trace.Event{Task: t.name, Args: &trace.ExitArgs{}})
}

// look records what came into a ring since the last look. It returns false if the task has not mapped the ring.
func (r *recorder) look(t *task, ring *ring) bool {
	words, p, ok := ring.Words(t.Task)
	if !ok {
		return false
	}
	if ring.polled() {
		answered := words.CQTail // the SQEs of these CQEs will be in the second look
		if words, p, ok = ring.Words(t.Task); !ok {
			return false
		}
		words.CQTail = answered
		if words.SQTail != ring.sqTail {
			r.sampled(t, ring, words, p)
			return true
		}
	}
	r.reap(t, ring, words, p)
	return true
}

// fdOf returns a descriptor of the ring that the task has in the trace.
func (r *recorder) fdOf(t *task, ring *ring) (fd trace.Number) {
	for n, id := range t.proc.files {
		if id == ring.File {
			fd = trace.Number(n)
		}
	}
	return fd
}

// sampled records what a submission thread took, as a call that submits nothing itself.
func (r *recorder) sampled(t *task, ring *ring, words ptrace.Words, p ptrace.Place) {
	a := &trace.EnterArgs{FD: r.fdOf(t, ring), Ring: ring.name, ToSubmit: new(trace.Number(0))}
	r.sample(t, ring, a, words, p)
	r.emit(&trace.Event{Task: t.name, Args: a, Why: "sampled: the submission thread took these without a call",
		Results: []trace.Recorded{{On: []string{r.release}, CQEs: r.takeCQEs(t, ring, words, p),
			Dropped: words.Dropped, Over: words.Overflow}}})
}
