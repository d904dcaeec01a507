// Package livetest is a scenario that exercises every kind of call of live.Kernel, with the results that kernels with
// and without filters give. It runs in tests, on the kernel at hand and in guests.
package livetest

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Step is one call of the scenario and what came of it.
type Step struct {
	Name   string
	Ret    int64
	CQEs   []uapi.CQE
	Err    string
	Expect Expect
}

// Expect is what a step should give: Ret, and the res of its CQEs; Old on kernels without filters, if that differs.
type Expect struct {
	Ret int64
	Res []int32
	Old *Expect
}

// String is one line about the step.
func (s Step) String() string {
	return fmt.Sprintf("%-40s ret %s cqes %v %s", s.Name, uapi.FormatRet(s.Ret), s.CQEs, s.Err)
}

// Check compares the step with what was expected.
func (s Step) Check(filters bool) error {
	want := s.Expect
	if !filters && want.Old != nil {
		want = *want.Old
	}
	res := []int32{}
	for _, c := range s.CQEs {
		res = append(res, c.Res)
	}
	if s.Err != "" || s.Ret != want.Ret || fmt.Sprint(res) != fmt.Sprint(want.Res) {
		return fmt.Errorf("%s: got %s %v %s, want %s %v", s.Name, uapi.FormatRet(s.Ret), res, s.Err,
			uapi.FormatRet(want.Ret), want.Res)
	}
	return nil
}

// Addresses of the scenario's memory.
const (
	paramsAt = trace.ScratchBase
	filterAt = trace.ScratchBase + 0x1000
	insnsAt  = trace.ScratchBase + 0x2000
	deniedAt = trace.ScratchBase + 0x3000
	ringAt   = trace.UserBase
)

// Run collects steps. Its methods make calls.
type Run struct {
	K        trace.System
	Steps    []Step
	Optional uint32 // setup flags that the kernel may not know

	tails map[string]uint32
}

// NewRun is a Run on k.
func NewRun(k trace.System, optional uint32) *Run {
	return &Run{K: k, Optional: optional, tails: map[string]uint32{}}
}

// Do makes a call and notes the result.
func (r *Run) Do(name, task string, c trace.Call, want Expect) trace.Result {
	res := r.K.Do(task, c)
	s := Step{Name: task + ": " + name, Ret: res.Ret, Expect: want}
	if res.Err != nil {
		s.Err = res.Err.Error()
	}
	if res.Ring != nil {
		for _, c := range res.Ring.CQEs {
			s.CQEs = append(s.CQEs, c.CQE)
		}
	}
	r.Steps = append(r.Steps, s)
	return res
}

// Memory maps the scratch memory and stores what the scenario needs there.
func (r *Run) Memory(task string) {
	r.Do("map", task, trace.Map{Addr: trace.ScratchBase, Size: trace.ScratchSize, Prot: trace.ProtReadWrite}, Expect{})
	filter := uapi.BPF{CmdType: uapi.IO_URING_BPF_CMD_FILTER, FilterLen: 1, FilterPtr: insnsAt}
	r.Do("write filter", task, trace.Write{Addr: filterAt, Data: filter.Append(nil)}, Expect{})
	r.Do("write program", task, trace.Write{Addr: insnsAt, Data: uapi.SockFilter{Code: 6}.Append(nil)}, Expect{})
}

// Setup makes a ring of 8 entries that is to have descriptor fd.
func (r *Run) Setup(task, ring string, p uapi.Params, fd int64) trace.Result {
	r.Do("write params", task, trace.Write{Addr: paramsAt, Data: p.Append(nil)}, Expect{})
	r.tails[ring] = 0
	return r.Do("setup", task, trace.Setup{Ring: ring, Entries: 8, Params: paramsAt}, Expect{Ret: fd})
}

// Nop is an Enter of one NOP with the given user data.
func (r *Run) Nop(ring string, fd int32, userData uint64) trace.Enter {
	var sqe uapi.SQE
	sqe.SetUserData(userData)
	slot := r.tails[ring] % 8
	r.tails[ring]++
	return trace.Enter{FD: fd, Ring: ring, SQEs: []trace.SlotSQE{{Slot: slot, Data: sqe[:]}},
		Array: []trace.SlotIndex{{Slot: slot, Value: slot}}, Tail: r.tails[ring], ToSubmit: 1}
}

// Filter registers the filter, which denies NOP, on a ring or, with fd -1, on the task.
func (r *Run) Filter(task string, fd int32, want Expect) {
	r.Do("register BPF_FILTER", task, trace.Register{FD: fd, Op: uint32(uapi.IORING_REGISTER_BPF_FILTER),
		Arg: filterAt, Nr: 1}, want)
}

// Shorthands of expectations.
var (
	allowed = Expect{Ret: 1, Res: []int32{0}}
	denied  = Expect{Ret: 1, Res: []int32{-int32(uapi.EACCES)}, Old: &allowed}
	newOnly = Expect{Old: &Expect{Ret: uapi.EINVAL.Ret()}}
)

// Scenario runs all parts, each on tasks of its own. Setup flags that are optional may give EINVAL.
func Scenario(opts live.Options, optional uint32) []Step {
	var steps []Step
	parts := []func(*Run){ringFilter, inherit, execs, ringKinds, many, files, memory, tasks}
	if os.Geteuid() == 0 {
		parts = append(parts, privileges)
	}
	parts = append(parts, hang) // last, for its time limit
	for i, part := range parts {
		if i == len(parts)-1 {
			opts.Timeout = time.Second / 2
		}
		k, err := live.Open(opts)
		if err != nil {
			return append(steps, Step{Name: "open", Err: err.Error()})
		}
		r := NewRun(k, optional)
		part(r)
		if err := k.Close(); err != nil {
			r.Steps = append(r.Steps, Step{Name: "close", Err: err.Error()})
		}
		steps = append(steps, r.Steps...)
	}
	return steps
}

func ringFilter(r *Run) {
	r.Memory("init")
	r.Setup("init", "a", uapi.Params{}, 3)
	r.Do("nop", "init", r.Nop("a", 3, 1), allowed)
	r.Filter("init", 3, newOnly)
	r.Do("nop after filter", "init", r.Nop("a", 3, 2), denied)
	r.Do("fork", "init", trace.Spawn{Child: "child", Kind: trace.Fork}, Expect{})
	r.Setup("child", "b", uapi.Params{}, 4)
	r.Do("nop on own ring", "child", r.Nop("b", 4, 3), allowed)
	r.Do("nop on parent's ring", "child", r.Nop("a", 3, 4), denied)
	r.Do("exit", "child", trace.Exit{}, Expect{})
	r.Do("nop after child's exit", "init", r.Nop("a", 3, 5), denied)
	r.Do("keep the ring", "init", trace.Cloexec{FD: 3}, Expect{})
	r.Do("fork again", "init", trace.Spawn{Child: "child", Kind: trace.Fork}, Expect{})
	r.Do("exec", "child", trace.Exec{}, Expect{})
	r.Do("nop on a ring that is mapped anew", "child", r.Nop("a", 3, 6), denied)
	r.Do("enter of a bad descriptor", "child", trace.Enter{FD: 77, ToSubmit: 1}, Expect{Ret: uapi.EBADF.Ret()})
	r.Do("enter of a descriptor that is no ring", "child", trace.Enter{FD: 0, ToSubmit: 1},
		Expect{Ret: uapi.EOPNOTSUPP.Ret()})
}

func inherit(r *Run) {
	r.Memory("init")
	r.Do("no_new_privs", "init", trace.NoNewPrivs{}, Expect{})
	r.Filter("init", -1, newOnly)
	r.Setup("init", "a", uapi.Params{}, 3)
	r.Do("nop", "init", r.Nop("a", 3, 1), denied)
	r.Do("fork", "init", trace.Spawn{Child: "child", Kind: trace.Fork}, Expect{})
	r.Setup("child", "b", uapi.Params{}, 4)
	r.Do("nop with inherited filter", "child", r.Nop("b", 4, 2), denied)
	r.Do("thread", "child", trace.Spawn{Child: "thread", Kind: trace.Thread}, Expect{})
	r.Setup("thread", "c", uapi.Params{}, 5)
	r.Do("nop with inherited filter", "thread", r.Nop("c", 5, 3), denied)
	r.Do("nop on sibling's ring", "thread", r.Nop("b", 4, 4), denied)
	r.Do("exit", "thread", trace.Exit{}, Expect{})
	r.Do("nop after thread's exit", "child", r.Nop("b", 4, 5), denied)
}

func execs(r *Run) {
	r.Memory("init")
	r.Do("vfork", "init", trace.Spawn{Child: "child", Kind: trace.VFork}, Expect{})
	r.Setup("child", "a", uapi.Params{}, 3)
	r.Do("nop in borrowed memory", "child", r.Nop("a", 3, 1), allowed)
	r.Do("exec", "child", trace.Exec{}, Expect{})
	r.Do("close", "child", trace.Close{FD: 3}, Expect{Ret: uapi.EBADF.Ret()}) // a ring is close-on-exec
	r.Memory("child")
	r.Setup("child", "b", uapi.Params{}, 3)
	r.Do("nop after exec", "child", r.Nop("b", 3, 2), allowed)
	r.Setup("init", "c", uapi.Params{}, 3)
	r.Do("nop of the parent", "init", r.Nop("c", 3, 3), allowed)
	r.Do("vfork", "init", trace.Spawn{Child: "other", Kind: trace.VFork}, Expect{})
	r.Do("exit", "other", trace.Exit{}, Expect{})
	r.Do("keep the ring", "init", trace.Cloexec{FD: 3}, Expect{})
	for i := range uint64(2) {
		r.Do("exec", "init", trace.Exec{}, Expect{})
		r.Do("nop on the ring from before", "init", r.Nop("c", 3, 4+i), allowed)
	}
	r.Do("thread", "init", trace.Spawn{Child: "thread", Kind: trace.Thread}, Expect{})
	r.Do("exec of a thread", "thread", trace.Exec{}, Expect{})
	r.Do("nop of the last thread", "thread", r.Nop("c", 3, 6), allowed)
}

func ringKinds(r *Run) {
	r.Memory("init")
	for _, flags := range []uint32{uapi.IORING_SETUP_SQE128, uapi.IORING_SETUP_CQE32, uapi.IORING_SETUP_CQE_MIXED,
		uapi.IORING_SETUP_SQE_MIXED, uapi.IORING_SETUP_SINGLE_ISSUER | uapi.IORING_SETUP_DEFER_TASKRUN} {
		res := r.Setup("init", "r", uapi.Params{Flags: flags}, 3)
		if flags&r.Optional != 0 && res.Ret == uapi.EINVAL.Ret() {
			r.Steps = r.Steps[:len(r.Steps)-1]
			continue
		}
		for i := range uint64(40) { // more than the CQ holds
			nop := r.Nop("r", 3, i)
			if flags == uapi.IORING_SETUP_CQE_MIXED && i%2 == 1 {
				nop.SQEs[0].Data[28] = uapi.IORING_NOP_CQE32
			}
			r.Do(fmt.Sprintf("nop with setup flags %#x", flags), "init", nop, allowed)
		}
		r.Do("close", "init", trace.Close{FD: 3}, Expect{})
	}
	userRing(r)
	timer(r)
}

func userRing(r *Run) {
	r.Do("map", "init", trace.Map{Addr: ringAt, Size: 0x2000, Prot: trace.ProtReadWrite}, Expect{})
	p := uapi.Params{Flags: uapi.IORING_SETUP_NO_MMAP}
	p.CQOff.UserAddr, p.SQOff.UserAddr = ringAt, ringAt+0x1000
	r.Setup("init", "user", p, 3)
	r.Do("nop on a ring in user memory", "init", r.Nop("user", 3, 1), allowed)
	keep := r.Nop("user", 3, 2)
	keep.KeepCQEs = true
	r.Do("nop that stays", "init", keep, allowed)
	r.Do("nop after it", "init", r.Nop("user", 3, 3), allowed)
	r.Do("unmap", "init", trace.Unmap{Addr: ringAt, Size: 0x2000}, Expect{})
	r.refused("nop on a ring that is gone", r.K.Do("init", r.Nop("user", 3, 4)).Err)
}

func timer(r *Run) {
	r.Setup("init", "timer", uapi.Params{}, 4)
	timer := r.Nop("timer", 4, 4)
	r.Do("write timespec", "init", trace.Write{Addr: deniedAt, Data: binary.LittleEndian.AppendUint64(
		make([]byte, 8), 20e6)}, Expect{})
	timer.SQEs[0].Data[0] = byte(uapi.IORING_OP_TIMEOUT)
	binary.LittleEndian.PutUint64(timer.SQEs[0].Data[16:], deniedAt)
	timer.SQEs[0].Data[24] = 1
	r.Do("timeout", "init", timer, Expect{Ret: 1})
	r.Do("reap", "init", trace.Reap{Ring: "timer", Wait: 1}, Expect{Res: []int32{-int32(uapi.ETIME)}})
}

// Many makes a ring and an Enter that fills it with n NOPs, from behind if stores are to take many batches.
func (r *Run) Many(n uint32, fd int32, behind bool) trace.Enter {
	r.Do("write params", "init", trace.Write{Addr: paramsAt, Data: new(uapi.Params).Append(nil)}, Expect{})
	r.Do("setup", "init", trace.Setup{Ring: "many", Entries: n, Params: paramsAt}, Expect{Ret: int64(fd)})
	e := trace.Enter{FD: fd, Ring: "many", Tail: n, ToSubmit: n}
	for i := range n {
		var sqe uapi.SQE
		sqe.SetUserData(uint64(i))
		slot := i
		if behind {
			slot = n - 1 - i
		}
		e.SQEs = append(e.SQEs, trace.SlotSQE{Slot: slot, Data: sqe[:]})
		e.Array = append(e.Array, trace.SlotIndex{Slot: slot, Value: i})
	}
	return e
}

func many(r *Run) {
	const n = 512
	r.Memory("init")
	e := r.Many(n, 3, true)
	r.Do("many nops", "init", e, Expect{Ret: n, Res: make([]int32, n)})
	e = trace.Enter{FD: 3, Ring: "many", SQEs: []trace.SlotSQE{{Slot: n, Data: make([]byte, 64)}}}
	r.refused("an SQE outside", r.K.Do("init", e).Err)
	e = trace.Enter{FD: 3, Ring: "many", Array: []trace.SlotIndex{{Slot: n}}}
	r.refused("an array entry outside", r.K.Do("init", e).Err)
}

// tasks makes more tasks, one after the other, than there can be at a time.
func tasks(r *Run) {
	for range 300 {
		r.Do("fork", "init", trace.Spawn{Child: "child", Kind: trace.Fork}, Expect{})
		r.Do("exit", "child", trace.Exit{}, Expect{})
	}
	r.Do("fork", "init", trace.Spawn{Child: "child", Kind: trace.Fork}, Expect{})
	r.refused("a second task of that name", r.K.Do("init", trace.Spawn{Child: "child", Kind: trace.Fork}).Err)
	r.refused("an unknown kind", r.K.Do("init", trace.Spawn{Child: "x", Kind: "spoon"}).Err)
	r.Do("exit of the first task", "init", trace.Exit{}, Expect{})
	r.refused("a task that has exited", r.K.Do("init", trace.Dup{FD: 0}).Err)
	r.Do("orphan", "child", trace.Dup{FD: 0}, Expect{Ret: 3})
	r.Do("orphan's thread", "child", trace.Spawn{Child: "thread", Kind: trace.Thread}, Expect{})
	r.Do("exit of the leader", "child", trace.Exit{}, Expect{})
	r.Do("thread after its leader", "thread", trace.Dup{FD: 0}, Expect{Ret: 4})
	r.Do("exec of it", "thread", trace.Exec{}, Expect{})
	r.Do("after that", "thread", trace.Dup{FD: 0}, Expect{Ret: 5})
}

// hang has a task wait for what never comes.
func hang(r *Run) {
	r.Memory("init")
	r.Do("vfork", "init", trace.Spawn{Child: "child", Kind: trace.VFork}, Expect{})
	r.refused("parent of a vfork", r.K.Do("init", trace.Dup{FD: 0}).Err)
	r.Setup("child", "a", uapi.Params{}, 3)
	wait := trace.Enter{FD: 3, Ring: "a", MinComplete: 1, Flags: uapi.IORING_ENTER_GETEVENTS}
	r.refused("endless wait", r.K.Do("child", wait).Err)
	r.refused("killed task", r.K.Do("child", trace.Dup{FD: 0}).Err)
	r.Do("parent afterwards", "init", trace.Dup{FD: 0}, Expect{Ret: 3})
}

func privileges(r *Run) {
	r.Memory("init")
	r.Do("fork", "init", trace.Spawn{Child: "user", Kind: trace.Fork}, Expect{})
	r.Do("drop privileges", "user", trace.DropPrivileges{}, Expect{})
	r.Filter("user", -1, Expect{Ret: uapi.EACCES.Ret(), Old: &Expect{Ret: uapi.EINVAL.Ret()}})
	r.Do("exec", "user", trace.Exec{}, Expect{})
	r.Memory("user")
	r.Setup("user", "a", uapi.Params{}, 3)
	r.Do("nop", "user", r.Nop("a", 3, 1), allowed)
	r.Do("no_new_privs", "user", trace.NoNewPrivs{}, Expect{})
	r.Filter("user", -1, newOnly)
	r.Do("fork", "init", trace.Spawn{Child: "ns", Kind: trace.Fork}, Expect{})
	r.Do("drop privileges", "ns", trace.DropPrivileges{}, Expect{})
	r.Do("new user namespace", "ns", trace.NewUserNS{}, Expect{})
	r.Filter("ns", -1, newOnly)
	r.Do("exec", "ns", trace.Exec{}, Expect{})
	r.Memory("ns")
	r.Setup("ns", "", uapi.Params{}, 3)
}

func files(r *Run) {
	r.Memory("init")
	r.Do("pipe", "init", trace.Pipe{FDs: deniedAt}, Expect{})
	r.Do("dup", "init", trace.Dup{FD: 3}, Expect{Ret: 5})
	r.Do("close", "init", trace.Close{FD: 3}, Expect{})
	r.Do("socket", "init", trace.Socket{Domain: 1, Type: 1}, Expect{Ret: 3})
	r.Do("socketpair", "init", trace.Socketpair{Domain: 1, Type: 1, FDs: deniedAt}, Expect{})
	r.Do("eventfd", "init", trace.Eventfd{Count: 1, Flags: uapi.O_NONBLOCK}, Expect{Ret: 8})
	r.Do("write path", "init", trace.Write{Addr: paramsAt, Data: []byte("/nowhere\x00")}, Expect{})
	r.Do("open", "init", trace.Open{Path: paramsAt}, Expect{Ret: uapi.ENOENT.Ret()})
	r.Do("open of a bad address", "init", trace.Open{Path: 0x5000}, Expect{Ret: uapi.EFAULT.Ret()})
}

func memory(r *Run) {
	r.Memory("init")
	big := make([]byte, trace.ScratchSize)
	for i := range big {
		big[i] = byte(i * 7)
	}
	r.Do("write much", "init", trace.Write{Addr: trace.ScratchBase, Data: big}, Expect{})
	got, err := r.K.Read("init", trace.ScratchBase, len(big))
	s := Step{Name: "read much", Ret: int64(len(got))}
	if s.Expect.Ret = int64(len(big)); err != nil || string(got) != string(big) {
		s.Err = fmt.Sprint("not what was written: ", err)
	}
	r.Steps = append(r.Steps, s)
	r.Do("protect", "init", trace.Protect{Addr: trace.ScratchBase, Size: 4096, Prot: trace.ProtNone}, Expect{})
	_, err = r.K.Read("init", trace.ScratchBase, 8)
	r.refused("read of protected memory", err)
	r.refused("write of it", r.K.Do("init", trace.Write{Addr: trace.ScratchBase, Data: big[:8]}).Err)
	r.Do("unmap", "init", trace.Unmap{Addr: trace.ScratchBase, Size: 4096}, Expect{})
	r.refused("unmapping of the agent", r.K.Do("init", trace.Unmap{Addr: sysuring.ImageBase, Size: 4096}).Err)
	r.refused("unknown task", r.K.Do("nobody", trace.Exit{}).Err)
	r.Do("still alive", "init", trace.Dup{FD: 0}, Expect{Ret: 3})
}

// refused notes that the system itself did not take a call.
func (r *Run) refused(name string, err error) {
	s := Step{Name: name}
	if err == nil {
		s.Err = "was not refused"
	} else {
		s.Name += " (" + err.Error() + ")"
	}
	r.Steps = append(r.Steps, s)
}
