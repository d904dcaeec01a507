// Package srcpos is about places in the texts that people write.
package srcpos

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// Pos is a place in a text: line and column, from 1; columns are bytes. The zero Pos is none.
type Pos struct{ Line, Col int }

// String is line:column.
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Col) }

// Compare orders places as they stand in the text.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}

// Of is the place of a byte; what is beyond the end is at the end.
func Of(text []byte, off int) Pos {
	before := text[:min(off, len(text))]
	return Pos{1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')}
}

// Lines are the offsets at which the lines of a text begin, for texts in which many places are asked for.
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

// Pos is the place of a byte.
func (l Lines) Pos(off int) Pos {
	i, _ := slices.BinarySearch(l, off+1) // lines that begin up to there
	return Pos{i, off - l[i-1] + 1}
}
