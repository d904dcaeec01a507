// Package ptrace runs a program under ptrace(2), stops it at the calls of io_uring, which a seccomp filter selects, and
// reads its rings in its own memory, so that nothing here keeps a ring alive that the program closes. What is done at
// those stops is the Handler's.
package ptrace
