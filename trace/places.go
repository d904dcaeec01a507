package trace

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/srcpos"
)

// Place is where a value of a JSON document begins, and where the values within it do. The place of a member is that of
// its name.
type Place struct {
	srcpos.Pos
	Members  map[string]Place
	Elements []Place
}

// Places returns the places of all values of a JSON document, which must be valid, or of those within the value that
// path leads to. The path consists of names of members and indices of elements; the Place is zero if it leads nowhere.
func Places(text []byte, path ...string) Place {
	r := placeReader{text, srcpos.LinesOf(text), jsontext.NewDecoder(bytes.NewReader(text))}
	return r.value(r.next(), path)
}

type placeReader struct {
	text  []byte
	lines srcpos.Lines
	dec   *jsontext.Decoder
}

// next returns the position of the next name or value.
func (r *placeReader) next() srcpos.Pos {
	rest := r.text[r.dec.InputOffset():]
	return r.lines.Pos(len(r.text) - len(bytes.TrimLeft(rest, " \t\r\n,:")))
}

// value reads the next value, and returns its place or that of what path leads to in it.
func (r *placeReader) value(at srcpos.Pos, path []string) (found Place) {
	all := len(path) == 0
	if all {
		found.Pos = at
	}
	kind := r.dec.PeekKind()
	if kind != '{' && kind != '[' {
		_ = r.dec.SkipValue()
		return found
	}
	_, _ = r.dec.ReadToken()
	for i := 0; r.more(); i++ {
		at, key := r.next(), ""
		if kind == '{' {
			name, _ := r.dec.ReadToken()
			key = name.String()
		} else if !all {
			key = strconv.Itoa(i)
		}
		switch {
		case !all && key == path[0]:
			found = r.value(at, path[1:])
		case !all:
			_ = r.dec.SkipValue()
		case kind == '[':
			found.Elements = append(found.Elements, r.value(at, nil))
		default:
			if found.Members == nil {
				found.Members = map[string]Place{}
			}
			found.Members[key] = r.value(at, nil)
		}
	}
	return found
}

// more tells whether the object or array has more elements, and reads its end if not.
func (r *placeReader) more() bool {
	switch r.dec.PeekKind() {
	case '}', ']':
		_, _ = r.dec.ReadToken()
		return false
	case 0:
		return false
	}
	return true
}
