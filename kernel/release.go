// Package kernel knows the releases of Linux that are modelled and what differs between them.
//
// A release is a name and a set of quirks. The model asks for a quirk (k.Has(kernel.RestrictionsLostOnExec)) and never
// compares versions, because distributions carry fixes back: every quirk can be switched alone.
package kernel

import (
	"fmt"
	"slices"
	"strings"
)

// Release is a kernel as far as io_uring's admission goes. It is a small value, to be copied.
type Release struct {
	Name    string // "7.1", or "7.1+restrictions-lost-on-exec" with quirks switched
	Version string // the exact version that was measured, "7.1.13"
	quirks  uint64
}

// Releases are the releases that are modelled, oldest first. d42eb05e60 is the commit that introduced filters, between
// 6.19 and 7.0: a build of it was never measured, it is modelled from its source.
var Releases = []Release{
	release(v619, "6.19.14"),
	release(seed, "commit d42eb05e60"),
	release(v70, "7.0.13"),
	release(v71, "7.1.13"),
	release(v72, "7.2.13"),
	release(v73, "7.3.4"),
}

// The releases by name.
var (
	V6_19      = must(v619)
	D42EB05E60 = must(seed)
	V7_0       = must(v70)
	V7_1       = must(v71)
	V7_2       = must(v72)
	V7_3       = must(v73)
)

// Measured are the releases that were compared with real kernels: all but d42eb05e60.
func Measured() []Release {
	return slices.DeleteFunc(slices.Clone(Releases), func(r Release) bool { return r.Name == seed })
}

func release(name, version string) Release {
	r := Release{Name: name, Version: version}
	for q, row := range Quirks {
		if slices.Contains(row.On, name) {
			r.quirks |= 1 << q
		}
	}
	return r
}

func must(name string) Release {
	r, err := Parse(name)
	if err != nil {
		panic(err)
	}
	return r
}

// Has tells whether the release has the quirk.
func (r Release) Has(q Quirk) bool { return r.quirks&(1<<q) != 0 }

// With is the release with the quirk switched on.
func (r Release) With(q Quirk) Release {
	return r.withQuirks(r.quirks | 1<<q)
}

// Without is the release with the quirk switched off.
func (r Release) Without(q Quirk) Release {
	return r.withQuirks(r.quirks &^ (1 << q))
}

// withQuirks is the release with exactly these quirks, and named so: what it has and its base has not, in the order of
// the table.
func (r Release) withQuirks(quirks uint64) Release {
	var base Release
	if i := slices.IndexFunc(Releases, func(b Release) bool { return b.Name == r.Base() }); i >= 0 {
		base = Releases[i]
	}
	r.Name, r.quirks = base.Name, quirks
	for q := range numQuirks {
		switch {
		case r.Has(q) && !base.Has(q):
			r.Name += "+" + q.String()
		case !r.Has(q) && base.Has(q):
			r.Name += "~" + q.String()
		}
	}
	return r
}

// Quirks lists the release's quirks in the order of the table.
func (r Release) Quirks() []Quirk {
	var qs []Quirk
	for q := range numQuirks {
		if r.Has(q) {
			qs = append(qs, q)
		}
	}
	return qs
}

// Before is the measured release before this one; ok is false for the oldest.
func (r Release) Before() (before Release, ok bool) {
	for _, b := range Releases {
		if b.Name == r.Base() {
			break
		}
		if b.Name != seed {
			before, ok = b, true
		}
	}
	return before, ok
}

// Changes are the quirks that r has and before has not, and those that before has and r has not.
func (r Release) Changes(before Release) (began, ended []Quirk) {
	for q := range numQuirks {
		switch {
		case r.Has(q) && !before.Has(q):
			began = append(began, q)
		case !r.Has(q) && before.Has(q):
			ended = append(ended, q)
		}
	}
	return began, ended
}

// Base is the name without switched quirks.
func (r Release) Base() string {
	if i := strings.IndexAny(r.Name, "+~"); i >= 0 {
		return r.Name[:i]
	}
	return r.Name
}

// String is the name and the exact version.
func (r Release) String() string { return fmt.Sprintf("%s (%s)", r.Name, r.Version) }

// Parse reads a release's name, followed by any number of +QUIRK (switched on) and ~QUIRK (switched off):
// "7.1", "7.1+restrictions-lost-on-exec", "7.2~shared-filters-append-in-place".
func Parse(s string) (Release, error) {
	end := strings.IndexAny(s, "+~")
	if end < 0 {
		end = len(s)
	}
	i := slices.IndexFunc(Releases, func(r Release) bool { return r.Name == s[:end] })
	if i < 0 {
		return Release{}, fmt.Errorf("unknown kernel %q; known are %s", s[:end], Names())
	}
	r := Releases[i]
	for rest := s[end:]; rest != ""; {
		sign := rest[0]
		name := rest[1:]
		if next := strings.IndexAny(name, "+~"); next >= 0 {
			name = name[:next]
		}
		rest = rest[1+len(name):]
		q, ok := ParseQuirk(name)
		if !ok {
			return Release{}, fmt.Errorf("unknown quirk %q in kernel %q", name, s)
		}
		if sign == '+' {
			r = r.With(q)
		} else {
			r = r.Without(q)
		}
	}
	return r, nil
}

// ParseList reads releases with commas between, as Parse reads each: "7.1,7.2~socket-type-unmasked".
func ParseList(s string) ([]Release, error) {
	var all []Release
	for name := range strings.SplitSeq(s, ",") {
		r, err := Parse(name)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Names are the releases' names, joined by commas.
func Names() string {
	var names []string
	for _, r := range Releases {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

// Span says in words which releases have something: "up to 7.1", "from 7.2 on", "only on 7.0", "from 7.0 to 7.2"; "" if
// all have it.
func Span(has func(Release) bool) string {
	var on []string
	first, last := -1, -1
	for i, r := range Releases {
		if has(r) {
			if first < 0 {
				first = i
			}
			last = i
			on = append(on, r.Name)
		}
	}
	switch n := len(on); {
	case n == len(Releases):
		return ""
	case n == 0:
		return "never"
	case last-first != n-1:
		return "on " + strings.Join(on, ", ")
	case first == 0:
		return "up to " + on[n-1]
	case last == len(Releases)-1:
		return "from " + on[0] + " on"
	case n == 1:
		return "only on " + on[0]
	}
	return "from " + on[0] + " to " + on[len(on)-1]
}

// OfVersion is the release that a running kernel of the given version ("7.1.13+deb13-cloud-amd64") is modelled by;
// ok is false for series that are not modelled.
func OfVersion(version string) (r Release, ok bool) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return Release{}, false
	}
	minor := parts[1] // "3-amd64" without a patch level
	minor = minor[:len(minor)-len(strings.TrimLeft(minor, "0123456789"))]
	r, err := Parse(parts[0] + "." + minor)
	return r, err == nil
}

// RegisterLast is one more than the last opcode of io_uring_register(2) (IORING_REGISTER_LAST).
func (r Release) RegisterLast() uint32 {
	if r.Has(NoBPFFilter) {
		return 37
	}
	return 38
}
