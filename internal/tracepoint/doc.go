// Package tracepoint makes traces of logs of the kernel's io_uring tracepoints: the text of tracefs, perf script,
// trace-cmd report, or bpftrace programs that print such lines.
//
// Linux: include/trace/events/io_uring.h
package tracepoint
