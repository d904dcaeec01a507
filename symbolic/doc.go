// Package symbolic reasons about all requests at once: whether a filter can ever allow one, on which ones two plans
// differ, and what a plan allows, in words.
//
// A filter has no loops, so what it allows is a function of the bits of its context. Such functions are kept as
// decision diagrams, in which equal functions are the same node. Every instruction is carried out on them, so an answer is
// not a sample but holds for every request of the opcode that can occur: a table in this package says for each opcode
// which contexts prep can leave.
//
// The diagrams of some functions are too large, such as those of products. Steps are counted, and beyond Limit the answer
// is that it is not known; Compare then searches by running the filters.
package symbolic
