package record

import (
	"maps"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/trace"
)

var _ ptrace.Handler = (*recorder)(nil)

// Start records the state in which the program starts.
func (r *recorder) Start(p *ptrace.Task) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &task{Task: p, name: trace.InitTask, proc: &process{space: &space{}, files: map[int32]ptrace.FileID{}}}
	r.tasks[p] = t
	r.begin(t)
	return nil
}

// Enter records the start of a call.
func (r *recorder) Enter(p *ptrace.Task, c ptrace.Call) (ptrace.Step, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tasks[p]
	if t.call != nil && t.call.second && *t.call.wait == c { // the second call of sleepOn
		return ptrace.Watch, nil
	}
	r.enterCall(t, c.NR, c.Args)
	return ptrace.Watch, r.sleepOn(t, c)
}

// Exit records the result of a call.
func (r *recorder) Exit(p *ptrace.Task, ret int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tasks[p]
	ret, done, err := t.slept(ret)
	if !done || err != nil {
		return err
	}
	c := t.call
	r.exitCall(t, ret)
	if c != nil && c.makes && c.ring != nil {
		return c.ring.SayAsleep(p, int32(ret))
	}
	return nil
}

// Ignored continues a wait: its event has ended, and the next one will have the rest.
func (r *recorder) Ignored(p *ptrace.Task, c ptrace.Call, ret int64) error {
	if ret != -int64(unix.EINTR) {
		return nil
	}
	return p.Again(c)
}

// Spawn records a new task. In the memory of a forked child the parent's rings are where they were in the parent.
func (r *recorder) Spawn(parent, child *ptrace.Task, kind ptrace.Kind) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := r.tasks[parent]
	r.spawns++
	t := &task{Task: child, name: "t" + strconv.Itoa(r.spawns), proc: from.proc}
	r.tasks[child] = t
	e := &trace.Event{Task: from.name}
	switch kind {
	case ptrace.Thread:
		e.Args = &trace.ThreadArgs{Child: t.name}
	case ptrace.VFork:
		t.proc = &process{from.proc.space, maps.Clone(from.proc.files), from.proc.nofile}
		e.Args = &trace.VForkArgs{Child: t.name}
	default:
		t.proc = &process{from.proc.space.clone(), maps.Clone(from.proc.files), from.proc.nofile}
		r.rings.Forked(parent.Process.Space, child.Process.Space)
		e.Args = &trace.ForkArgs{Child: t.name}
	}
	r.emit(e)
	return nil
}

// Exec records that the task executes another program.
func (r *recorder) Exec(p *ptrace.Task, before *ptrace.Process, killed []*ptrace.Task) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range killed {
		r.abandon(r.tasks[other])
		delete(r.tasks, other)
	}
	r.executed(r.tasks[p])
	r.rings.Left(before.Space, maps.Keys(r.tasks))
	return nil
}

// End looks at the rings for the last time and records the end of a task.
func (r *recorder) End(p *ptrace.Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended(r.tasks[p])
}

// Gone forgets a task.
func (r *recorder) Gone(p *ptrace.Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.abandon(r.tasks[p])
	delete(r.tasks, p)
	r.rings.Left(p.Process.Space, maps.Keys(r.tasks))
}

// Stops tells whether the task's memory has a ring with a submission thread. If so, its other system calls are worth a
// stop: while it is stopped, the entries of that ring can still be read.
func (r *recorder) Stops(p *ptrace.Task) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, space := range r.polled {
		if space == p.Process.Space {
			if !r.samples {
				r.samples = true
				go r.keepSampling()
			}
			return true
		}
	}
	return false
}

// Passing looks at the rings with a submission thread in the task's memory.
func (r *recorder) Passing(p *ptrace.Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tasks[p]
	for ring, space := range r.polled {
		if space == p.Process.Space && !t.ended {
			r.look(t, ring)
		}
	}
}

// Polls is false: the rings are looked at by another goroutine, which needs no stopped task.
func (r *recorder) Polls() bool { return false }

// Idle does nothing.
func (r *recorder) Idle() error { return nil }

// samplePause is the pause between looks at rings with a submission thread.
const samplePause = 200 * time.Microsecond

// keepSampling looks at rings with a submission thread while the program runs, as long as there are any.
func (r *recorder) keepSampling() {
	for again := true; again; {
		time.Sleep(samplePause)
		again = r.sampleAll()
	}
}

// mostMisses is how often to look for a ring that its program has not mapped yet.
const mostMisses = 1000

// sampleAll looks at the rings with a submission thread, and tells whether there are any.
func (r *recorder) sampleAll() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ring, space := range r.polled {
		var task *task
		for _, other := range r.tasks {
			if other.Process.Space == space && !other.ended && (task == nil || other.TID < task.TID) {
				task = other
			}
		}
		switch {
		case task == nil:
			delete(r.polled, ring)
		case r.look(task, ring):
			ring.misses = mostMisses // the next miss means that it was unmapped
		default:
			if ring.misses++; ring.misses > mostMisses {
				delete(r.polled, ring)
			}
		}
	}
	r.samples = len(r.polled) > 0
	return r.samples
}

// endSampling ends the looks at rings with a submission thread.
func (r *recorder) endSampling() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.polled)
}
