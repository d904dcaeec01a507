package trace

import (
	"errors"
	"fmt"

	"github.com/uringsim/uringsim/uapi"
)

// The arguments of calls that were observed from outside, such as in a log of the kernel's tracepoints. Fields of an SQE
// that are not stated are unknown, and not 0. The memory that an address points to is always unknown.
type (
	SeenSetupArgs struct {
		Ring      string        `json:"ring"`
		Flags     Num[setupTag] `json:"flags,omitzero" bits:"32"`
		SQEntries Number        `json:"sq_entries,omitzero" bits:"32"` // as the kernel rounded it
		CQEntries Number        `json:"cq_entries,omitzero" bits:"32"` // as the kernel rounded it
	}
	SeenRegisterArgs struct {
		Ring string        `json:"ring,omitzero"`
		Op   Num[regOpTag] `json:"op" bits:"32"`
	}
	SeenSubmitArgs struct {
		Ring     string `json:"ring,omitzero"`     // absent if it is not known
		Request  *SQE   `json:"request,omitzero"`  // what is known of a request after its prep, which may have added flags
		SQE      *SQE   `json:"sqe,omitzero"`      // instead of request: what is known of the SQE as the program wrote it
		Continue bool   `json:"continue,omitzero"` // the request is in the same chain as the one before it on its ring
	}
)

func (*SeenSetupArgs) call() string    { return "seen_setup" }
func (*SeenRegisterArgs) call() string { return "seen_register" }
func (*SeenSubmitArgs) call() string   { return "seen_submit" }

// SeenSetup is a ring that a task was seen to set up.
type SeenSetup struct {
	Ring  string
	Flags uint32
}

// SeenRegister is a register call that was seen. Of its arguments only the opcode is known.
type SeenRegister struct {
	Ring string
	Op   uapi.RegisterOp
	Logged
}

// SeenSubmit is a request that was seen when it was submitted.
type SeenSubmit struct {
	Ring string
	Seen
	Logged
}

// Logged is the result in the log, if Known is set: the return value of a register call, 0 for a request that was
// admitted, or a negated errno.
type Logged struct {
	Ret   int64
	Known bool
}

// Seen is what is known of a request that was seen.
type Seen struct {
	SQE  uapi.SQE
	Bits uapi.SQE // the bits of SQE that are known
	// Prepared says that the flags are those after prep and draining, which filters see, and not those of the SQE.
	Prepared bool
}

func (SeenSetup) isCall()    {}
func (SeenRegister) isCall() {}
func (SeenSubmit) isCall()   {}

// Has tells whether a field is known.
func (s *Seen) Has(field string) bool {
	f, ok := uapi.SQEFieldByName(field)
	return ok && f.Get(&s.Bits) == fieldOnes(f)
}

func fieldOnes(f uapi.SQEField) uint64 { return ^uint64(0) >> (64 - 8*f.Size) }

// Opcode returns the opcode, and whether it is known and exists.
func (s *Seen) Opcode() (uapi.Op, bool) {
	op := s.SQE.Opcode()
	return op, s.Bits[0] == 0xff && op < uapi.IORING_OP_LAST
}

// Seen returns what the event knows of its request. It fails if the event contradicts itself.
func (a *SeenSubmitArgs) Seen() (Seen, error) {
	s := Seen{Prepared: a.Request != nil}
	from := a.Request
	if from == nil {
		from = a.SQE
	}
	switch {
	case from == nil:
		return s, errors.New("found neither a request nor an sqe, expected one of them")
	case a.Request != nil && a.SQE != nil:
		return s, errors.New("found a request and an sqe, expected one of them")
	case from.Cmd != nil || from.Slot != nil:
		return s, errors.New("found cmd or slot, expected neither: only the first 64 bytes of an SQE can be seen")
	case len(from.Raw) > 0:
		copy(s.SQE[:], from.Raw)
		for i := range s.Bits {
			s.Bits[i] = 0xff
		}
		return s, nil
	}
	for i := range from.Fields {
		f := &from.Fields[i]
		if f.Value.Object != nil {
			return s, fmt.Errorf("%s: found an object, expected an address: memory is not seen", f.Name)
		}
		place, ok := uapi.SQEFieldByName(f.Name)
		if !ok {
			return s, fmt.Errorf("an SQE has no field %q", f.Name)
		}
		place.Put(&s.SQE, f.Value.Num)
		place.Put(&s.Bits, fieldOnes(place))
	}
	return s, nil
}

// seenCall returns the call of an event that was only seen.
func seenCall(args Args) (Call, error) {
	switch a := args.(type) {
	case *SeenSetupArgs:
		return SeenSetup{a.Ring, uint32(a.Flags)}, nil
	case *SeenRegisterArgs:
		return SeenRegister{Ring: a.Ring, Op: uapi.RegisterOp(a.Op)}, nil
	case *SeenSubmitArgs:
		s, err := a.Seen()
		return SeenSubmit{Ring: a.Ring, Seen: s}, err
	}
	return nil, fmt.Errorf("call %q cannot be carried out", args.call())
}

func logged(want *Recorded) Logged {
	if want == nil {
		return Logged{}
	}
	return Logged{int64(want.Ret), true}
}

// witness is a System that can judge what was only seen. A real kernel cannot, as there is nothing for it to do.
type witness interface {
	// Saw returns what the system would have given for what the task was seen to do.
	Saw(task string, c Call) Result
}

// do carries out a call, or has it judged if it was only seen, along with what was recorded of it.
func (p *Player) do(e *Event, c Call, want *Recorded) Result {
	switch seen := c.(type) {
	case SeenSetup:
	case SeenRegister:
		seen.Logged = logged(want)
		c = seen
	case SeenSubmit:
		seen.Logged = logged(want)
		c = seen
	default:
		return p.sys.Do(e.Task, c)
	}
	if w, ok := p.sys.(witness); ok {
		return w.Saw(e.Task, c)
	}
	return Result{Err: fmt.Errorf("%s was only seen in a log: a real kernel cannot carry it out", e.Call())}
}
