// Package gen makes traces without end: from a kind and a seed, the same on every machine, most of them near the border
// between what a kernel accepts and what it refuses.
//
// Every result in a trace is one that io_uring decides alone, so that the model has to know it: requests that would do
// something are put behind one that fails, so that they are prepared and filtered and then cancelled.
package gen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Kind is what a trace tries.
type Kind struct {
	Name   string
	What   string
	Weight int // how many traces of this kind there are for each one of the rarest
	make   func(*maker)
}

// Kinds are all kinds.
var Kinds = []Kind{
	{"check", "programs for the checker, valid and nearly", 10, (*maker).check},
	{"vm", "valid programs on contexts of all kinds", 4, (*maker).vm},
	{"register", "registrations of restrictions and filters, and other register calls under restrictions", 4, (*maker).register},
	{"rsrc", "registered files and buffers with their tags, and requests that use and change them", 3, (*maker).rsrc},
	{"inherit", "tasks that inherit restrictions and filters, and add to them", 3, (*maker).inherit},
	{"prep", "requests of every opcode with nearly valid fields", 4, (*maker).prep},
	{"link", "links, hard links, drains and skipped CQEs with failures anywhere", 4, (*maker).link},
	{"timeout", "timeouts that are changed, cancelled, and ended by other completions", 2, (*maker).timeoutKind},
	{"enter", "the arguments of enter, waits, and rings that overflow", 2, (*maker).enter},
	{"cqes", "CQEs of both sizes that overflow, wrap around, and move with their ring", 2, (*maker).cqes},
	{"sqpoll", "rings with submission threads that several tasks enter", 2, (*maker).sqpoll},
	{"rare", "what takes several steps to come about", 1, (*maker).rare},
	{"setup", "rings with all flags and sizes", 2, (*maker).setupKind},
	{"mixed", "long lives of several tasks and rings", 3, (*maker).mixed},
}

// ParseKinds reads names joined by commas, or "all".
func ParseKinds(s string) ([]Kind, error) {
	if s == "all" {
		return slices.Clone(Kinds), nil
	}
	var kinds []Kind
	for name := range strings.SplitSeq(s, ",") {
		k, ok := KindOf(name)
		if !ok {
			return nil, fmt.Errorf("unknown kind %q; known are all, %s", name, names())
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// KindOf is the kind of that name.
func KindOf(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

func names() string {
	var s []string
	for _, k := range Kinds {
		s = append(s, k.Name)
	}
	return strings.Join(s, ", ")
}

// Trace is the trace of the seed.
func (k Kind) Trace(seed uint64) *trace.Trace {
	hash := uint64(14695981039346656037)
	for _, c := range []byte(k.Name) {
		hash = (hash ^ uint64(c)) * 1099511628211
	}
	m := &maker{Rand: rand.New(rand.NewPCG(seed, hash)), nextFD: 3, mistakes: 40}
	k.make(m)
	return &trace.Trace{
		Header: trace.Header{Trace: trace.Version, Name: fmt.Sprintf("%s, seed %d", k.Name, seed), Source: "generated"},
		Events: m.events,
	}
}

// maker makes one trace.
type maker struct {
	*rand.Rand
	events   []trace.Event
	nextFD   int            // the lowest free descriptor, as long as nothing fails
	names    map[int]string // of the rings that ring set up, by descriptor
	userData uint64
	mistakes int  // how many registrations in a hundred have one
	keepsFDs bool // no request closes a descriptor, as somebody counts on the numbers of new ones
}

// add appends an event of the task.
func (m *maker) add(task string, args trace.Args) {
	m.events = append(m.events, trace.Event{Task: task, Args: args})
}

// chance is true so many times in a hundred.
func (m *maker) chance(percent int) bool { return m.IntN(100) < percent }

// pick is one of the values.
func pick[T any](m *maker, values ...T) T { return values[m.IntN(len(values))] }

// some is a subset of the bits, each taken so many times in a hundred.
func (m *maker) some(percent int, bits ...uint32) uint32 {
	var v uint32
	for _, b := range bits {
		if m.chance(percent) {
			v |= b
		}
	}
	return v
}

// word is a 32-bit number, mostly an interesting one.
func (m *maker) word() uint32 {
	switch m.IntN(6) {
	case 0:
		return uint32(m.IntN(4))
	case 1:
		return 1 << m.IntN(32)
	case 2:
		return 1<<m.IntN(32) - 1
	case 3:
		return pick(m, uint32(31), 32, 33, 40, 64, 0x7fffffff, 0x80000000, 0xffffffff)
	case 4:
		return uint32(m.IntN(70))
	}
	return m.Uint32()
}

// long is a 64-bit number, mostly an interesting one.
func (m *maker) long() uint64 {
	switch m.IntN(4) {
	case 0:
		return uint64(m.word())
	case 1:
		return uint64(m.word())<<32 | uint64(m.word())
	case 2:
		return ^uint64(m.word())
	}
	return m.Uint64()
}

// data is the user_data of the next request.
func (m *maker) data() uint64 {
	m.userData++
	return m.userData
}

// ring adds a setup that works, and returns the descriptor that the ring gets and its name.
func (m *maker) ring(task string, entries int, flags uint32) (fd int, name string) {
	name = fmt.Sprintf("r%d", len(m.events))
	m.add(task, &trace.SetupArgs{Ring: name, Entries: trace.Number(entries), Flags: setupFlags(flags)})
	fd = m.nextFD
	m.nextFD++
	if m.names == nil {
		m.names = map[int]string{}
	}
	m.names[fd] = name
	return fd, name
}

// field is a field of an SQE with a number.
func field(name string, v uint64) trace.SQEField {
	return trace.SQEField{Name: name, Value: trace.Pointer{Num: v}}
}

// object is a field of an SQE that points to an object.
func object(name string, o trace.Object) trace.SQEField {
	return trace.SQEField{Name: name, Value: trace.Pointer{Object: &o}}
}

// sqe is a request with a fresh user_data.
func (m *maker) sqe(op uapi.Op, flags uint32, fields ...trace.SQEField) trace.SQE {
	s := trace.SQE{Fields: []trace.SQEField{field("opcode", uint64(op)), field("user_data", m.data())}}
	if flags != 0 {
		s.Fields = append(s.Fields, field("flags", uint64(flags)))
	}
	for _, f := range fields {
		set(&s, f)
	}
	return s
}

// set sets a field, once.
func set(s *trace.SQE, f trace.SQEField) {
	for i := range s.Fields {
		if s.Fields[i].Name == f.Name {
			s.Fields[i] = f
			return
		}
	}
	s.Fields = append(s.Fields, f)
}

// badOp is an opcode that does not exist.
const badOp = 200

// cancelled puts a request behind one that fails: it is prepared and filtered, and then cancelled.
func (m *maker) cancelled(s trace.SQE) []trace.SQE {
	return []trace.SQE{m.sqe(badOp, uapi.IOSQE_IO_LINK), s}
}

// registerArg adds a register call with an object as its argument.
func (m *maker) registerCall(task string, fd int, op uapi.RegisterOp, arg trace.Pointer, nr int) {
	m.add(task, &trace.RegisterArgs{FD: trace.Number(int64(fd)), Op: registerOp(op), Arg: arg,
		Nr: trace.Number(int64(nr))})
}

// pointer is a pointer to an object.
func pointer(o trace.Object) trace.Pointer { return trace.Pointer{Object: &o} }

// ptr is a pointer to a copy of v.
func ptr[T any](v T) *T { return &v }
