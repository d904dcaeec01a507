package trace

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/uapi"
)

// Version is the version of the trace format that this package reads and writes.
const Version = 1

// Header says what a trace is about. In a .json file it holds the events; in a .jsonl file it is the first line.
type Header struct {
	Trace  int    `json:"trace"`            // Version
	Name   string `json:"name,omitzero"`    // what it shows, in a few words
	Why    string `json:"why,omitzero"`     // why that matters
	Source string `json:"source,omitzero"`  // where it comes from
	Cause  string `json:"cause,omitzero"`   // if the trace once showed model and kernel to differ: what was wrong
	Schema string `json:"$schema,omitzero"` // for editors

	Recording *Recording `json:"recording,omitzero"` // set if a program was recorded: on which kernel, and what was missed
}

// ResultsOf returns the release whose recorded results a replay on the given release is compared with. That is the same
// release, except for a recording of a program: it has the results of the one kernel that it was made on.
func (h *Header) ResultsOf(release string) string {
	if h.Recording != nil {
		return h.Recording.Release
	}
	return release
}

// Recording says where the recording of a program comes from, and counts what it contains and what it lacks.
type Recording struct {
	Release  string `json:"release"`           // of the kernel that the program ran on, as results name it
	Version  string `json:"version,omitzero"`  // the same with all its numbers, as in 6.18.44
	Complete bool   `json:"complete,omitzero"` // whether the recorder saw the end of the program; if not, all counts are 0

	Calls uint64 `json:"calls,omitzero"` // io_uring system calls
	SQEs  uint64 `json:"sqes,omitzero"`
	CQEs  uint64 `json:"cqes,omitzero"`

	Unanswered uint64 `json:"unanswered,omitzero"` // SQEs without a final CQE; many programs leave some
	Polled     uint64 `json:"polled,omitzero"`     // rings with a submission thread: the recorder can only sample their SQEs
	LostSQEs   uint64 `json:"lost_sqes,omitzero"`  // taken by a submission thread before the recorder looked
	LostCQEs   uint64 `json:"lost_cqes,omitzero"`  // taken by the program and overwritten before the recorder looked
	Sampled    uint64 `json:"sampled,omitzero"`    // SQEs of submission threads, which may have been overwritten meanwhile
	Unread     uint64 `json:"unread,omitzero"`     // pointers to memory that could not be read or whose layout is not known
	Unfinished uint64 `json:"unfinished,omitzero"` // calls during which the task ended; they have no results
	Concurrent uint64 `json:"concurrent,omitzero"` // calls on a ring while another task was submitting to it
	Strangers  uint64 `json:"strangers,omitzero"`  // calls on rings whose setup was not seen

	Lines   uint64 `json:"lines,omitzero"`   // of an imported log
	Skipped uint64 `json:"skipped,omitzero"` // lines of the log that were not understood
	Missed  uint64 `json:"missed,omitzero"`  // events that the kernel reports as lost before anybody read them
}

// Trace is a whole trace.
type Trace struct {
	Header
	Events []Event
}

// Event is a call by a task, and what kernels gave for it.
type Event struct {
	Task    string // InitTask if absent
	Why     string
	Args    Args
	Results []Recorded // from one or more kernels
	Line    int        // line in the file, from 1; 0 if the event is not from a file
}

// Args are the arguments of a call in the form in which traces write them. Each concrete type is named after its call,
// with "Args" appended.
type Args interface{ call() string }

// Recorded is what a kernel gave for an event.
type Recorded struct {
	On      []string `json:"on,omitzero"` // releases; absent means any
	Ret     Ret      `json:"ret"`
	CQEs    []CQEOut `json:"cqes,omitzero"`    // new in the ring since the last look, in order
	SQHead  *uint32  `json:"sq_head,omitzero"` // absent also if a submission thread moves it
	Dropped uint32   `json:"sq_dropped,omitzero"`
	Over    uint32   `json:"cq_overflow,omitzero"`
	Params  *Params  `json:"params,omitzero"` // what a setup wrote back; if it wrote more than that, Wrote has it all
	Wrote   []Wrote  `json:"wrote,omitzero"`  // what the call changed in the objects that the trace placed in memory
}

// Params are the parameters of a new ring that differ from ring to ring. The offsets within its memory do not.
type Params struct {
	SQEntries Number `json:"sq_entries" bits:"32"`
	CQEntries Number `json:"cq_entries" bits:"32"`
	Features  Number `json:"features" bits:"32"`
	Array     Number `json:"array,omitzero" bits:"32"` // offset of the SQ array
}

// CQEOut is a CQE as traces write it.
type CQEOut struct {
	UserData Number           `json:"user_data"`
	Res      Ret              `json:"res" bits:"32"`
	Flags    Num[cqeFlagsTag] `json:"flags,omitzero" bits:"32"`
	Big      *[2]Number       `json:"big,omitzero"` // the extra words of a CQE of 32 bytes
}

// Wrote is a run of changed bytes. At is its offset in bytes from the start of the event's objects.
type Wrote struct {
	At    int   `json:"at"`
	Bytes Bytes `json:"bytes"`
}

func cqeOut(c uapi.CQE) CQEOut {
	out := CQEOut{UserData: Number(c.UserData), Res: Ret(c.Res), Flags: Num[cqeFlagsTag](c.Flags)}
	if c.Big != [2]uint64{} {
		out.Big = &[2]Number{Number(c.Big[0]), Number(c.Big[1])}
	}
	return out
}

func (c CQEOut) cqe() uapi.CQE {
	out := uapi.CQE{UserData: uint64(c.UserData), Res: int32(c.Res), Flags: uint32(c.Flags)}
	if c.Big != nil {
		out.Big = [2]uint64{uint64(c.Big[0]), uint64(c.Big[1])}
	}
	return out
}

// The arguments of each call. Sizes are in bytes. A member without omitzero is required. The tag "bits" is the width that
// a number has in the kernel, "max" the most bytes that a byte string may have; larger values are refused.
type (
	MapArgs struct {
		Addr Number `json:"addr"`
		Size Number `json:"size"`
		Prot Prot   `json:"prot,omitzero"` // "rw" if absent
		Data *Bytes `json:"bytes,omitzero"`

		Shared bool `json:"shared,omitzero"`
	}
	ProtectArgs struct {
		Addr Number `json:"addr"`
		Size Number `json:"size"`
		Prot Prot   `json:"prot"`
	}
	UnmapArgs struct {
		Addr Number `json:"addr"`
		Size Number `json:"size"`
	}
	WriteArgs struct {
		Addr Number `json:"addr"`
		Data Bytes  `json:"bytes"`
	}
	SetupArgs struct {
		Ring      string        `json:"ring,omitzero"` // if absent, "ring1" for the first setup, "ring2" for the second, and so on
		Entries   Number        `json:"entries" bits:"32"`
		Flags     Num[setupTag] `json:"flags,omitzero" bits:"32"`
		CQEntries Number        `json:"cq_entries,omitzero" bits:"32"`
		CPU       Number        `json:"sq_thread_cpu,omitzero" bits:"32"`
		Idle      Number        `json:"sq_thread_idle,omitzero" bits:"32"`
		WQFD      Number        `json:"wq_fd,omitzero" bits:"32"`
		Resv      Bytes         `json:"resv,omitzero" max:"12"` // 12 bytes
		SQAddr    Number        `json:"sq_user_addr,omitzero"`
		CQAddr    Number        `json:"cq_user_addr,omitzero"`
		Params    *Pointer      `json:"params,omitzero"` // replaces all fields but ring and entries
	}
	RegisterArgs struct {
		FD         Number        `json:"fd" bits:"32"`
		Registered bool          `json:"registered,omitzero"` // fd is an index into the registered rings (bit 31 of the opcode)
		Op         Num[regOpTag] `json:"op" bits:"32"`
		Arg        Pointer       `json:"arg,omitzero"`
		Nr         Number        `json:"nr,omitzero" bits:"32"`
	}
	EnterArgs struct {
		FD          Number        `json:"fd" bits:"32"`
		Ring        string        `json:"ring,omitzero"` // if absent, the ring that was last set up with this fd
		SQEs        []SQE         `json:"sqes,omitzero"`
		Array       *[]Number     `json:"array,omitzero" bits:"32"` // what to write to the SQ array, if not the SQEs' indices
		ToSubmit    *Number       `json:"to_submit,omitzero" bits:"32"`
		MinComplete Number        `json:"min_complete,omitzero" bits:"32"`
		Flags       Num[enterTag] `json:"flags,omitzero" bits:"32"`
		Arg         Pointer       `json:"arg,omitzero"`
		ArgSize     Number        `json:"argsz,omitzero"`
		CQLeft      Number        `json:"cq_left,omitzero" bits:"32"` // entries of the CQ that the program has seen, not freed
		KeepCQEs    bool          `json:"keep_cqes,omitzero"`
		DropRest    bool          `json:"drop_rest,omitzero"` // first forget the entries that the kernel has left in the SQ
	}
	ReapArgs struct {
		Ring string `json:"ring"`
		Wait Number `json:"wait" bits:"32"`
	}
	ForkArgs struct {
		Child string `json:"child"`
	}
	VForkArgs struct {
		Child string `json:"child"`
	}
	ThreadArgs struct {
		Child string `json:"child"`
	}
	ExecArgs  struct{}
	ExitArgs  struct{}
	CloseArgs struct {
		FD Number `json:"fd" bits:"32"`
	}
	DupArgs struct {
		FD Number  `json:"fd" bits:"32"`
		At *Number `json:"at,omitzero" bits:"32"` // the descriptor to move it to
	}
	CloexecArgs struct {
		FD Number `json:"fd" bits:"32"`
		On bool   `json:"on"`
	}
	OpenArgs struct {
		Path  string       `json:"path"`
		Flags Num[openTag] `json:"flags,omitzero" bits:"32"`
		Mode  Number       `json:"mode,omitzero" bits:"32"`
		At    *Number      `json:"at,omitzero" bits:"32"` // the descriptor to move it to
	}
	SocketArgs struct {
		Domain   Num[familyTag]   `json:"domain" bits:"32"`
		Type     Num[sockTypeTag] `json:"type" bits:"32"`
		Protocol Num[protocolTag] `json:"protocol,omitzero" bits:"32"`
		At       *Number          `json:"at,omitzero" bits:"32"` // the descriptor to move it to
	}
	SocketpairArgs struct {
		Domain   Num[familyTag]   `json:"domain" bits:"32"`
		Type     Num[sockTypeTag] `json:"type" bits:"32"`
		Protocol Num[protocolTag] `json:"protocol,omitzero" bits:"32"`
	}
	PipeArgs struct {
		Flags Num[openTag] `json:"flags,omitzero" bits:"32"`
	}
	EventfdArgs struct {
		Count Number       `json:"count,omitzero" bits:"32"`
		Flags Num[openTag] `json:"flags,omitzero" bits:"32"`
		At    *Number      `json:"at,omitzero" bits:"32"` // the descriptor to move it to
	}
	RlimitNofileArgs struct {
		Cur Number `json:"cur" bits:"32"` // the soft limit, of descriptors and of slots for registered files
		Max Number `json:"max" bits:"32"` // the hard limit, above which only CAP_SYS_RESOURCE can raise it
	}
	NoNewPrivsArgs     struct{}
	DropPrivilegesArgs struct{}
	NewUserNSArgs      struct{}
)

func (*MapArgs) call() string            { return "map" }
func (*ProtectArgs) call() string        { return "protect" }
func (*UnmapArgs) call() string          { return "unmap" }
func (*WriteArgs) call() string          { return "write" }
func (*SetupArgs) call() string          { return "setup" }
func (*RegisterArgs) call() string       { return "register" }
func (*EnterArgs) call() string          { return "enter" }
func (*ReapArgs) call() string           { return "reap" }
func (*ForkArgs) call() string           { return "fork" }
func (*VForkArgs) call() string          { return "vfork" }
func (*ThreadArgs) call() string         { return "thread" }
func (*ExecArgs) call() string           { return "exec" }
func (*ExitArgs) call() string           { return "exit" }
func (*CloseArgs) call() string          { return "close" }
func (*DupArgs) call() string            { return "dup" }
func (*CloexecArgs) call() string        { return "cloexec" }
func (*OpenArgs) call() string           { return "open" }
func (*SocketArgs) call() string         { return "socket" }
func (*SocketpairArgs) call() string     { return "socketpair" }
func (*PipeArgs) call() string           { return "pipe" }
func (*EventfdArgs) call() string        { return "eventfd" }
func (*RlimitNofileArgs) call() string   { return "rlimit_nofile" }
func (*NoNewPrivsArgs) call() string     { return "no_new_privs" }
func (*DropPrivilegesArgs) call() string { return "drop_privileges" }
func (*NewUserNSArgs) call() string      { return "new_user_ns" }

// allArgs has one value of each type of Args.
var allArgs = []Args{&MapArgs{}, &ProtectArgs{}, &UnmapArgs{}, &WriteArgs{}, &SetupArgs{}, &RegisterArgs{}, &EnterArgs{},
	&ReapArgs{}, &ForkArgs{}, &VForkArgs{}, &ThreadArgs{}, &ExecArgs{}, &ExitArgs{}, &CloseArgs{}, &DupArgs{},
	&CloexecArgs{}, &OpenArgs{}, &SocketArgs{}, &SocketpairArgs{}, &PipeArgs{}, &EventfdArgs{},
	&RlimitNofileArgs{}, &NoNewPrivsArgs{}, &DropPrivilegesArgs{}, &NewUserNSArgs{}, &SeenSetupArgs{}, &SeenRegisterArgs{}, &SeenSubmitArgs{}}

// argsTypes maps the name of each call to the type of its Args.
var argsTypes = func() map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, a := range allArgs {
		m[a.call()] = reflect.TypeOf(a).Elem()
	}
	return m
}()

// newArgs returns empty Args for the call.
func newArgs(call string) (Args, error) {
	t, ok := argsTypes[call]
	if !ok {
		var names []string
		for _, a := range allArgs {
			names = append(names, a.call())
		}
		return nil, fmt.Errorf("unknown call %q; known are %s", abbreviate(call), strings.Join(names, ", "))
	}
	return reflect.New(t).Interface().(Args), nil
}

// Call returns the name of the event's call.
func (e *Event) Call() string { return e.Args.call() }

// eventHead are the members of an event that do not depend on its call.
type eventHead struct {
	Task string `json:"task,omitzero"`
	Call string `json:"call"`
	Why  string `json:"why,omitzero"`
}

// headMembers are the names of the members of an event that are not arguments of its call.
var headMembers = map[string]bool{"task": true, "call": true, "why": true, "results": true}

// UnmarshalJSONFrom reads an event. It looks for the call first, since that says which other members there may be.
func (e *Event) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	start := dec.InputOffset() - int64(len(raw))
	var head eventHead
	if err := json.Unmarshal(raw, &head); err != nil {
		return at(err, start)
	}
	args, err := newArgs(head.Call)
	if err != nil {
		return at(err, start)
	}
	*e = Event{Task: head.Task, Why: head.Why, Args: args}
	if err := readMembers(raw, args, &e.Results); err != nil {
		return at(err, start)
	}
	if e.Task == "" {
		e.Task = InitTask
	}
	return nil
}

// readMembers reads the arguments and results of an event, and refuses members that the call does not have.
func readMembers(raw jsontext.Value, args Args, results *[]Recorded) error {
	all := reflect.ValueOf(args).Elem()
	fields := memberNames(all.Type())
	seen := map[string]bool{}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	err := eachMember(dec, func(name string) error {
		seen[name] = true
		behind := dec.InputOffset()
		key := behind - int64(len(name)) - 2
		into, tag := reflect.ValueOf(results), reflect.StructTag("")
		switch i, ok := fields[name]; {
		case ok:
			into, tag = all.Field(i).Addr(), all.Type().Field(i).Tag
		case name == "results":
		case headMembers[name]:
			return dec.SkipValue()
		default:
			return at(fmt.Errorf("call %q has no argument %q; it has %s", args.call(), name, known(fields)), key)
		}
		if err := json.UnmarshalDecode(dec, into.Interface(), json.RejectUnknownMembers(true)); err != nil {
			return err
		}
		if err := checkFits(into.Elem(), tag, name); err != nil {
			return at(err, key)
		}
		value := bytes.TrimLeft(raw[behind:dec.InputOffset()], ": \t\r\n")
		if err := checkPresent(value, into.Type().Elem(), name); err != nil {
			return at(err, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if name := lacks(all.Type(), seen); name != "" {
		return fmt.Errorf("call %q lacks its argument %q", args.call(), name)
	}
	return nil
}

func known(fields map[string]int) string {
	if len(fields) == 0 {
		return "none"
	}
	names := make([]string, len(fields))
	for name, i := range fields {
		names[i] = name
	}
	return strings.Join(names, ", ")
}

// memberNames maps the JSON names of a struct's fields to their indices.
func memberNames(t reflect.Type) map[string]int {
	m := map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		m[name] = i
	}
	return m
}

// MarshalJSONTo writes task, call, why, arguments and results, in this order.
func (e Event) MarshalJSONTo(enc *jsontext.Encoder) error {
	task := e.Task
	if task == InitTask {
		task = ""
	}
	out := []byte("{")
	for _, part := range []any{
		eventHead{task, e.Call(), e.Why},
		e.Args,
		struct {
			Results []Recorded `json:"results,omitzero"`
		}{e.Results},
	} {
		b, err := json.Marshal(part)
		if err != nil {
			return err
		}
		if members := b[1 : len(b)-1]; len(members) > 0 {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, members...)
		}
	}
	return enc.WriteValue(append(out, '}'))
}
