package report

import (
	"fmt"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// RequestName identifies a request by its opcode and user_data.
func RequestName(op uapi.Op, userData uint64) string {
	return fmt.Sprintf("%s  user_data=%d", op, userData)
}

// Fates says what became of each request of an outcome, one line each.
func Fates(o *trace.Outcome) []string {
	fates := make([]string, len(o.Requests))
	all := answersOf(o)
	for i := range o.Requests {
		fates[i] = all.fate(&o.Requests[i])
	}
	return fates
}

// answers holds the CQEs of a call by user_data, and how many of its requests share each user_data.
type answers struct {
	cqes     map[uint64][]trace.CQE
	requests map[uint64]int
}

func answersOf(o *trace.Outcome) answers {
	a := answers{map[uint64][]trace.CQE{}, map[uint64]int{}}
	for _, c := range o.CQEs {
		a.cqes[c.UserData] = append(a.cqes[c.UserData], c)
	}
	for i := range o.Requests {
		a.requests[o.Requests[i].UserData]++
	}
	return a
}

// shared reports whether other requests have the same user_data, in which case nobody can tell whose CQE is whose.
func (a answers) shared(q *trace.Request) bool { return a.requests[q.UserData] > 1 }

// of returns the CQEs of a request, or none if they cannot be told from those of others.
func (a answers) of(q *trace.Request) []trace.CQE {
	if a.shared(q) {
		return nil
	}
	return a.cqes[q.UserData]
}

// fate says in one line what became of a request.
func (a answers) fate(q *trace.Request) string {
	res := ""
	for _, c := range a.of(q) {
		if c.Flags&uapi.IORING_CQE_F_NOTIF == 0 {
			res = trace.Ret(c.Res).String() + "  "
			break
		}
	}
	switch {
	case q.Why != nil:
		if res == "" {
			res = q.Why.Errno.String() + "  "
		}
		return res + q.Why.String()
	case q.Note != "":
		return res + q.Note
	}
	return res + "allowed"
}

// Describe names the call of an event and its most important arguments.
func Describe(e *trace.Event) string {
	switch a := e.Args.(type) {
	case *trace.SetupArgs:
		return fmt.Sprintf("setup entries=%d%s", a.Entries, flagsOf(uapi.SetupFlags, uint64(a.Flags)))
	case *trace.RegisterArgs:
		s := fmt.Sprintf("register %s fd=%d", uapi.RegisterOp(a.Op), int32(a.FD))
		if a.Arg.Object != nil && a.Arg.Object.BPFFilter != nil {
			s += " " + uapi.Op(a.Arg.Object.BPFFilter.Opcode).String()
		}
		return s
	case *trace.EnterArgs:
		return fmt.Sprintf("enter fd=%d%s", int32(a.FD), flagsOf(uapi.EnterFlags, uint64(a.Flags)))
	case *trace.ForkArgs:
		return "fork " + a.Child
	case *trace.VForkArgs:
		return "vfork " + a.Child
	case *trace.ThreadArgs:
		return "thread " + a.Child
	case *trace.SocketArgs:
		return fmt.Sprintf("socket %s %s", uapi.AddressFamilies.Format(uint64(a.Domain)),
			uapi.SocketTypes.FormatFlags(uint64(a.Type)))
	case *trace.OpenArgs:
		return "open " + a.Path
	case *trace.CloseArgs:
		return fmt.Sprintf("close fd=%d", int32(a.FD))
	case *trace.SeenSetupArgs:
		return fmt.Sprintf("seen_setup %s%s", a.Ring, flagsOf(uapi.SetupFlags, uint64(a.Flags)))
	case *trace.SeenRegisterArgs:
		return fmt.Sprintf("seen_register %s", uapi.RegisterOp(a.Op))
	case *trace.SeenSubmitArgs:
		if s, err := a.Seen(); err == nil {
			op := s.SQE.Opcode().String()
			if !s.Has("opcode") {
				op = "of an unknown opcode"
			}
			return fmt.Sprintf("seen_submit %s  user_data=%d", op, s.SQE.UserData())
		}
	}
	return e.Call()
}

func flagsOf(f *uapi.Family, v uint64) string {
	if v == 0 {
		return ""
	}
	return " " + f.FormatFlags(v)
}
