// Package ptrace runs a program under ptrace(2), stops it at the calls of io_uring, which a seccomp filter selects, and
// reads its rings in its own memory, so that it does not keep rings alive that the program closes. A Handler does the
// work at those stops.
package ptrace
