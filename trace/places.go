package trace

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/srcpos"
)

// Places are where the members and elements of a JSON document begin, by their JSON pointers: those whose pointer
// begins with under. The document is one that was read without an error.
func Places(text []byte, under string) map[string]srcpos.Pos {
	places, lines := map[string]srcpos.Pos{}, srcpos.LinesOf(text)
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		off := int(dec.InputOffset())
		if _, err := dec.ReadToken(); err != nil {
			return places
		}
		pointer := string(dec.StackPointer())
		if _, known := places[pointer]; known || !strings.HasPrefix(pointer, under) {
			continue // the value of a member, or the end of what began before
		}
		off += len(text[off:]) - len(bytes.TrimLeft(text[off:], " \t\r\n,:"))
		places[pointer] = lines.Pos(off)
	}
}
