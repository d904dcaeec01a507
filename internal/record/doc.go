// Package record runs a program and writes down, as a trace, what it submits to io_uring: system calls with their
// arguments, SQEs with the memory that their prep reads, and CQEs.
//
// The program is traced with ptrace(2), and stops at the three system calls of io_uring only, which a seccomp filter
// selects. Rings are read in the program's own memory, so that nothing here keeps a ring alive that the program closes.
package record
