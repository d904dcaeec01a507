package register

import (
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// personality registers the task's credentials under the next number, from 1 on.
//
// Linux: io_uring/register.c:io_register_personality
func (c *call) personality() Outcome {
	r := c.ring
	if r.Personalities == nil {
		r.Personalities = map[uint16]tctx.Cred{}
	}
	for range 1 << 16 {
		r.lastPersona++
		if _, used := r.Personalities[r.lastPersona]; !used && r.lastPersona != 0 {
			r.Personalities[r.lastPersona] = c.task.Cred
			return Outcome{Ret: int64(r.lastPersona)}
		}
	}
	return refuse(uapi.EBUSY, "io_uring/register.c:io_register_personality", "all numbers are taken")
}

// Linux: io_uring/register.c:io_unregister_personality
func (c *call) unregisterPersonality() Outcome {
	id := uint16(c.nr)
	if _, ok := c.ring.Personalities[id]; !ok || c.nr>>16 != 0 {
		return refuse(uapi.EINVAL, "io_uring/register.c:io_unregister_personality", "nr must be a registered personality")
	}
	delete(c.ring.Personalities, id)
	return Outcome{}
}
