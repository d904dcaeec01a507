package symbolic

// word is a register or a word of memory: a function for each of its bits, the lowest first.
type word [32]function

func constant(k uint32) (w word) {
	for i := range w {
		w[i] = function(k >> i & 1)
	}
	return w
}

// combine makes a word of two bit by bit.
func combine(a, b word, op func(f, g function) function) (w word) {
	for i := range w {
		w[i] = op(a[i], b[i])
	}
	return w
}

// chooseWord is a where f holds, and b elsewhere.
func (d *diagram) chooseWord(f function, a, b word) word {
	return combine(a, b, func(x, y function) function { return d.choose(f, x, y) })
}

// addCarry is a + b + carry, modulo 1<<32.
func (d *diagram) addCarry(a, b word, carry function) (sum word) {
	for i := range sum {
		half := d.xor(a[i], b[i])
		sum[i] = d.xor(half, carry)
		carry = d.choose(half, carry, a[i])
	}
	return sum
}

func (d *diagram) add(a, b word) word { return d.addCarry(a, b, never) }

func (d *diagram) sub(a, b word) word {
	return d.addCarry(a, combine(b, b, func(f, _ function) function { return d.not(f) }), always)
}

// mul adds up a for each bit of b; a constant is best as b.
func (d *diagram) mul(a, b word) (product word) {
	for i, bit := range b {
		if bit == never {
			continue
		}
		part := shifted(a, i)
		product = d.add(product, combine(part, part, func(f, _ function) function { return d.and(bit, f) }))
	}
	return product
}

// variables are those on which a word depends.
func (d *diagram) variables(w word) map[int32]bool {
	found, seen := map[int32]bool{}, map[function]bool{never: true, always: true}
	var visit func(f function)
	visit = func(f function) {
		if seen[f] {
			return
		}
		d.step()
		seen[f] = true
		n := d.nodes[f]
		found[n.variable] = true
		visit(n.no)
		visit(n.yes)
	}
	for _, f := range w {
		visit(f)
	}
	return found
}

// div is a / b where b is not 0: long division, the highest bit first.
func (d *diagram) div(a, b word) (quotient word) {
	var rest word
	for i := len(a) - 1; i >= 0; i-- {
		top := rest[31] // the rest may have 33 bits for a moment
		rest = shifted(rest, 1)
		rest[0] = a[i]
		fits := d.or(top, d.not(d.greater(b, rest)))
		quotient[i] = fits
		rest = d.chooseWord(fits, d.sub(rest, b), rest)
	}
	return quotient
}

// shifted is a shifted left by n bits, or right by -n.
func shifted(a word, n int) (w word) {
	for i := range w {
		if from := i - n; from >= 0 && from < len(a) {
			w[i] = a[from]
		}
	}
	return w
}

// shift shifts a by the low five bits of n, left if sign is 1 and right if it is -1.
func (d *diagram) shift(a, n word, sign int) word {
	for i := range 5 {
		a = d.chooseWord(n[i], shifted(a, sign<<i), a)
	}
	return a
}

func (d *diagram) equal(a, b word) function {
	same := always
	for i := range a {
		same = d.and(same, d.not(d.xor(a[i], b[i])))
	}
	return same
}

func (d *diagram) greater(a, b word) function {
	greater := never
	for i := range a {
		greater = d.choose(d.xor(a[i], b[i]), a[i], greater)
	}
	return greater
}

// notZero holds where a is not 0.
func (d *diagram) notZero(a word) function {
	any := never
	for _, f := range a {
		any = d.or(any, f)
	}
	return any
}
