package symbolic

// word is the content of a register or of a word of memory: a function for each bit, the lowest first.
type word [32]function

func constant(k uint32) (w word) {
	for i := range w {
		w[i] = function(k >> i & 1)
	}
	return w
}

// combine combines two words bit by bit.
func combine(a, b word, op func(f, g function) function) (w word) {
	for i := range w {
		w[i] = op(a[i], b[i])
	}
	return w
}

// chooseWord returns the word that is a if f holds, and b otherwise.
func (d *diagram) chooseWord(f function, a, b word) word {
	return combine(a, b, func(x, y function) function { return d.choose(f, x, y) })
}

// addCarry returns a + b + carry, modulo 1<<32.
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

// mul adds a shifted left for each bit of b. It is fastest if b is constant.
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

// variables returns the variables that a word depends on.
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

// div returns a / b for b other than 0, by long division.
func (d *diagram) div(a, b word) (quotient word) {
	var rest word
	for i := len(a) - 1; i >= 0; i-- {
		top := rest[31] // the rest has 33 bits for a moment
		rest = shifted(rest, 1)
		rest[0] = a[i]
		fits := d.or(top, d.not(d.greater(b, rest)))
		quotient[i] = fits
		rest = d.chooseWord(fits, d.sub(rest, b), rest)
	}
	return quotient
}

// shifted returns a shifted left by n bits, or right by -n.
func shifted(a word, n int) (w word) {
	for i := range w {
		if from := i - n; from >= 0 && from < len(a) {
			w[i] = a[from]
		}
	}
	return w
}

// shift shifts a by the low five bits of n: left if sign is 1, right if it is -1.
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

// notZero holds if a is not 0.
func (d *diagram) notZero(a word) function {
	any := never
	for _, f := range a {
		any = d.or(any, f)
	}
	return any
}
