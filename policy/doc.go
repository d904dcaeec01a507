// Package policy reads documents that say what a sandbox allows, and compiles them to a plan: the restrictions and
// filter programs that a task registers.
//
// A Policy is read from three forms: our own text (Parse), the linux.ioUring object of containers (ParseOCI), and the
// body of a filter function in C (ParseC). What it means is Policy.Allows, in a few lines; what Compile makes of it is
// held to that by a property that is also a fuzz target. The package knows nothing of the model: offsets, sizes and
// orders of bytes are its own, so that the two can judge each other.
package policy
