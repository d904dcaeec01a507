// Package sysuring holds everything in this module that needs unsafe, assembly or raw system calls: the agent that is a task
// on a real kernel, the memory that it shares with its supervisor, and a few system calls.
//
// A task of a trace is a real process or thread that runs a few hundred bytes of machine code, without the Go runtime:
// the kernel keeps restrictions per thread, and a Go program can neither choose the thread that makes a call nor fork.
// The agent uses no stack and no memory except the Arena, so that fork, vfork and new threads do not disturb it. It waits
// on a futex in its slot of the Arena, executes a batch of commands (system calls, and copies between the Arena and the
// task's memory), and wakes the supervisor.
package sysuring
