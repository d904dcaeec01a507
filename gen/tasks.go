package gen

import (
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// life is what a maker knows of a task.
type life struct {
	name    string
	files   *files
	parent  *life // waits in vfork until this one execs or exits
	waits   bool
	inGroup *int // number of threads of the process
}

// files is a table of descriptors: which are in use, and by which rings.
type files struct {
	used  map[int]bool
	rings []held
}

// held is a descriptor of a ring.
type held struct {
	fd      int
	name    string
	cloexec bool
}

func (f *files) lowest() int {
	for fd := 3; ; fd++ {
		if !f.used[fd] {
			f.used[fd] = true
			return fd
		}
	}
}

func (f *files) clone() *files {
	c := &files{used: map[int]bool{}, rings: slices.Clone(f.rings)}
	for fd := range f.used {
		c.used[fd] = true
	}
	return c
}

// world is all tasks of a trace.
type world struct {
	*maker
	tasks  []*life
	born   int
	vforks bool // children may be made by vfork
}

func newWorld(m *maker) *world {
	m.keepsFDs = true
	return &world{m, []*life{{name: trace.InitTask, files: &files{used: map[int]bool{}}, inGroup: ptr(1)}}, 0, true}
}

// somebody is a task that can act.
func (w *world) somebody() *life {
	for {
		if t := pick(w.maker, w.tasks...); !t.waits {
			return t
		}
	}
}

// spawn makes a child of the task.
func (w *world) spawn(t *life) {
	if len(w.tasks) >= 6 {
		return
	}
	w.born++
	c := &life{name: fmt.Sprintf("t%d", w.born)}
	switch kind := w.IntN(4); {
	case kind < 2 || kind == 2 && !w.vforks:
		c.files, c.inGroup = t.files.clone(), ptr(1)
		w.add(t.name, &trace.ForkArgs{Child: c.name})
	case kind == 2:
		c.files, c.inGroup, c.parent, t.waits = t.files.clone(), ptr(1), t, true
		w.add(t.name, &trace.VForkArgs{Child: c.name})
	default:
		c.files, c.inGroup = t.files, t.inGroup
		*t.inGroup++
		w.add(t.name, &trace.ThreadArgs{Child: c.name})
	}
	w.tasks = append(w.tasks, c)
}

// exec gives a task that is alone in its process a new program.
func (w *world) exec(t *life) {
	if *t.inGroup > 1 {
		return
	}
	w.add(t.name, &trace.ExecArgs{})
	t.files = t.files.clone()
	t.files.rings = slices.DeleteFunc(t.files.rings, func(h held) bool {
		if h.cloexec {
			delete(t.files.used, h.fd)
		}
		return h.cloexec
	})
	w.release(t)
}

func (w *world) release(t *life) {
	if t.parent != nil {
		t.parent.waits, t.parent = false, nil
	}
}

// exit ends a task, but never the first.
func (w *world) exit(t *life) {
	if t.name == trace.InitTask {
		return
	}
	w.add(t.name, &trace.ExitArgs{})
	*t.inGroup--
	w.release(t)
	w.tasks = slices.DeleteFunc(w.tasks, func(o *life) bool { return o == t })
}

// newRing sets up a ring.
func (w *world) newRing(t *life, flags uint32) {
	name := fmt.Sprintf("r%d", len(w.events))
	w.add(t.name, &trace.SetupArgs{Ring: name, Entries: 16, Flags: setupFlags(flags)})
	t.files.rings = append(t.files.rings, held{t.files.lowest(), name, true})
}

// closeRing closes a descriptor of a ring.
func (w *world) closeRing(t *life) {
	if len(t.files.rings) == 0 {
		return
	}
	i := w.IntN(len(t.files.rings))
	fd := t.files.rings[i].fd
	w.add(t.name, &trace.CloseArgs{FD: trace.Number(fd)})
	delete(t.files.used, fd)
	t.files.rings = slices.Delete(t.files.rings, i, i+1)
}

// keep lets a ring live through exec, or makes another descriptor of it.
func (w *world) keep(t *life) {
	if len(t.files.rings) == 0 {
		return
	}
	h := &t.files.rings[w.IntN(len(t.files.rings))]
	if w.chance(50) {
		w.add(t.name, &trace.CloexecArgs{FD: trace.Number(h.fd)})
		h.cloexec = false
		return
	}
	w.add(t.name, &trace.DupArgs{FD: trace.Number(h.fd)})
	t.files.rings = append(t.files.rings, held{t.files.lowest(), h.name, false})
}

// submit tries what a ring allows.
func (w *world) submit(t *life) {
	if len(t.files.rings) == 0 {
		return
	}
	h := pick(w.maker, t.files.rings...)
	sqes := w.probeSQEs(1 + w.IntN(3))
	w.add(t.name, &trace.EnterArgs{FD: trace.Number(h.fd), Ring: h.name, SQEs: sqes, DropRest: true})
}

// someRing is a descriptor of a ring of the task, or -1.
func (w *world) someRing(t *life) int {
	if len(t.files.rings) == 0 {
		return -1
	}
	return pick(w.maker, t.files.rings...).fd
}

// inherit lets tasks spawn, execute, restrict themselves and use rings.
func (m *maker) inherit() {
	m.mistakes = 8
	w := newWorld(m)
	for range 40 {
		w.step(0)
	}
}

// mixed is inherit with all other register calls and chains.
func (m *maker) mixed() {
	w := newWorld(m)
	for range 80 {
		w.step(30)
	}
}

// step lets somebody do something; with so many chances in a hundred, something that has nothing to do with tasks.
func (w *world) step(others int) {
	t := w.somebody()
	if w.chance(others) {
		if w.chance(5) {
			w.add(t.name, pick[trace.Args](w.maker, &trace.DupArgs{FD: 99}, &trace.CloseArgs{FD: 99}, &trace.CloexecArgs{FD: 99, On: true}))
		}
		if fd := w.someRing(t); w.chance(50) && fd >= 0 {
			w.anyRegister(t.name, pick(w.maker, fd, fd, -1), fd)
		} else if fd >= 0 {
			h := t.files.rings[w.IntN(len(t.files.rings))]
			var sqes []trace.SQE
			for range 1 + w.IntN(8) {
				sqes = append(sqes, w.member(false))
			}
			closeChain(sqes)
			w.add(t.name, &trace.EnterArgs{FD: trace.Number(h.fd), Ring: h.name, SQEs: sqes, DropRest: true,
				Flags: enterFlags(w.some(30, uapi.IORING_ENTER_GETEVENTS))})
		}
		return
	}
	switch w.IntN(20) {
	case 0, 1:
		w.spawn(t)
	case 2, 3:
		w.exec(t)
	case 4:
		w.exit(t)
	case 5:
		w.privileges(t.name)
	case 6, 7, 8:
		w.newRing(t, uapi.IORING_SETUP_SUBMIT_ALL|w.some(10, uapi.IORING_SETUP_R_DISABLED, uapi.IORING_SETUP_SINGLE_ISSUER))
	case 9:
		w.closeRing(t)
	case 10:
		w.keep(t)
	case 11, 12:
		w.filterCall(t.name, -1)
	case 13:
		w.filterCall(t.name, w.someRing(t))
	case 14:
		w.restrictionsCall(t.name, pick(w.maker, -1, w.someRing(t)))
	case 15:
		w.ringFDsCall(t.name, w.someRing(t), w.someRing(t))
	default:
		w.submit(t)
	}
}
