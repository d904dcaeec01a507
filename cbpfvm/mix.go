package cbpfvm

import "math/bits"

// mix is arithmetic on A with constants, in one form: and, xor, product, sum, and shift to the right. All arithmetic
// with a constant except division has this form, and often several instructions in a row together do.
type mix struct {
	keep, turn uint32
	times      uint32
	plus       uint32
	shift      uint8

	left    uint8 // the product as a shift, which is faster,
	product bool  // unless this is set
	last    bool  // whether it is the last of a sequence
}

// identity is the mix that changes nothing.
var identity = mix{keep: ^uint32(0), times: 1}

// mixed applies a sequence of mixes, up to the one marked as the last.
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

// finish prepares a sequence for mixed.
func finish(row []mix) []mix {
	for i := range row {
		m := &row[i]
		m.product = bits.OnesCount32(m.times) != 1
		m.left = uint8(bits.TrailingZeros32(m.times))
		m.last = i == len(row)-1
	}
	return row
}

// part returns the stage of a mix that the instruction needs, from 1 for the first to 3 for the last, or 0 if it fits
// none.
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

// part returns the last stage that the mix uses.
func (m *mix) part() int {
	switch {
	case m.shift != 0:
		return 3
	case m.times != 1 || m.plus != 0:
		return 2
	}
	return 1
}

// take adds an instruction to the end of the mix. It returns false, and changes nothing, if that is not possible.
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
