package cbpfvm

import (
	"math/rand/v2"

	"github.com/uringsim/uringsim/uapi"
)

// source is where a generator takes its choices from: 0 <= source(n) < n.
type source func(n int) int

func fromRand(seed uint64) source { return rand.New(rand.NewPCG(seed, 0)).IntN }

// fromBytes lets the fuzzer choose. When the bytes end it chooses 0.
func fromBytes(b []byte) source {
	return func(n int) int {
		v := 0
		for limit := 1; limit < n && len(b) > 0; limit <<= 8 {
			v, b = v<<8|int(b[0]), b[1:]
		}
		return v % n
	}
}

// edges are the values where instructions change their mind.
var edges = []uint32{
	0, 1, 2, 3, 4, 15, 16, 30, 31, 32, 33, 34, 40, 63, 64, 65, 255, 256, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
	0x80000001, 0xfffffffe, 0xffffffff, 0xffffffe0, 0xffffffe1,
}

func (src source) value() uint32 {
	if src(2) == 0 {
		return edges[src(len(edges))]
	}
	return uint32(src(1<<16)<<16 | src(1<<16))
}

func (src source) context() *Context {
	var c Context
	for off := uint32(0); off < uint32(len(c)); off += 4 {
		c.SetWord(off, src.value())
	}
	return &c
}

// program makes a program that Check accepts, but for a few that load a cell before they store it. One in five is long.
func (src source) program(long int) []uapi.SockFilter {
	g := generator{src: src}
	for range src(6) { // these cells can be loaded from anywhere
		cell := uint32(src(uapi.BPF_MEMWORDS))
		g.cells = append(g.cells, cell)
		if src(2) == 0 {
			g.emit(opLdImm, src.value())
		} else {
			g.emit(opLdAbs, uint32(src(10))*4)
		}
		g.emit([]op{opSt, opSt, opStx}[src(3)], cell)
	}
	size := src([]int{8, 24, 24, 60, long}[src(5)])
	for left := size; left > 0; left-- {
		if g.random(left); src(20) == 0 {
			g.mixable()
		}
	}
	g.emit([]op{opRetK, opRetA, opRetA, opRetA}[src(4)], src.value())
	return g.out
}

// questions makes a program of loads, comparisons and the little arithmetic that filters do with words, as a decision can
// say it.
func (src source) questions() []uapi.SockFilter {
	g := generator{src: src, only: []op{opLdAbs, opLdAbs, opJeqK, opJeqK, opJeqK, opJeqK, opJgtK, opJgeK, opJsetK, opAndK,
		opAndX, opRshK, opAddK, opSubK, opLdxImm, opJeqX, opTax, opTxa, opJa, opLdImm}}
	g.emit(opLdAbs, uint32(src(10))*4)
	row, near := 0, uint32(0) // of comparisons one after the other, still to come
	for left := src([]int{8, 24, 60}[src(3)]); left > 0; left-- {
		if row--; row > 0 {
			g.emit(opJeqK, src.value())
			in := &g.out[len(g.out)-1]
			in.Jt = uint8(g.distance(left))
			if near != 0 { // all of them lead to the same, and their keys are close to each other
				in.K, in.Jt = near+uint32(src(66)), uint8(min(row, left-1))
			}
			continue
		}
		if g.random(left); src(10) == 0 {
			g.emit(opLdAbs, uint32(src(10))*4)
			row, near = 12, uint32(src(2))*src.value()
		}
	}
	g.emit([]op{opRetK, opRetA}[src(2)], src.value())
	return g.out
}

// contextFor is a context whose words are often what the program compares them with, or nearly.
func (src source) contextFor(insns []uapi.SockFilter) *Context {
	c := src.context()
	for off := uint32(0); off < uint32(len(c)); off += 4 {
		if src(4) != 0 {
			c.SetWord(off, insns[src(len(insns))].K+uint32(src(3))-1)
		}
	}
	return c
}

type generator struct {
	src   source
	only  []op // nil is all that io_uring allows
	cells []uint32
	out   []uapi.SockFilter
}

func (g *generator) emit(o op, k uint32) {
	g.out = append(g.out, uapi.SockFilter{Code: codes[o].code, K: k})
}

// random appends an instruction that has at least left instructions after it.
func (g *generator) random(left int) {
	o := op(g.src(int(opRetA) + 1))
	if g.only != nil {
		o = g.only[g.src(len(g.only))]
	}
	if n := len(g.out); n > 0 && opByCode[g.out[n-1].Code] == opLdxMem && g.src(2) == 0 {
		o = []op{opAddX, opSubX, opMulX, opAndX, opOrX, opXorX}[g.src(6)] // what is done with X, mostly
	}
	if (o == opRetA || o == opRetK) && g.src(8) != 0 {
		o = opLdAbs
	}
	if (o == opLdMem || o == opLdxMem) && len(g.cells) == 0 && g.src(8) != 0 {
		o = opLdAbs
	}
	k := g.src.value()
	switch {
	case o == opLdAbs:
		k = uint32(g.src(10)) * 4
	case (o == opLdMem || o == opLdxMem) && len(g.cells) > 0:
		k = g.cells[g.src(len(g.cells))]
	case codes[o].rule == ruleCell:
		k %= uapi.BPF_MEMWORDS
	case codes[o].rule == ruleDivisor:
		k = max(k, 1)
	case codes[o].rule == ruleShift:
		k %= 32
	case codes[o].rule == ruleJump:
		k = uint32(g.distance(left))
	}
	g.emit(o, k)
	if codes[o].rule == ruleCond {
		in := &g.out[len(g.out)-1]
		in.Jt, in.Jf = uint8(g.distance(min(left, 256))), uint8(g.distance(min(left, 256)))
	}
}

// mixable appends arithmetic with constants, some of which becomes one mix.
func (g *generator) mixable() {
	ops := []op{opAndK, opOrK, opXorK, opAddK, opSubK, opMulK, opLshK, opNeg, opRshK}
	for i, o := range ops {
		if n := len(ops) - i; g.src(3) == 0 {
			o = ops[i+g.src(n)]
		}
		k := g.src.value()
		if codes[o].rule == ruleShift {
			k %= 32
		}
		g.emit(o, k)
	}
}

// distance is mostly short, so that programs execute much of themselves.
func (g *generator) distance(n int) int {
	if g.src(10) != 0 {
		n = min(n, 4)
	}
	return g.src(n)
}
