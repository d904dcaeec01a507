package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Places in the memory of each task that a driver makes.
const (
	memAt    = 0x2000_0000
	paramsAt = memAt
	regAt    = memAt + 0x1000
	progAt   = memAt + 0x2000
	pathAt   = memAt + 0x3000
	timeAt   = memAt + 0x3100
	memSize  = 0x10000
)

// driver makes calls on a Kernel as a program would, and fails the test where the Kernel itself fails.
type driver struct {
	testing.TB
	k     *Kernel
	tails map[string]uint32
	fds   map[string]int32 // by ring
}

func drive(t testing.TB, r kernel.Release) *driver {
	d := &driver{TB: t, k: New(r), tails: map[string]uint32{}, fds: map[string]int32{}}
	d.memory(trace.InitTask)
	return d
}

// memory maps a task's memory, with a path at pathAt and a second at timeAt.
func (d *driver) memory(task string) {
	d.do(task, trace.Map{Addr: memAt, Size: memSize, Prot: trace.ProtReadWrite})
	d.write(task, pathAt, []byte("/tmp/x\x00"))
	d.write(task, timeAt, []byte{1, 15: 0})
}

func (d *driver) do(task string, c trace.Call) trace.Result {
	d.Helper()
	r := d.k.Do(task, c)
	if r.Err != nil {
		d.Fatalf("%s: %T: %v", task, c, r.Err)
	}
	return r
}

func (d *driver) write(task string, at uint64, b []byte) {
	d.Helper()
	d.do(task, trace.Write{Addr: at, Data: b})
}

// setup makes a ring of 8 entries.
func (d *driver) setup(task, ring string, flags uint32) trace.Result {
	d.Helper()
	return d.setupParams(task, ring, 8, uapi.Params{Flags: flags})
}

func (d *driver) setupParams(task, ring string, entries uint32, p uapi.Params) trace.Result {
	d.Helper()
	d.write(task, paramsAt, p.Append(nil))
	r := d.do(task, trace.Setup{Ring: ring, Entries: entries, Params: paramsAt})
	if r.Ret >= 0 {
		d.fds[ring], d.tails[ring] = int32(r.Ret), 0
	}
	return r
}

// must fails the test unless the call gave ret.
func (d *driver) must(r trace.Result, ret int64) {
	d.Helper()
	if r.Ret != ret || r.Unmodelled != "" {
		d.Fatalf("ret %s (%v%s), want %s", uapi.FormatRet(r.Ret), r.Why, r.Unmodelled, uapi.FormatRet(ret))
	}
}

var sqeFlags = map[byte]uint64{'L': 4, 'H': 8, 'D': 2, 'A': 0x10, 'S': 0x40, 'F': 1, 'B': 0x20, 'X': 0x80}

// sqe reads "1 NOP+L len=3": user_data, opcode, flags by their letters, fields.
func sqe(text string) uapi.SQE {
	var s uapi.SQE
	parts := strings.Fields(text)
	set := func(name string, v uint64) {
		f, ok := uapi.SQEFieldByName(name)
		if !ok {
			panic("no field " + name)
		}
		f.Put(&s, v)
	}
	number := func(v string) uint64 {
		n, err := strconv.ParseInt(v, 0, 64)
		if err != nil {
			panic(err)
		}
		return uint64(n)
	}
	op, letters, _ := strings.Cut(parts[1], "+")
	opcode, err := uapi.Ops.Parse(op)
	if err != nil {
		panic(err)
	}
	set("user_data", number(parts[0]))
	set("opcode", opcode)
	for _, l := range []byte(letters) {
		s[1] |= byte(sqeFlags[l])
	}
	for _, f := range parts[2:] {
		name, v, _ := strings.Cut(f, "=")
		set(name, number(v))
	}
	return s
}

// enter submits the SQEs, separated by commas, and gives "ret: user_data RES, user_data RES ...". A CQE has its flags
// behind a slash, and a tilde if its place is no fact.
func (d *driver) enter(task, ring, sqes string, flags uint32) string {
	d.Helper()
	var list []string
	if sqes != "" {
		list = strings.Split(sqes, ",")
	}
	return d.enterWith(task, ring, list, trace.Enter{Flags: flags, ToSubmit: uint32(len(list))})
}

func (d *driver) enterWith(task, ring string, sqes []string, e trace.Enter) string {
	d.Helper()
	e.FD, e.Ring = d.fds[ring], ring
	for i, text := range sqes {
		slot := (d.tails[ring] + uint32(i)) % 8
		s := sqe(text)
		e.SQEs = append(e.SQEs, trace.SlotSQE{Slot: slot, Data: s[:]})
		e.Array = append(e.Array, trace.SlotIndex{Slot: slot, Value: slot})
	}
	d.tails[ring] += uint32(len(sqes))
	if e.Tail == 0 {
		e.Tail = d.tails[ring]
	}
	if r, _ := d.k.Ring(ring); r != nil && r.sqArray == nil {
		e.Array = nil
	}
	return show(d.do(task, e))
}

// show is a result on one line.
func show(r trace.Result) string {
	if r.Unmodelled != "" {
		return "unmodelled: " + r.Unmodelled
	}
	s := uapi.FormatRet(r.Ret) + ":"
	for i, c := range r.Ring.CQEs {
		if i > 0 {
			s += ","
		}
		s += fmt.Sprintf(" %d %s", c.UserData, uapi.FormatRet(int64(c.Res)))
		if c.Flags != 0 {
			s += "/" + uapi.CQEFlags.FormatFlags(uint64(c.Flags))
		}
		if c.Unordered {
			s += "~"
		}
	}
	return s
}

// register is a register call on a ring, or with "" on the task itself.
func (d *driver) register(task, ring string, op uapi.RegisterOp, arg uint64, nr uint32) trace.Result {
	d.Helper()
	fd := int32(-1)
	if ring != "" {
		fd = d.fds[ring]
	}
	return d.do(task, trace.Register{FD: fd, Op: uint32(op), Arg: arg, Nr: nr})
}

// filter registers an assembled filter.
func (d *driver) filter(task, ring string, op uapi.Op, src string, flags uint32) trace.Result {
	d.Helper()
	insns, err := cbpfvm.Assemble(src)
	if err != nil {
		d.Fatal(err)
	}
	reg := uapi.BPF{CmdType: 1, Opcode: uint32(op), Flags: flags, FilterLen: uint32(len(insns)), FilterPtr: progAt}
	d.write(task, regAt, reg.Append(nil))
	d.write(task, progAt, uapi.EncodeSockFilters(insns))
	return d.register(task, ring, uapi.IORING_REGISTER_BPF_FILTER, regAt, 1)
}

// restrict registers a list such as "sqe NOP, reg FILES, allow 0x10, require 1" on a ring, or on the task.
func (d *driver) restrict(task, ring, list string) trace.Result {
	d.Helper()
	var raw []byte
	n := 0
	for _, e := range strings.Split(list, ", ") {
		kind, value, ok := strings.Cut(e, " ")
		if !ok {
			continue
		}
		family := map[string]*uapi.Family{"reg": uapi.RegisterOps, "sqe": uapi.Ops}[kind]
		if family == nil {
			family = uapi.SQEFlags
		}
		v, err := family.Parse(value)
		if err != nil {
			d.Fatal(err)
		}
		k := slices.Index([]string{"reg", "sqe", "allow", "require"}, kind)
		raw = uapi.Restriction{Opcode: uint16(k), Value: uint8(v)}.Append(raw)
		n++
	}
	if ring == "" {
		head := uapi.TaskRestriction{NrRes: uint16(n)}
		d.write(task, regAt, append(head.Append(nil), raw...))
		return d.register(task, "", uapi.IORING_REGISTER_RESTRICTIONS, regAt, 1)
	}
	d.write(task, regAt, append(raw, 0))
	return d.register(task, ring, uapi.IORING_REGISTER_RESTRICTIONS, regAt, uint32(n))
}

const (
	getEvents = uapi.IORING_ENTER_GETEVENTS
	submitAll = uapi.IORING_SETUP_SUBMIT_ALL
	disabled  = uapi.IORING_SETUP_R_DISABLED
	deferTW   = uapi.IORING_SETUP_SINGLE_ISSUER | uapi.IORING_SETUP_DEFER_TASKRUN
)
