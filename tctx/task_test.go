package tctx

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// parent is a task with memory, files, a registered ring, restrictions and no_new_privs.
func parent() *Task {
	t := NewInit("parent")
	t.NoNewPrivs, t.Uses = true, true
	t.Restrict = &bpffilter.Restriction{OpRegistered: true}
	t.Mem.Map(0x2000_0000, mm.PageSize, mm.ReadWrite)
	t.Rings[3] = &File{Kind: RingFile}
	t.Files.Install(&File{Kind: RingFile}, true)   // 3
	t.Files.Install(&File{Kind: OtherFile}, false) // 4
	return t
}

// TestChildren: what a child has of its parent, by the kind of child.
func TestChildren(t *testing.T) {
	rows := []struct {
		name               string
		make               func(*Task) *Task
		sameMem, sameFiles bool
		parentAlive        bool
	}{
		{"fork", func(p *Task) *Task { return p.Fork(kernel.V7_3, "c") }, false, false, true},
		{"vfork", func(p *Task) *Task { return p.VFork(kernel.V7_3, "c") }, true, false, false},
		{"thread", func(p *Task) *Task { return p.Thread(kernel.V7_3, "c") }, true, true, true},
	}
	for _, r := range rows {
		p := parent()
		c := r.make(p)
		if (c.Mem == p.Mem) != r.sameMem || (c.Files == p.Files) != r.sameFiles {
			t.Errorf("%s: memory shared %v, files shared %v", r.name, c.Mem == p.Mem, c.Files == p.Files)
		}
		if p.Alive() != r.parentAlive || !c.Alive() {
			t.Errorf("%s: parent alive %v, child alive %v", r.name, p.Alive(), c.Alive())
		}
		if c.Restrict == nil || c.Restrict == p.Restrict || !c.Restrict.OpRegistered || !c.NoNewPrivs || c.Cred != p.Cred {
			t.Errorf("%s: restrictions, no_new_privs and credentials are inherited, by copy: %+v", r.name, c)
		}
		if c.Uses || c.Rings != ([16]*File{}) {
			t.Errorf("%s: registered rings are not inherited: %v, %v", r.name, c.Uses, c.Rings)
		}
		if c.Files.Get(3) == nil || c.Files.Get(4) == nil {
			t.Errorf("%s: descriptors are inherited, close-on-exec ones too", r.name)
		}
		c.Files.Close(4)
		if gone := p.Files.Get(4) == nil; gone != r.sameFiles {
			t.Errorf("%s: closing in the child shows in the parent: %v", r.name, gone)
		}
	}
}

// TestExec: what is left after execve.
func TestExec(t *testing.T) {
	for _, k := range kernel.Releases {
		for _, uses := range []bool{true, false} {
			p := parent()
			p.Uses = uses
			p.Exec(k)
			lost := uses && k.Name == "7.0" // CVE-2026-80713
			if (p.Restrict == nil) != lost {
				t.Errorf("%s: used io_uring %v: restrictions lost %v, want %v", k.Name, uses, p.Restrict == nil, lost)
			}
			if p.Uses || p.Rings[3] != nil || !p.NoNewPrivs || !p.Alive() {
				t.Errorf("%s: uses %v, ring %v, no_new_privs %v", k.Name, p.Uses, p.Rings[3], p.NoNewPrivs)
			}
			if p.Mem.CopyIn(make([]byte, 1), 0x2000_0000) {
				t.Errorf("%s: the old memory is still there", k.Name)
			}
			if p.Files.Get(3) != nil || p.Files.Get(4) == nil || p.Files.Get(0) == nil {
				t.Errorf("%s: exec closes what is close-on-exec, and nothing else", k.Name)
			}
		}
	}
}

// TestExecOfThread: exec ends the other threads, whoever calls it, and unshares nothing of other processes.
func TestExecOfThread(t *testing.T) {
	p := parent()
	child := p.Fork(kernel.V7_3, "child")
	second := p.Thread(kernel.V7_3, "second")
	third := second.Thread(kernel.V7_3, "third")
	second.Exec(kernel.V7_3)
	got := []bool{p.Alive(), second.Alive(), third.Alive(), child.Alive()}
	if diff := cmp.Diff([]bool{false, true, false, true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e, _ := second.NewUserNS(); e != 0 {
		t.Errorf("after exec the task is alone in its process: %v", e)
	}
}

// TestVFork: the parent waits until the child execs or exits.
func TestVFork(t *testing.T) {
	for name, end := range map[string]func(*Task){"exec": func(c *Task) { c.Exec(kernel.V7_3) }, "exit": (*Task).Exit} {
		p := parent()
		c := p.VFork(kernel.V7_3, "c")
		if p.Alive() {
			t.Errorf("%s: the parent must wait", name)
		}
		end(c)
		if !p.Alive() || c.Alive() != (name == "exec") {
			t.Errorf("%s: parent alive %v, child alive %v", name, p.Alive(), c.Alive())
		}
		if !p.Mem.CopyIn(make([]byte, 1), 0x2000_0000) {
			t.Errorf("%s: the parent has lost its memory", name)
		}
	}
}

// TestExit: an exited thread is not in the way of the others.
func TestExit(t *testing.T) {
	p := parent()
	second := p.Thread(kernel.V7_3, "second")
	if e, _ := p.NewUserNS(); e != uapi.EINVAL {
		t.Errorf("with two threads: %v, want EINVAL", e)
	}
	second.Exit()
	if second.Alive() || second.Restrict != nil || !p.Alive() {
		t.Error("the thread must be gone, the process not")
	}
	if e, _ := p.NewUserNS(); e != 0 {
		t.Errorf("alone again: %v", e)
	}
}

// TestMayFilter: who may restrict itself, by what it did before.
func TestMayFilter(t *testing.T) {
	drop := func(t *Task) { t.DropPrivileges() }
	newNS := func(t *Task) { t.NewUserNS() }
	nnp := func(t *Task) { t.NoNewPrivs = true }
	exec := func(t *Task) { t.Exec(kernel.V7_3) }
	rows := []struct {
		steps []func(*Task)
		want  bool
		rt    bool
		why   string
	}{
		{nil, true, true, "root"}, {[]func(*Task){drop}, false, false, "a user"},
		{[]func(*Task){drop, nnp}, true, false, "no_new_privs"},
		{[]func(*Task){drop, newNS}, true, false, "a user namespace has all capabilities, of itself"},
		{[]func(*Task){drop, newNS, exec}, false, false, "which exec takes away, since no id is mapped"},
		{[]func(*Task){newNS}, true, false, "root in a namespace has no capability outside"},
		{[]func(*Task){drop, nnp, exec}, true, false, "no_new_privs stays"},
		{[]func(*Task){exec}, true, true, "root stays root"},
	}
	for _, r := range rows {
		task := NewInit("t")
		for _, step := range r.steps {
			step(task)
		}
		if task.MayFilter() != r.want || task.Cred.CapInit != r.rt {
			t.Errorf("%s: may filter %v, capabilities %v", r.why, task.MayFilter(), task.Cred.CapInit)
		}
	}
	task := NewInit("t")
	task.NewUserNS()
	if e := task.DropPrivileges(); e != uapi.EINVAL {
		t.Errorf("65534 is not mapped in a new namespace: %v", e)
	}
	if e, _ := task.NewUserNS(); e != uapi.EPERM {
		t.Errorf("a second namespace without mapped ids: %v", e)
	}
}

// TestFDTable: the lowest free descriptor, up to a limit.
func TestFDTable(t *testing.T) {
	files := NewInit("t").Files
	for want := int32(3); want < 1024; want++ {
		if fd, e := files.Install(&File{Kind: OtherFile}, false); fd != want || e != 0 {
			t.Fatalf("fd %d, %v, want %d", fd, e, want)
		}
	}
	if fd, e := files.Install(&File{}, false); fd != -1 || e != uapi.EMFILE {
		t.Errorf("the 1025th: %d, %v, want EMFILE", fd, e)
	}
	if e := files.Close(7); e != 0 {
		t.Error(e)
	}
	if e := files.Close(7); e != uapi.EBADF {
		t.Errorf("closed twice: %v", e)
	}
	if fd, _ := files.Install(&File{}, false); fd != 7 {
		t.Errorf("the free one is %d, want 7", fd)
	}
	if e := files.SetCloexec(7, true); e != 0 || files.SetCloexec(5000, true) != uapi.EBADF {
		t.Errorf("SetCloexec: %v", e)
	}
	after := files.closeOnExec()
	if after.Get(7) != nil || after.Get(8) == nil || files.Get(7) == nil {
		t.Error("exec closes 7 in the new table alone")
	}
	files.Put(5, &File{Kind: SocketFile}, false)
	if f := files.Get(5); f.Kind != SocketFile {
		t.Errorf("Put: %+v", f)
	}
	if files.Get(-1) != nil || files.Get(2000) != nil {
		t.Error("what is not open")
	}
}

// TestRingFile: how a system call finds its ring.
func TestRingFile(t *testing.T) {
	p := parent()
	rows := []struct {
		fd         int32
		registered bool
		uses       bool
		want       uapi.Errno
		why        string
	}{
		{3, false, true, 0, ""}, {4, false, true, uapi.EOPNOTSUPP, "no ring"}, {99, false, true, uapi.EBADF, ""},
		{-1, false, true, uapi.EBADF, ""},
		{3, false, false, 0, "a descriptor needs no use before"}, {3, true, true, 0, "an index"},
		{4, true, true, uapi.EBADF, "an empty one"},
		{16, true, true, uapi.EINVAL, ""}, {-1, true, true, uapi.EINVAL, ""},
		{3, true, false, uapi.EINVAL, "nothing can be registered yet"},
	}
	for _, r := range rows {
		p.Uses = r.uses
		f, refusal := p.RingFile(verdict.Enter, r.fd, r.registered)
		got := uapi.Errno(0)
		if refusal != nil {
			got = refusal.Errno
		}
		if got != r.want || (f != nil) != (r.want == 0) {
			t.Errorf("fd %d, registered %v: %v, want %v (%s)", r.fd, r.registered, got, r.want, r.why)
		}
	}
}

// TestAddRing: the first free index of a range.
func TestAddRing(t *testing.T) {
	p := NewInit("t")
	for want := range int32(16) {
		if i, e := p.AddRing(&File{}, 0, 16); i != want || e != 0 {
			t.Fatalf("index %d, %v, want %d", i, e, want)
		}
	}
	if i, e := p.AddRing(&File{}, 0, 16); i != -1 || e != uapi.EBUSY {
		t.Errorf("the 17th: %d, %v", i, e)
	}
	p.Rings[9] = nil
	if i, e := p.AddRing(&File{}, 8, 9); i != -1 || e != uapi.EBUSY {
		t.Errorf("8 is taken: %d, %v", i, e)
	}
	if i, e := p.AddRing(&File{}, 9, 10); i != 9 || e != 0 {
		t.Errorf("9 is free: %d, %v", i, e)
	}
}
