package admission

import (
	"maps"
	"os"
	"strconv"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// refuseCall has a call fail as the model says.
func (r *runner) refuseCall(t *task, call, opcode string, why *verdict.Refusal) (ptrace.Step, error) {
	r.Calls++
	r.refuse(call, opcode, why)
	return ptrace.Pass, t.Skip(why.Errno.Ret())
}

// setup decides about io_uring_setup(2).
func (r *runner) setup(t *task, c ptrace.Call) (ptrace.Step, error) {
	raw := make([]byte, uapi.SizeofParams)
	if t.Read(c.Args[1], raw) != nil {
		return ptrace.Pass, nil // EFAULT of the host
	}
	p := uapi.DecodeParams(raw)
	if refusal := r.gate.Setup(uint32(c.Args[0]), p); refusal != nil {
		return r.refuseCall(t, "setup", "", refusal)
	}
	cl := &call{Call: c, params: &p}
	if p.Flags&uapi.IORING_SETUP_SQPOLL != 0 {
		return r.setupAsleep(t, cl)
	}
	t.call = cl
	return ptrace.Watch, nil
}

// didSetup adopts a ring that the host has made.
func (r *runner) didSetup(t *task, c *call, ret int64) error {
	if err := t.Restore(c.patches); err != nil {
		return err
	}
	raw := make([]byte, uapi.SizeofParams)
	if ret < 0 {
		if unknown := uint64(c.params.Flags) &^ r.host.setupFlags; unknown != 0 && ret == uapi.EINVAL.Ret() {
			r.gap("this kernel refuses io_uring_setup(2) with %s, which %s has: %s",
				uapi.SetupFlags.FormatFlags(unknown), r.release.Name, uapi.EINVAL)
		}
		return nil
	}
	if t.Read(c.Args[1], raw) != nil {
		r.gap("the parameters of a ring are not there any more: its requests are not decided about")
		return nil
	}
	p := uapi.DecodeParams(raw)
	r.setups++
	ring := &ring{Ring: ptrace.NewRing(ptrace.FileID{}, p), maker: t.Process}
	ring.model = r.gate.Adopt(t.model, "ring"+strconv.Itoa(r.setups), p)
	if c.asleep {
		r.sleeps = true
		if err := ring.SayAsleep(t.Task, int32(ret)); err != nil {
			r.gap("a ring with IORING_SETUP_SQPOLL whose program is not told that the thread sleeps: %v", err)
		}
	}
	if ring.Has(uapi.IORING_SETUP_REGISTERED_FD_ONLY) {
		if ret < int64(len(t.rings)) {
			t.rings[ret] = ring
		}
		return nil
	}
	ring.File, _ = t.Identify(int32(ret))
	r.rings.Add(ring, t.Task, maps.Keys(r.tasks), r.inUse)
	return nil
}

// ringOf is the ring that a call means, nil if it is none that was set up by the program.
func (r *runner) ringOf(t *task, fd uint64, registered bool) *ring {
	if registered {
		if uint32(fd) < uint32(len(t.rings)) {
			return t.rings[uint32(fd)]
		}
		return nil
	}
	id, ok := t.Identify(int32(fd))
	if !ok {
		return nil
	}
	ring := r.rings.Of(id)
	if ring == nil && t.IsRing(int32(fd)) {
		r.gap("a ring that was not set up under run: what it is given is not decided about")
	}
	return ring
}

// register decides about io_uring_register(2).
func (r *runner) register(t *task, c ptrace.Call) (ptrace.Step, error) {
	fd, op := int32(c.Args[0]), uint32(c.Args[1])
	registered := op&uapi.IORING_REGISTER_USE_REGISTERED_RING != 0
	op &^= uapi.IORING_REGISTER_USE_REGISTERED_RING
	cl := &call{Call: c}
	if fd != -1 {
		if cl.ring = r.ringOf(t, c.Args[0], registered); cl.ring == nil && op < r.release.RegisterLast() {
			return ptrace.Pass, r.noRing(t, fd, op, registered)
		}
	}
	t.capabilities()
	name := uapi.RegisterOp(op).String()
	var model *sim.Ring
	if cl.ring != nil {
		model = cl.ring.model
	}
	o, decided := r.gate.Register(t.model, model, op, c.Args[2], uint32(c.Args[3]))
	switch {
	case !decided:
		t.call = cl
		return ptrace.Watch, nil
	case o.Why != nil:
		return r.refuseCall(t, "register", name, o.Why)
	case cl.ring != nil && cl.ring.polled():
		r.gap("register %s for a ring with IORING_SETUP_SQPOLL: its requests are not decided about", name)
	}
	return ptrace.Pass, t.Skip(o.Ret)
}

// noRing has the host say what is wrong with a descriptor that is no ring. It may not know the opcode, which comes
// first.
func (r *runner) noRing(t *task, fd int32, op uint32, registered bool) error {
	if op < r.host.registerLast || registered {
		return nil
	}
	if _, open := t.Identify(fd); open {
		return t.Skip(uapi.EOPNOTSUPP.Ret())
	}
	return t.Skip(uapi.EBADF.Ret())
}

// Numbers of capabilities.
const (
	capSysAdmin = 21
	capSysNice  = 23
)

// initialUserNS is how /proc shows the initial user namespace.
const initialUserNS = "user:[4026531837]"

// capabilities has the model's task have those that the task has by now.
func (t *task) capabilities() {
	caps := t.Set("CapEff")
	ns, err := os.Readlink(t.ProcPath("ns/user"))
	t.model.Cred.CapNS = caps>>capSysAdmin&1 != 0
	t.model.Cred.CapInit = caps&(1<<capSysAdmin|1<<capSysNice) != 0 && err == nil && ns == initialUserNS
}

// didRegister takes note of what the host has carried out.
func (r *runner) didRegister(t *task, c *call, ret int64) error {
	op := uapi.RegisterOp(uint32(c.Args[1]) &^ uapi.IORING_REGISTER_USE_REGISTERED_RING)
	nr := uint32(c.Args[3])
	if e, _ := uapi.ErrnoOf(ret); e == uapi.EINVAL && uint32(op) >= r.host.registerLast {
		r.gap("this kernel refuses register %s, which %s has: %s", op, r.release.Name, e)
	}
	switch op {
	case uapi.IORING_REGISTER_RING_FDS, uapi.IORING_UNREGISTER_RING_FDS:
		r.ringFDs(t, op == uapi.IORING_REGISTER_RING_FDS, c.Args[2], ret)
	case uapi.IORING_REGISTER_QUERY:
		r.amendQuery(t, c.Args[2], ret)
	}
	if c.ring == nil {
		return nil
	}
	c.ring.model.Carried(t.model, op, nr, ret)
	if op == uapi.IORING_REGISTER_RESIZE_RINGS && ret == 0 {
		raw := make([]byte, uapi.SizeofParams)
		if t.Read(c.Args[2], raw) != nil {
			r.gap("the parameters of a resized ring are not there any more")
			return nil
		}
		c.ring.Resize(uapi.DecodeParams(raw))
		c.ring.model.Resized(uapi.DecodeParams(raw))
	}
	return nil
}

// ringFDs takes note of the first n rings of a list that were registered, or not any more.
func (r *runner) ringFDs(t *task, on bool, list uint64, n int64) {
	for i := int64(0); i < n; i++ {
		raw := make([]byte, uapi.SizeofRsrcUpdate)
		if t.Read(list+uint64(i)*uapi.SizeofRsrcUpdate, raw) != nil {
			r.gap("a list of registered rings is not there any more")
			return
		}
		u := uapi.DecodeRsrcUpdate(raw)
		if u.Offset >= uint32(len(t.rings)) {
			continue
		}
		t.rings[u.Offset] = nil
		if on {
			t.rings[u.Offset] = r.ringOf(t, u.Data, false)
		}
	}
}

// mostQueries bounds a chain of questions, as kernels do.
const mostQueries = 1000

// amendQuery has the host's answer to IO_URING_QUERY_OPCODES tell the register opcodes of the release, of which those
// about restrictions and filters are there. All else of it is what the host can do.
func (r *runner) amendQuery(t *task, addr uint64, ret int64) {
	for n := 0; ret == 0 && addr != 0 && n < mostQueries; n++ {
		raw := make([]byte, uapi.SizeofQueryHdr)
		if t.Read(addr, raw) != nil {
			return
		}
		h := uapi.DecodeQueryHdr(raw)
		const registerOps = 4 // the offset of nr_register_opcodes
		if h.QueryOp == uapi.IO_URING_QUERY_OPCODES && h.Result == 0 && h.Size >= registerOps+4 {
			text := make([]byte, 4)
			le.PutUint32(text, r.release.RegisterLast())
			if t.Write(h.QueryData+registerOps, text) != nil {
				return
			}
		}
		addr = h.NextEntry
	}
}
