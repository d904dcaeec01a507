// Package srcpos turns offsets in a text into lines and columns, for messages.
package srcpos

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// Pos is a place in a text: line and column, from 1. Columns count bytes. The zero Pos is no place.
type Pos struct{ Line, Col int }

// String returns "line:column".
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Col) }

// Compare orders places by line and column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}

// Of returns the place of a byte. An offset beyond the end counts as the end.
func Of(text []byte, off int) Pos {
	before := text[:min(off, len(text))]
	return Pos{1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')}
}

// Lines are the offsets of the lines of a text. Finding many places is faster with it.
type Lines []int

// LinesOf finds the lines of a text.
func LinesOf(text []byte) Lines {
	lines := Lines{0}
	for {
		last := lines[len(lines)-1]
		n := bytes.IndexByte(text[last:], '\n')
		if n < 0 {
			return lines
		}
		lines = append(lines, last+n+1)
	}
}

// Pos returns the place of a byte.
func (l Lines) Pos(off int) Pos {
	i, _ := slices.BinarySearch(l, off+1) // the number of lines that begin at off or before
	return Pos{i, off - l[i-1] + 1}
}
