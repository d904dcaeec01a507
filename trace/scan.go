package trace

import (
	"encoding/binary"
	"encoding/hex"
	"math"
)

// scan reads the subset of JSON that programs write: no escapes, no characters beyond ASCII, no fractions, no
// exponents. When it meets anything else it becomes bad and reads no further, and the caller reads the text again with
// a full decoder.
type scan struct {
	text []byte
	at   int
	bad  bool
}

// peek returns the next byte that is not white space, or 0 at the end.
func (s *scan) peek() byte {
	if s.at < len(s.text) && s.text[s.at] > ' ' {
		return s.text[s.at]
	}
	return s.skip()
}

// skip skips white space and returns the byte behind it, or 0 at the end.
func (s *scan) skip() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take skips the byte if it comes next, and tells whether it did.
func (s *scan) take(c byte) bool {
	if s.peek() != c || s.bad {
		return false
	}
	s.at++
	return true
}

// want skips the byte, which has to come next.
func (s *scan) want(c byte) {
	if s.at < len(s.text) && s.text[s.at] == c { // as it nearly always is
		s.at++
		return
	}
	s.bad = !s.take(c) || s.bad
}

// more tells whether another element follows in an array or object, and skips the comma before it or else the closing
// byte end. First says that no element was read yet.
func (s *scan) more(first bool, end byte) bool {
	if s.at < len(s.text) && !s.bad { // as it nearly always is
		switch c := s.text[s.at]; {
		case c == ',' && !first:
			s.at++
			return true
		case c == end:
			s.at++
			return false
		case c > ' ' && first:
			return true
		}
	}
	switch {
	case s.take(end), s.bad:
		return false
	case !first:
		s.want(',')
	}
	return !s.bad
}

// ends tells whether the whole text was read and understood.
func (s *scan) ends() bool { return !s.bad && s.peek() == 0 && s.at == len(s.text) }

// plain are the bytes that may stand in strings.
var plain = func() (is [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// str reads a string, and returns it as it stands in the text.
func (s *scan) str() []byte {
	s.want('"')
	if s.bad {
		return nil
	}
	text := s.text[s.at:]
	for i, c := range text {
		if !plain[c] {
			if s.bad = c != '"'; s.bad {
				return nil
			}
			s.at += i + 1
			return text[:i]
		}
	}
	s.bad = true
	return nil
}

// key reads the name of an object's member.
func (s *scan) key() []byte {
	name := s.str()
	s.want(':')
	return name
}

// key is the name of a member as programs write it, with quotes and colon, and also as words for a fast comparison.
type key struct {
	text string
	word [2]uint64 // the first 16 bytes of the text
	mask [2]uint64 // which of these exist
}

// keysOf returns the keys for the names.
func keysOf(names ...string) []key {
	var keys []key
	for _, name := range names {
		k := key{text: `"` + name + `":`}
		var word, mask [16]byte
		copy(word[:], k.text)
		for i := range min(len(k.text), len(mask)) {
			mask[i] = 0xff
		}
		for i := range 2 {
			k.word[i], k.mask[i] = binary.LittleEndian.Uint64(word[8*i:]), binary.LittleEndian.Uint64(mask[8*i:])
		}
		keys = append(keys, k)
	}
	return keys
}

// has skips the key if it comes next, and tells whether it did.
func (s *scan) has(k *key) bool {
	rest := s.text[s.at:]
	if len(k.text) > 16 || len(rest) < 16 {
		if len(rest) < len(k.text) || string(rest[:len(k.text)]) != k.text {
			return false
		}
	} else {
		first, second := binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:])
		if (first^k.word[0])&k.mask[0]|(second^k.word[1])&k.mask[1] != 0 {
			return false
		}
	}
	s.at += len(k.text)
	return true
}

// oneOf reads a key and returns its index in keys. It tries the one at next first.
func (s *scan) oneOf(keys []key, next int) int {
	if next < len(keys) && s.has(&keys[next]) {
		return next
	}
	name := s.key()
	for i := range keys {
		if text := keys[i].text; text[1:len(text)-2] == string(name) {
			return i
		}
	}
	s.bad = true
	return len(keys)
}

// maxDigits is the most decimal digits that always fit into 63 bits.
const maxDigits = 18

// integer reads a whole number.
func (s *scan) integer() int64 {
	negative := s.peek() == '-'
	if negative {
		s.at++
	}
	text, v, n := s.text[s.at:], int64(0), 0
	for n < len(text) && n < maxDigits && text[n]-'0' <= 9 {
		v = v*10 + int64(text[n]-'0')
		n++
	}
	s.at += n
	switch {
	case n == 0, text[0] == '0' && (n > 1 || negative):
		s.bad = true
	case n < len(text) && numeric(text[n]):
		s.bad = true
	case negative:
		return -v
	}
	return v
}

// numeric tells whether the byte can continue a number.
func numeric(c byte) bool { return c-'0' <= 9 || c == '.' || c == 'e' || c == 'E' }

// hexadecimal parses "0x" and up to 16 digits.
func hexadecimal(text []byte) (v uint64, ok bool) {
	if len(text) < 3 || len(text) > 18 || text[0] != '0' || text[1] != 'x' {
		return 0, false
	}
	for _, c := range text[2:] {
		d := hexDigits[c]
		if d > 15 {
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}

// hexDigits are the values of the digits; of other bytes, 255.
var hexDigits = func() (digits [256]byte) {
	for i := range digits {
		digits[i] = 255
	}
	for v := range byte(16) {
		digits["0123456789abcdef"[v]], digits["0123456789ABCDEF"[v]] = v, v
	}
	return digits
}()

// bytes reads a byte string in hexadecimal.
func (s *scan) bytes() Bytes {
	text := s.str()
	b := make(Bytes, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(b, text); err != nil || s.bad {
		s.bad = true
		return nil
	}
	return b
}

// boolean reads true or false.
func (s *scan) boolean() bool {
	v := s.peek() == 't'
	for _, c := range []byte(map[bool]string{true: "true", false: "false"}[v]) {
		if s.at == len(s.text) || s.text[s.at] != c {
			s.bad = true
			return false
		}
		s.at++
	}
	return v
}

// uint32 reads a number of 32 bits that is written in digits.
func (s *scan) uint32() uint32 {
	v := s.integer()
	s.bad = s.bad || v < 0 || v > math.MaxUint32
	return uint32(v)
}

// fit checks that the number fits into so many bits, signed or not; 0 means any number.
func (s *scan) fit(v uint64, bits uint) {
	if bits != 0 && v>>bits != 0 && int64(v)>>(bits-1) != -1 {
		s.bad = true
	}
}
