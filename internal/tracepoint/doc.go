// Package tracepoint makes traces of logs of the kernel's io_uring tracepoints: the text of tracefs, of perf script, of
// trace-cmd report, and of bpftrace programs that print lines like these.
//
// Linux: include/trace/events/io_uring.h
package tracepoint
