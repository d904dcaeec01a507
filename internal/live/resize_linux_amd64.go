package live

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// resize is a RESIZE_RINGS, after which the ring has new memory: the task maps that in place of the old.
func (k *Kernel) resize(t *task, c trace.Register) trace.Result {
	name, err := k.behind(t, c)
	if err != nil {
		return result(0, err)
	}
	res := k.simple(t, []sysuring.Cmd{registerCmd(c)})
	if res.Err != nil || res.Ret < 0 {
		return res
	}
	if name == "" {
		return failed("a ring was resized that task %q has not mapped, which live kernels cannot follow", t.name)
	}
	if err := k.remap(t, k.rings[name], c); err != nil {
		return result(0, fmt.Errorf("ring %q, resized: %w", name, err))
	}
	res.Resized = name
	return res
}

// padOff is the offset of ring memory that nobody uses: between the words and the CQEs.
const padOff = uapi.RingCQEs - 4

// behind finds out which ring in the task's memory a descriptor belongs to: it maps the descriptor's ring once more,
// and looks where a mark that it leaves there shows up. The name is "" if nowhere.
func (k *Kernel) behind(t *task, c trace.Register) (string, error) {
	if c.Op&uapi.IORING_REGISTER_USE_REGISTERED_RING != 0 || c.FD < 0 {
		return "", nil
	}
	const size, mark = trace.PageSize, 0x7269_6e67
	cmds := []sysuring.Cmd{call(unix.SYS_MMAP|sysuring.Stop, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED,
		s32(c.FD), uapi.IORING_OFF_SQ_RING)}
	if err := k.run(t, cmds); err != nil || cmds[0].Ret < 0 {
		return k.userRing(t, c.FD), err
	}
	at := uint64(cmds[0].Ret)
	found := ""
	for name, r := range k.rings {
		p, ok := t.space.rings[r]
		if !ok {
			continue
		}
		cmds := []sysuring.Cmd{
			call(sysuring.Store, at+padOff, mark),
			call(sysuring.Copy, sysuring.DataAddr(0), p.mem+padOff, 4),
			call(sysuring.Store, at+padOff, 0),
		}
		if err := k.run(t, cmds); err != nil {
			return "", err
		}
		if binary.LittleEndian.Uint32(k.arena.Data()) == mark {
			found = name
		}
	}
	return found, k.simple(t, []sysuring.Cmd{call(unix.SYS_MUNMAP, at, size)}).Err
}

// userRing is the name of the ring in memory of the task behind a descriptor, "" if there is none.
func (k *Kernel) userRing(t *task, fd int32) string {
	inode, ok := t.ringInode(fd)
	for name, r := range k.rings {
		if ok && r.user && r.inode == inode {
			return name
		}
	}
	return ""
}

// remap maps the new memory of a ring. Other address spaces have to do so when they use the ring next.
func (k *Kernel) remap(t *task, r *ring, c trace.Register) error {
	cmds := []sysuring.Cmd{copyOut(0, c.Arg, uapi.SizeofParams)}
	if err := k.run(t, cmds); err != nil {
		return err
	}
	if err := whole(cmds[0], uapi.SizeofParams, "read", t.name, c.Arg); err != nil {
		return err
	}
	params, before := uapi.DecodeParams(k.arena.Data()), *r
	*r = *newRing(params)
	r.seen, r.inode = before.seen, before.inode
	if r.user {
		return nil
	}
	old := t.space.rings[r]
	cmds = []sysuring.Cmd{
		call(unix.SYS_MUNMAP, old.mem, before.memSize()),
		call(unix.SYS_MUNMAP, old.sqes, before.sqesSize()),
	}
	if err := k.run(t, cmds); err != nil {
		return err
	}
	if err := firstError(cmds, "munmap"); err != nil {
		return err
	}
	for _, o := range k.tasks {
		delete(o.space.rings, r)
	}
	return k.mapRing(t, r, int64(c.FD))
}
