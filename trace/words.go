package trace

import "github.com/uringsim/uringsim/uapi"

// word is how a number was written, which comes again. Without a naming it is the name of an errno.
type word struct {
	of    naming
	text  string
	value uint64
}

// maxWord is how long words are that are kept.
const maxWord = 64

// kept is where a word is kept, or another with the same sum of some letters.
func (q *quick) kept(text []byte) *word {
	n := len(text)
	if n == 0 {
		return &q.words[0]
	}
	sum := 7*n + 5*int(text[0]) + 3*int(text[n/2]) + int(text[n-1])
	return &q.words[sum%len(q.words)]
}

// number is a number, or a string that says one in digits or in words.
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

// ret is a number, or the name of an errno.
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
