// Package trace reads and writes traces, recorded or written by hand, and replays them on a kernel. The kernel stands
// behind the interface System: it is the model or a real one, and every trace runs unchanged on either.
package trace
