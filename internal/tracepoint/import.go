package tracepoint

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Limits that keep memory bounded, whatever the log contains.
const (
	maxLine  = 64 << 10 // bytes; longer lines are skipped
	maxRings = 1 << 16  // if there are more, all rings are forgotten, and get new names when they appear again
	maxHeld  = 16       // events that are held until it is clear whether they are in a chain
	maxTold  = 3        // skipped lines for which the Summary says why
)

// Options say which events become part of the trace.
type Options struct {
	Comms []string // names of tasks; nil means all
	PIDs  []string // ids of threads, or of processes with the threads that the kernel made for them; nil means all
}

// Summary is what an Importer has seen.
type Summary struct {
	trace.Recording
	Told []string // where and why lines were skipped, for the first ones
}

// Importer turns the lines of logs into events.
type Importer struct {
	options Options
	emit    func(*trace.Event) error
	sum     Summary
	rings   map[string]*ring // by pointer
	made    int              // rings so far, for their names
	held    []held
}

// ring is a ring, and the last request that was submitted to it.
type ring struct {
	name  string
	last  string // pointer to that request
	opens bool   // its flags say that the next request is in its chain
}

// held is an event that waits for a line which says that it is in a chain.
type held struct {
	event *trace.Event
	req   string // pointer to the request
	prev  string // pointer to the request before it on its ring
	open  bool   // the flags of that one say that this one is in its chain
}

// New returns an Importer that passes its events to emit.
func New(o Options, emit func(*trace.Event) error) *Importer {
	return &Importer{options: o, emit: emit, rings: map[string]*ring{}}
}

// Summary returns what was seen so far.
func (im *Importer) Summary() Summary { return im.sum }

// none is the error for a log without any request.
const none = `found no requests, expected lines such as ` +
	`"web-812 [003] 42.000001: io_uring_submit_req: ring ..., req ..., user_data 0x1, opcode SEND, flags 0x0"`

// Read reads a log to its end, or until the context is done. The name of the file is for messages. Errors name the
// line.
func (im *Importer) Read(ctx context.Context, in io.Reader, file string) error {
	im.rings = map[string]*ring{} // the pointers may be from another boot
	lines := bufio.NewReaderSize(in, maxLine)
	before := im.sum.SQEs
	n := 0
	for ctx.Err() == nil {
		text, long, err := readLine(lines)
		if len(text) == 0 && err == io.EOF {
			break
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s:%d: %w", file, n+1, err)
		}
		n++
		im.sum.Lines++
		fail := func(msg string) { im.skip(fmt.Sprintf("%s:%d: %s", file, n, msg)) }
		switch {
		case long:
			fail(fmt.Sprintf("the line has more than %d bytes", maxLine))
		case bytes.IndexByte(text, 0) >= 0:
			return &trace.SyntaxError{File: file, Line: n, Col: bytes.IndexByte(text, 0) + 1,
				Msg: "found binary data, expected text: what perf script or trace-cmd report print, not perf.data or trace.dat"}
		default:
			why, err := im.line(string(text))
			if err != nil {
				return err
			}
			if why != "" {
				fail(why)
			}
		}
	}
	if err := im.release(0); err != nil {
		return err
	}
	if im.sum.SQEs == before && ctx.Err() == nil && len(im.options.Comms)+len(im.options.PIDs) == 0 {
		msg := none
		if len(im.sum.Told) > 0 {
			msg += "; the first line that was not understood: " + im.sum.Told[0]
		}
		return &trace.SyntaxError{File: file, Line: max(n, 1), Col: 1, Msg: msg}
	}
	return nil
}

// readLine reads a line without its end. The text of a line that is too long is dropped.
func readLine(in *bufio.Reader) (text []byte, long bool, err error) {
	text, err = in.ReadSlice('\n')
	for long = false; err == bufio.ErrBufferFull; long = true {
		_, err = in.ReadSlice('\n')
		text = text[:0:0]
	}
	if long && err == nil || long && err == io.EOF {
		return []byte("?"), true, nil
	}
	if err == nil {
		text = bytes.TrimRight(text, "\r\n")
	}
	if err == io.EOF && len(text) > 0 {
		err = nil
	}
	return text, long, err
}

// skip counts a line that was not understood.
func (im *Importer) skip(why string) {
	im.sum.Skipped++
	if len(im.sum.Told) < maxTold {
		im.sum.Told = append(im.sum.Told, why)
	}
}

// line handles a line of a log. Why says why it was not understood.
func (im *Importer) line(text string) (why string, err error) {
	if n, ok := parseLost(strings.TrimSpace(text)); ok {
		im.sum.Missed += n
		return "", nil
	}
	if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' || preamble.MatchString(trimmed) {
		im.comment(trimmed)
		return "", nil
	}
	before, event, rest, ok := splitEvent(text)
	k, used := tracepoints[event]
	switch {
	case !ok:
		return "found no tracepoint of io_uring", nil
	case others[event]:
		return "", nil
	case !used:
		return fmt.Sprintf("tracepoint %q is not known", abbreviate(event)), nil
	}
	t, ok := parseTask(before)
	if !ok {
		return fmt.Sprintf("found %q, expected a task, its number and the time", abbreviate(before)), nil
	}
	p, problem := parsePayload(k, rest)
	if problem != nil {
		return event + ": " + problem.Error(), nil
	}
	if !im.wanted(t) {
		return "", nil
	}
	problem, err = im.event(k, t, p)
	if problem != nil {
		return event + ": " + problem.Error(), nil
	}
	return "", err
}

// comment handles comments that say something: the kernel's release, or how much of a buffer was overwritten.
func (im *Importer) comment(text string) {
	if m := osRelease.FindStringSubmatch(text); m != nil {
		im.sum.Release, im.sum.Version = Release(m[1])
	}
	if m := overwrote.FindStringSubmatch(text); m != nil {
		kept, errKept := strconv.ParseUint(m[1], 10, 64)
		written, err := strconv.ParseUint(m[2], 10, 64)
		if errKept == nil && err == nil && written > kept {
			im.sum.Missed += written - kept
		}
	}
}

// wanted tells whether the options ask for the task.
func (im *Importer) wanted(t task) bool {
	o := &im.options
	if len(o.Comms) > 0 && !slices.Contains(o.Comms, t.comm) {
		return false
	}
	if len(o.PIDs) == 0 {
		return true
	}
	maker, found := strings.CutPrefix(t.comm, "iou-sqp-")
	if !found {
		maker, found = strings.CutPrefix(t.comm, "iou-wrk-")
	}
	return slices.Contains(o.PIDs, t.pid) || slices.Contains(o.PIDs, t.tgid) || found && slices.Contains(o.PIDs, maker)
}

// event handles a tracepoint. The problem is about the line, the error is from emit.
func (im *Importer) event(k kind, t task, p payload) (problem, err error) {
	switch k {
	case created:
		return im.created(t, p)
	case registered:
		return im.registered(t, p)
	case admitted, failed:
		return im.submitted(k, t, p)
	case linked:
		im.linked(p)
	case completed:
		im.sum.CQEs++
	}
	return nil, nil
}

// ringOf returns the ring that a line names, or nil if the kernel did not print its pointer.
func (im *Importer) ringOf(p payload) *ring {
	ptr, ok := p.pointer(fRing)
	if !ok {
		return nil
	}
	if im.rings[ptr] == nil {
		return im.newRing(ptr)
	}
	return im.rings[ptr]
}

func (im *Importer) newRing(ptr string) *ring {
	if len(im.rings) >= maxRings {
		clear(im.rings)
	}
	im.made++
	r := &ring{name: fmt.Sprintf("ring%d", im.made)}
	im.rings[ptr] = r
	return r
}

// created handles a new ring. From now on its pointer means this ring.
func (im *Importer) created(t task, p payload) (problem, err error) {
	var words [3]uint64
	for i, f := range []field{fFlags, fSQSize, fCQSize} {
		if words[i], _, problem = p.number(f, 32); problem != nil {
			return problem, nil
		}
	}
	ptr, ok := p.pointer(fRing)
	if !ok {
		return nil, nil // nothing can refer to such a ring
	}
	a := &trace.SeenSetupArgs{Ring: im.newRing(ptr).name, Flags: trace.SetupNum(uint32(words[0])),
		SQEntries: trace.Number(uint32(words[1])), CQEntries: trace.Number(uint32(words[2]))}
	return nil, im.hold(held{event: &trace.Event{Task: t.name(), Args: a}})
}

func (im *Importer) registered(t task, p payload) (problem, err error) {
	op, _, problem := p.number(fOp, 32)
	if problem != nil {
		return problem, nil
	}
	ret, _, problem := p.number(fRet, 64)
	if problem != nil {
		return problem, nil
	}
	a := &trace.SeenRegisterArgs{Op: trace.RegisterNum(op)}
	if r := im.ringOf(p); r != nil {
		a.Ring = r.name
	}
	im.sum.Calls++
	result := trace.Recorded{Ret: trace.Ret(int64(ret))}
	return nil, im.hold(held{event: &trace.Event{Task: t.name(), Args: a, Results: []trace.Recorded{result}}})
}

// sqeFields are the fields that a line may have besides opcode and flags, and their widths in bits. Of ioprio the
// kernel prints only 8 of 16 bits, so it is not known.
var sqeFields = []struct {
	name field
	bits int
}{{fUserData, 64}, {"off", 64}, {"addr", 64}, {"len", 32}, {"rw_flags", 32}, {"buf_index", 16},
	{"personality", 16}, {"file_index", 32}, {"addr3", 64}, {"__pad2", 64}}

// visibleFlags are the flags of a request that an SQE can have. The kernel's own flags follow them.
const visibleFlags = 0x7f

// submitted handles a request that was admitted or refused.
func (im *Importer) submitted(k kind, t task, p payload) (problem, err error) {
	sqe, flags, problem := sqeOf(k, p)
	if problem != nil {
		return problem, nil
	}
	a := &trace.SeenSubmitArgs{Request: sqe}
	result := trace.Recorded{}
	if k == failed {
		a.Request, a.SQE = nil, sqe
		e, _, problem := p.number(fError, 32)
		if problem == nil && int64(e) >= 0 {
			problem = fmt.Errorf("error is %d, expected a negative number", e)
		}
		if problem != nil {
			return problem, nil
		}
		result.Ret = trace.Ret(int64(e))
	}
	h := held{event: &trace.Event{Task: t.name(), Args: a, Results: []trace.Recorded{result}}}
	h.req, _ = p.pointer(fReq)
	if r := im.ringOf(p); r != nil {
		a.Ring = r.name
		a.Continue = k == failed && r.opens // there is no line io_uring_link for these
		h.prev, h.open, r.last = r.last, r.opens, h.req
		r.opens = flags&(uapi.IOSQE_IO_LINK|uapi.IOSQE_IO_HARDLINK) != 0
	}
	im.sum.SQEs++
	return nil, im.hold(h)
}

// sqeOf returns what a line says of an SQE.
func sqeOf(k kind, p payload) (s *trace.SQE, flags uint64, problem error) {
	s = &trace.SQE{}
	add := func(name string, v uint64) {
		s.Fields = append(s.Fields, trace.SQEField{Name: name, Value: trace.Pointer{Num: v}})
	}
	op, ok, problem := p.opcode()
	if problem != nil {
		return nil, 0, problem
	}
	if ok {
		add("opcode", op)
	}
	flags, ok, problem = p.number(fFlags, 64)
	if problem != nil {
		return nil, 0, problem
	}
	if k == admitted {
		flags &= visibleFlags
	} else if flags > 0xff {
		return nil, 0, fmt.Errorf("flags are %#x, expected 8 bits", flags)
	}
	if ok {
		add("flags", flags)
	}
	for _, f := range sqeFields {
		v, ok, problem := p.number(f.name, f.bits)
		if problem != nil {
			return nil, 0, problem
		}
		if ok {
			add(string(f.name), v)
		}
	}
	return s, flags, nil
}

// linked notes that a request is in a chain.
func (im *Importer) linked(p payload) {
	req, ok := p.pointer(fReq)
	after, okToo := p.pointer(fAfter)
	if !ok || !okToo {
		return
	}
	for i := len(im.held) - 1; i >= 0; i-- {
		if h := &im.held[i]; h.req == req {
			if a, ok := h.event.Args.(*trace.SeenSubmitArgs); ok {
				a.Continue = a.Continue || h.prev == after || h.open // some kernels name the first of the chain
			}
			return
		}
	}
}

// hold keeps an event until maxHeld others have come.
func (im *Importer) hold(h held) error {
	im.held = append(im.held, h)
	return im.release(maxHeld)
}

// release emits all held events but the last keep.
func (im *Importer) release(keep int) error {
	for len(im.held) > keep {
		if err := im.emit(im.held[0].event); err != nil {
			return err
		}
		im.held = slices.Delete(im.held, 0, 1)
	}
	return nil
}
