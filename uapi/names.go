package uapi

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Row is one constant of a family.
type Row struct {
	Name  string // the full C name
	Value uint64
}

// Family maps the constants of one kind to their C names and back.
type Family struct {
	Prefix string
	Rows   []Row // in ascending order of Value
	byName map[string]uint64
	byNum  map[uint64]string // short names
}

func newFamily(prefix string, rows ...Row) *Family {
	f := &Family{Prefix: prefix, Rows: rows, byName: map[string]uint64{}, byNum: map[uint64]string{}}
	slices.SortStableFunc(f.Rows, func(a, b Row) int { return cmp.Compare(a.Value, b.Value) })
	for _, r := range f.Rows {
		short := f.short(r.Name)
		f.byName[r.Name], f.byName[short], f.byName[strings.TrimPrefix(r.Name, "IORING_")] = r.Value, r.Value, r.Value
		if _, taken := f.byNum[r.Value]; !taken {
			f.byNum[r.Value] = short
		}
	}
	return f
}

// short returns the short name: without the family's prefix or, if it does not have that or would begin with a digit
// (IORING_CQE_F_32), without IORING_.
func (f *Family) short(name string) string {
	if s, ok := strings.CutPrefix(name, f.Prefix); ok && (s[0] < '0' || s[0] > '9') {
		return s
	}
	return strings.TrimPrefix(name, "IORING_")
}

// Name returns the short name of v.
func (f *Family) Name(v uint64) (name string, ok bool) {
	name, ok = f.byNum[v]
	return name, ok
}

// Format returns the short name of v, or v in decimal if it has none.
func (f *Family) Format(v uint64) string {
	if s, ok := f.byNum[v]; ok {
		return s
	}
	return strconv.FormatUint(v, 10)
}

// FormatFlags returns v as short names joined by "|". Bits without a name come last, in hexadecimal. No bits are "0".
func (f *Family) FormatFlags(v uint64) string {
	var parts []string
	for _, r := range slices.Backward(f.Rows) { // largest first: SOCK_RAW is 3 and includes SOCK_STREAM, 1
		if r.Value != 0 && v&r.Value == r.Value {
			parts = append(parts, f.short(r.Name))
			v &^= r.Value
		}
	}
	slices.Reverse(parts)
	if v != 0 {
		parts = append(parts, fmt.Sprintf("%#x", v))
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, "|")
}

// Parse parses a full name, with or without IORING_, a short name, or a number in Go syntax.
func (f *Family) Parse(s string) (uint64, error) {
	if v, ok := f.byName[s]; ok {
		return v, nil
	}
	if v, err := strconv.ParseUint(s, 0, 64); err == nil {
		return v, nil
	}
	return 0, fmt.Errorf("found %q, expected a number or a name such as %s%s", s, f.Prefix, f.short(f.Rows[len(f.Rows)-1].Name))
}

// ParseFlags parses names or numbers joined by "|".
func (f *Family) ParseFlags(s string) (uint64, error) {
	var v uint64
	for part := range strings.SplitSeq(s, "|") {
		bit, err := f.Parse(strings.TrimSpace(part))
		if err != nil {
			return 0, err
		}
		v |= bit
	}
	return v, nil
}
