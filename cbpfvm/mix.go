package cbpfvm

import "math/bits"

// mix is arithmetic on A with constants in one form: bits are kept and turned over, then comes a product, a sum, and a
// shift to the right. Any instruction of arithmetic with a constant but a division is one, and often several in a row
// are.
type mix struct {
	keep, turn uint32
	times      uint32
	plus       uint32
	shift      uint8

	left    uint8 // the product as a shift, which is faster,
	product bool  // unless it is none
	last    bool  // of a row
}

// identity changes nothing.
var identity = mix{keep: ^uint32(0), times: 1}

// mixed is what the row that comes first makes of A.
func mixed(row []mix, a uint32) uint32 {
	for i := range row {
		m := &row[i]
		a = a&m.keep ^ m.turn
		if m.product {
			a = a*m.times + m.plus
		} else {
			a = a<<(m.left&31) + m.plus
		}
		if a >>= m.shift & 31; m.last {
			break
		}
	}
	return a
}

// finish makes a row ready to run.
func finish(row []mix) []mix {
	for i := range row {
		m := &row[i]
		m.product = bits.OnesCount32(m.times) != 1
		m.left = uint8(bits.TrailingZeros32(m.times))
		m.last = i == len(row)-1
	}
	return row
}

// part is which part of the form an instruction needs, from the first to the last; 0 is that it fits into none.
func (in inst) part() int {
	switch in.op {
	case opAndK, opOrK, opXorK:
		return 1
	case opAddK, opSubK, opMulK, opLshK, opNeg:
		return 2
	case opRshK:
		return 3
	}
	return 0
}

// part is the last that the mix makes use of.
func (m *mix) part() int {
	switch {
	case m.shift != 0:
		return 3
	case m.times != 1 || m.plus != 0:
		return 2
	}
	return 1
}

// take makes the mix one of itself and the instruction after it. It is false, and nothing changes, if that is none.
func (m *mix) take(in inst) bool {
	k := in.k
	if part := in.part(); part < m.part() || part == 3 && uint32(m.shift)+k&31 > 31 {
		return false
	}
	switch in.op {
	case opAndK:
		m.keep, m.turn = m.keep&k, m.turn&k
	case opOrK:
		m.keep, m.turn = m.keep&^k, m.turn|k
	case opXorK:
		m.turn ^= k
	case opAddK:
		m.plus += k
	case opSubK:
		m.plus -= k
	case opMulK:
		m.times, m.plus = m.times*k, m.plus*k
	case opLshK:
		m.times, m.plus = m.times<<(k&31), m.plus<<(k&31)
	case opNeg:
		m.times, m.plus = -m.times, -m.plus
	case opRshK:
		m.shift += uint8(k & 31)
	}
	return true
}
