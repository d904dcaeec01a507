// Package uringsim is the root of a model of what Linux does with an io_uring request before it runs it. It has no
// code of its own, only traces: CONTRIBUTING.md tells what is where.
//
// Programs replay traces with [github.com/uringsim/uringsim/trace] on [github.com/uringsim/uringsim/sim]; people do it
// with cmd/uringsim.
package uringsim
