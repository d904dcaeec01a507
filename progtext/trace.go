package progtext

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// errOp is returned by forms that need an opcode.
var errOp = errors.New("found no opcode, expected one for the registration (--op)")

// readTrace finds the only registration in a trace, or the only one for the opcode.
func readTrace(in input) (*Program, error) {
	t, err := trace.Read(bytes.NewReader(in.text), in.file)
	if err != nil {
		return nil, err
	}
	var found []*trace.BPFFilter
	event := 0
	for i, e := range t.Events {
		a, ok := e.Args.(*trace.RegisterArgs)
		if !ok || a.Arg.Object == nil || a.Arg.Object.BPFFilter == nil {
			continue
		}
		if f := a.Arg.Object.BPFFilter; in.o.Op == nil || f.Opcode == trace.OpNum(*in.o.Op) {
			found, event = append(found, f), i
		}
	}
	if len(found) != 1 {
		return nil, in.errorf(0, "found %d registrations of programs, expected one, or one for the opcode", len(found))
	}
	if found[0].Insns == nil {
		return readRaw(input{in.file, found[0].Program, in.o})
	}
	insns, lines, err := cbpfvm.AssembleList(found[0].Insns)
	if err != nil {
		return nil, in.errorf(0, "insns: %v", err)
	}
	return &Program{insns, in.eventPlaces(event, t.Events[event].Line, lines)}, nil
}

// eventPlaces returns the places of the lines of assembler of an event. In a trace with one event per line, all have
// the place of the event; in a packed trace they have none.
func (in *input) eventPlaces(event, at int, lines []int) []srcpos.Pos {
	if at == 0 {
		return nil
	}
	places := trace.Places(in.text, "events", strconv.Itoa(event), "arg", "bpf_filter", "insns").Elements
	var out []srcpos.Pos
	for _, n := range lines {
		p := srcpos.Pos{Line: at, Col: 1}
		if n < len(places) {
			p = places[n].Pos
		}
		out = append(out, p)
	}
	return out
}

// writeTrace writes a trace of a task without privileges that registers the program for itself.
func writeTrace(out *bytes.Buffer, insns []uapi.SockFilter, o Options) error {
	if o.Op == nil {
		return errOp
	}
	const itself = math.MaxUint64 // the descriptor -1
	filter := trace.BPFFilter{Opcode: trace.OpNum(*o.Op), Insns: cbpfvm.Disassemble(insns)}
	t := trace.Trace{Header: trace.Header{Trace: trace.Version, Name: o.Name}, Events: []trace.Event{
		{Task: trace.InitTask, Args: &trace.NoNewPrivsArgs{}},
		{Task: trace.InitTask, Args: &trace.RegisterArgs{FD: itself, Op: trace.RegisterNum(uapi.IORING_REGISTER_BPF_FILTER),
			Arg: trace.Pointer{Object: &trace.Object{BPFFilter: &filter}}, Nr: 1}},
	}}
	return t.Write(out)
}
