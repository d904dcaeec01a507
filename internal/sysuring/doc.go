// Package sysuring holds everything of this module that needs unsafe, assembly or raw system calls: the agent that
// stands in for a task on a real kernel, the memory that it shares with its supervisor, and a few system calls.
//
// A task of a trace is a real process or thread that runs a few hundred bytes of machine code and no Go runtime, since
// the kernel keeps restrictions per thread and a Go program cannot say which thread makes a call, nor fork. The agent
// uses no stack and no memory but the Arena, so that it survives fork, vfork and thread creation unchanged. It waits on
// a futex in its slot of the Arena, carries out a batch of commands (system calls, and copies between the Arena and the
// task's memory), and wakes the supervisor.
package sysuring
