// Package symbolic reasons about all requests at once: whether a filter can ever allow one, for which ones two plans
// part, and what a plan allows in words.
//
// A filter has no loops, so what it allows is a function of the bits of its context. Such functions are kept as
// decision diagrams, in which two functions are the same exactly if they are the same node. Every instruction is
// carried out on them, so an answer is no sample: it holds for every request of the opcode. The requests are those that
// can occur: an opcode's row in this package says which contexts prep leaves.
//
// Diagrams of some functions are too large, those of products for one. Work is counted, and beyond Limit the answer
// says that it gave up; Compare then searches by execution.
package symbolic
