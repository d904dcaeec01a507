package trace

import "github.com/uringsim/uringsim/uapi"

// word is a string that was read as a number, kept because it is likely to recur. Without a naming it is the name of an
// errno.
type word struct {
	of    naming
	text  string
	value uint64
}

// maxWord is the length of the longest string to keep.
const maxWord = 64

// kept returns the place for a string, which it shares with others of the same hash.
func (q *quick) kept(text []byte) *word {
	n := len(text)
	if n == 0 {
		return &q.words[0]
	}
	sum := 7*n + 5*int(text[0]) + 3*int(text[n/2]) + int(text[n-1])
	return &q.words[sum%len(q.words)]
}

// number reads a number, or a string that gives one in digits or by name.
func (q *quick) number(n naming) uint64 {
	if q.peek() != '"' {
		return uint64(q.integer())
	}
	text := q.str()
	if q.bad {
		return 0
	}
	if v, ok := hexadecimal(text); ok {
		return v
	}
	w := q.kept(text)
	if n.family != nil && w.of == n && w.text == string(text) {
		return w.value
	}
	v, err := n.parse(string(text))
	if q.bad = err != nil; !q.bad && n.family != nil && len(text) <= maxWord {
		*w = word{n, string(text), v}
	}
	return v
}

// ret reads a number, or the name of an errno.
func (q *quick) ret() Ret {
	if q.peek() != '"' {
		return Ret(q.integer())
	}
	text := q.str()
	w := q.kept(text)
	if w.of.family != nil || w.text != string(text) || q.bad || len(text) == 0 {
		e, err := uapi.ParseErrno(string(text))
		if q.bad = q.bad || err != nil; q.bad {
			return 0
		}
		*w = word{naming{}, string(text), uint64(e.Ret())}
	}
	return Ret(w.value)
}
