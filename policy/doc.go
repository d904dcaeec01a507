// Package policy reads texts that say what a sandbox allows, and compiles them to a plan: the restrictions and filter
// programs that a task registers.
//
// A Policy is read from one of three forms: our own text (Parse), the linux.ioUring object of containers (ParseOCI), or
// the body of a filter function in C (ParseC). Policy.Allows defines in a few lines what it means, and a property that
// is also a fuzz target holds what Compile makes of it to that. The package does not know the model: it has its own
// offsets, sizes and byte orders, so that each can be tested against the other.
package policy
