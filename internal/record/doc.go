// Package record runs a program and records as a trace what it submits to io_uring: system calls with their arguments,
// SQEs with the memory that their prep reads, and CQEs.
//
// The program is traced with ptrace(2) and stopped only at the three system calls of io_uring, which a seccomp filter
// selects. Rings are read in the memory of the program, so that the recorder does not keep rings alive that the program
// closes.
package record
