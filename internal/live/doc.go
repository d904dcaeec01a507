// Package live is trace.System on the running kernel: real tasks make real calls.
//
// Each task is a process or thread of its own that runs the agent of internal/sysuring, so that fork, exec, prctl and
// the like happen in exactly the task that the trace names. What differs from a bare kernel: a task has the descriptors
// 1000 and 1001 open, memory mapped from trace.SystemBase on, SIGCHLD and SIGPIPE ignored, and a mapped ring stays
// alive when its descriptor is closed, as it does in programs that use liburing.
//
// Result.Ret is the kernel's own return value, except that Spawn and Exec give 0 for success: process ids are nobody's
// to predict. A Write that the task's memory does not take, and a Setup whose ring cannot be mapped, are an Err.
package live

import "time"

// Options are what Open needs to know. The zero value is good.
type Options struct {
	Timeout     time.Duration // how long one call may take before its task is killed; default 10 s
	ReapTimeout time.Duration // how long Reap waits for CQEs; default 5 s
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.ReapTimeout == 0 {
		o.ReapTimeout = 5 * time.Second
	}
	return o
}
