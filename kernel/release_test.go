package kernel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(rs []Release) []string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Name)
	}
	return out
}

func TestReleases(t *testing.T) {
	if diff := cmp.Diff([]string{"6.19", "d42eb05e60", "7.0", "7.1", "7.2", "7.3"}, names(Releases)); diff != "" {
		t.Errorf("Releases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"6.19", "7.0", "7.1", "7.2", "7.3"}, names(Measured())); diff != "" {
		t.Errorf("Measured: all but the commit that nobody booted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("6.19, d42eb05e60, 7.0, 7.1, 7.2, 7.3", Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
	for _, row := range []struct {
		r       Release
		name    string
		version string
	}{{V6_19, "6.19", "6.19.14"}, {D42EB05E60, "d42eb05e60", "commit d42eb05e60"}, {V7_0, "7.0", "7.0.13"},
		{V7_1, "7.1", "7.1.13"},
		{V7_2, "7.2", "7.2.13"}, {V7_3, "7.3", "7.3.4"}} {
		if row.r.Name != row.name || row.r.Version != row.version || row.r.String() != row.name+" ("+row.version+")" {
			t.Errorf("%s, want %s (%s)", row.r, row.name, row.version)
		}
	}
}

func TestParse(t *testing.T) {
	rows := []struct {
		s    string
		name string // "" for an error
		on   []Quirk
		off  []Quirk
		why  string
	}{
		{"7.1", "7.1", nil, []Quirk{RestrictionsLostOnExec}, "7.1.13 has the fix of 7.1.8"},
		{"7.1+restrictions-lost-on-exec", "7.1+restrictions-lost-on-exec", []Quirk{RestrictionsLostOnExec}, nil,
			"7.1.0 to 7.1.7"},
		{"7.2~shared-filters-append-in-place", "7.2~shared-filters-append-in-place", []Quirk{SocketTypeUnmasked},
			[]Quirk{SharedFiltersAppendInPlace}, "a backport"},
		{"7.3+socket-type-unmasked+no-connect-payload", "7.3+socket-type-unmasked+no-connect-payload",
			[]Quirk{SocketTypeUnmasked, NoConnectPayload}, nil, "several"},
		{"7.3+no-connect-payload+socket-type-unmasked", "7.3+socket-type-unmasked+no-connect-payload", nil, nil,
			"the name has them in the order of the table"},
		{"7.3+socket-type-unmasked~socket-type-unmasked", "7.3", nil, []Quirk{SocketTypeUnmasked}, "there and back"},
		{"7.0+nop-fixed-file-hidden", "7.0", []Quirk{NopFixedFileHidden}, nil, "it has it anyway"},
		{"7.3~nop-fixed-file-hidden", "7.3", nil, []Quirk{NopFixedFileHidden}, "it never had it"},
		{"", "", nil, nil, "no name"}, {"7.4", "", nil, nil, "not modelled"}, {"7", "", nil, nil, ""},
		{"7.1 ", "", nil, nil, "a space"},
		{"7.1+", "", nil, nil, "an empty quirk"}, {"7.1+~", "", nil, nil, ""},
		{"7.1+no-such", "", nil, nil, "an unknown quirk"},
		{"+socket-type-unmasked", "", nil, nil, "a quirk of nothing"}, {"7.1-no-pdu-size", "", nil, nil, "- is no sign"},
	}
	for _, r := range rows {
		got, err := Parse(r.s)
		if (err == nil) != (r.name != "") || got.Name != r.name {
			t.Errorf("Parse(%q) = %q, %v, want %q (%s)", r.s, got.Name, err, r.name, r.why)
		}
		for _, q := range r.on {
			if !got.Has(q) {
				t.Errorf("Parse(%q) lacks %s (%s)", r.s, q, r.why)
			}
		}
		for _, q := range r.off {
			if got.Has(q) {
				t.Errorf("Parse(%q) has %s (%s)", r.s, q, r.why)
			}
		}
	}
}

// TestParseString: a release with any one quirk switched reads back from its name.
func TestParseString(t *testing.T) {
	for _, r := range Releases {
		for q := range numQuirks {
			for _, s := range []Release{r.With(q), r.Without(q)} {
				got, err := Parse(s.Name)
				if err != nil || got != s {
					t.Errorf("Parse(%q) = %v, %v", s.Name, got, err)
				}
				if s.Base() != r.Name || s.Version != r.Version {
					t.Errorf("%s: base %q, version %q, want those of %s", s.Name, s.Base(), s.Version, r)
				}
			}
			if r.With(q).Without(q) != r.Without(q) || r.Without(q).With(q) != r.With(q) {
				t.Errorf("%s: switching %s there and back gives another release", r.Name, q)
			}
			if !r.With(q).Has(q) || r.Without(q).Has(q) {
				t.Errorf("%s: %s does not switch", r.Name, q)
			}
			if diff := len(r.With(q).Quirks()) - len(r.Without(q).Quirks()); diff != 1 {
				t.Errorf("%s: %s switches %d quirks", r.Name, q, diff)
			}
		}
	}
}

func TestParseError(t *testing.T) {
	_, err := Parse("6.18")
	if diff := cmp.Diff(`unknown kernel "6.18"; known are `+Names(), err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = Parse("7.1+sockets")
	if diff := cmp.Diff(`unknown quirk "sockets" in kernel "7.1+sockets"`, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseList(t *testing.T) {
	for text, want := range map[string]string{"7.1": "7.1", "7.2~socket-type-unmasked,7.0": "7.2~socket-type-unmasked 7.0"} {
		all, err := ParseList(text)
		var names []string
		for _, r := range all {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%q is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "7.1,", "7.1, 7.2", "all"} {
		if all, err := ParseList(text); err == nil {
			t.Errorf("%q is %v, want an error", text, all)
		}
	}
}

func TestOfVersion(t *testing.T) {
	rows := []struct {
		version, want, why string
	}{
		{"7.1.13+deb13-cloud-amd64", "7.1", "Debian"}, {"7.0.13-amd64", "7.0", ""}, {"6.19.14", "6.19", "plain"},
		{"7.2.0-rc3", "7.2", "a candidate"}, {"7.3-amd64", "7.3", "without a patch level"}, {"7.3", "7.3", ""},
		{"7.3.4-arch1-1", "7.3", "Arch"}, {"7.3.4_1", "7.3", "Void"},
		{"6.18.9", "", "older than what is modelled"}, {"7.10.1", "", "not 7.1"}, {"7.4.0", "", "newer"},
		{"5.15.0-1-amd64", "", ""},
		{"7", "", "no minor number"}, {"", "", ""}, {"linux", "", ""}, {"17.1.3", "", "not 7.1 either"},
	}
	for _, r := range rows {
		got, ok := OfVersion(r.version)
		if ok != (r.want != "") || ok && got.Name != r.want {
			t.Errorf("OfVersion(%q) = %q, %v, want %q (%s)", r.version, got.Name, ok, r.want, r.why)
		}
	}
}

func TestSpan(t *testing.T) {
	rows := []struct{ on, want string }{
		{"6.19 d42eb05e60 7.0 7.1 7.2 7.3", ""}, {"", "never"}, {"6.19", "up to 6.19"}, {"6.19 d42eb05e60 7.0", "up to 7.0"},
		{"7.3", "from 7.3 on"}, {"7.1 7.2 7.3", "from 7.1 on"}, {"7.0", "only on 7.0"}, {"7.0 7.1 7.2", "from 7.0 to 7.2"},
		{"7.0 7.2", "on 7.0, 7.2"}, {"6.19 7.0", "on 6.19, 7.0"}, {"6.19 7.3", "on 6.19, 7.3"},
		{"6.19 7.0 7.3", "on 6.19, 7.0, 7.3"},
	}
	for _, r := range rows {
		got := Span(func(k Release) bool { return strings.Contains(" "+r.on+" ", " "+k.Name+" ") })
		if got != r.want {
			t.Errorf("Span of {%s} = %q, want %q", r.on, got, r.want)
		}
	}
}

func TestRegisterLast(t *testing.T) {
	for _, r := range Releases {
		want := uint32(38)
		if r.Name == "6.19" { // before IORING_REGISTER_BPF_FILTER
			want = 37
		}
		if got := r.RegisterLast(); got != want {
			t.Errorf("%s: %d, want %d", r.Name, got, want)
		}
	}
}

// TestNamesWithoutSigns: + and ~ switch quirks, so that no name may have them.
func TestNamesWithoutSigns(t *testing.T) {
	for _, r := range Releases {
		if strings.ContainsAny(r.Name, "+~") || r.Base() != r.Name {
			t.Errorf("release %q", r.Name)
		}
	}
	for _, row := range Quirks {
		if strings.ContainsAny(row.Name, "+~ ") {
			t.Errorf("quirk %q", row.Name)
		}
	}
}

func TestChanges(t *testing.T) {
	rows := []struct{ name, before, why string }{
		{"6.19", "", "the oldest"}, {"d42eb05e60", "6.19", ""}, {"7.0", "6.19", "nobody ran the commit between them"},
		{"7.1", "7.0", ""}, {"7.2", "7.1", ""}, {"7.3", "7.2", ""}, {"7.3+socket-type-unmasked", "7.2", "the base counts"},
	}
	for _, row := range rows {
		r := must(row.name)
		before, ok := r.Before()
		if before.Name != row.before || ok != (row.before != "") {
			t.Errorf("%s is after %q, want %q (%s)", row.name, before.Name, row.before, row.why)
		}
		k := before
		began, ended := r.Changes(before)
		for _, q := range began {
			k = k.With(q)
		}
		for _, q := range ended {
			k = k.Without(q)
		}
		if k.quirks != r.quirks {
			t.Errorf("%s with what %s changes is %s", before.Name, r.Name, k.Name)
		}
	}
	began, ended := V7_1.Changes(V7_0)
	want := []Quirk{RestrictionsLostOnExec, NopFixedFileHidden, NoTimeoutImmediateArg, CancelOpUnchecked,
		NoZCNotifUserData, NoZCVectorizedFixedBuf, NoZCRXNoDev, ZCRXFlagsAfterRegion}
	if began != nil || !cmp.Equal(want, ended) {
		t.Errorf("7.1 began %v and ended %v, want only the end of %v", began, ended, want)
	}
}
