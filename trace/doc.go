// Package trace is the format of recorded and hand-written traces, and replays them on a kernel: the model or a real
// one, behind the interface System. Whatever runs on one runs on the other, unchanged.
package trace
