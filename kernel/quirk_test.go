package kernel

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	whereForm = regexp.MustCompile(`^[a-z_]+(/[a-z_-]+)+\.[ch]:[a-z_0-9]+(\[[A-Z_0-9]+\])?$`)
	nameForm  = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

// TestQuirkRows: a row says what it is, where it is, why it matters and who has it.
func TestQuirkRows(t *testing.T) {
	seen := map[string]bool{}
	known := names(Releases)
	for q, row := range Quirks {
		if !nameForm.MatchString(row.Name) || seen[row.Name] {
			t.Errorf("quirk %d: name %q must be words-with-hyphens and its own", q, row.Name)
		}
		seen[row.Name] = true
		if !whereForm.MatchString(row.Where) {
			t.Errorf("%s: %q is not file:function", row.Name, row.Where)
		}
		for _, text := range []string{row.What, row.Else, row.Why} {
			if text == "" || strings.HasSuffix(text, ".") {
				t.Errorf("%s: What, Else and Why must be there, without a full stop: %q", row.Name, text)
			}
		}
		if len(row.On) == 0 || len(row.On) == len(Releases) {
			t.Errorf("%s is on %v: no difference between releases", row.Name, row.On)
		}
		if !slices.IsSortedFunc(row.On, func(a, b string) int { return slices.Index(known, a) - slices.Index(known, b) }) {
			t.Errorf("%s: %v are not in order of age", row.Name, row.On)
		}
		for _, on := range row.On {
			if !slices.Contains(known, on) {
				t.Errorf("%s: there is no release %q", row.Name, on)
			}
		}
		if got, ok := ParseQuirk(row.Name); !ok || got != Quirk(q) || got.String() != row.Name {
			t.Errorf("ParseQuirk(%q) = %v, %v", row.Name, got, ok)
		}
	}
	if q, ok := ParseQuirk("no-such-quirk"); ok {
		t.Errorf("there is no such quirk, got %s", q)
	}
	if numQuirks > 64 {
		t.Errorf("%d quirks do not fit in 64 bits", numQuirks)
	}
}

// quirkReleases are the rows of TestQuirkReleases.
var quirkReleases = map[Quirk]string{ //          6.19, d42eb05e60, 7.0, 7.1, 7.2, 7.3
	NoBPFFilter:                    "x-----",
	NoTaskRestrictions:             "xx----",
	NoPDUSize:                      "-x----",
	NoFilterPayload:                "-x----",
	SingleRestrictionSwitch:        "x-----",
	FailedRestrictionsDropFilters:  "-x----",
	RestrictionsLostOnExec:         "--x---",
	DisabledRingIgnoresInherited:   "-xxx--",
	BlindOpsUnrestricted:           "xxxxx-",
	SharedFiltersAppendInPlace:     "--xxx-",
	SocketTypeUnmasked:             "--xxx-",
	NoConnectPayload:               "-xxx--",
	NopFixedFileHidden:             "xxx---",
	NopErrorsHidden:                "x-----",
	OpenFlagsWithoutEmptyPath:      "xxxx--",
	NoSQRewind:                     "x-----",
	TimeoutIgnoresPad:              "x-----",
	NoTimeoutImmediateArg:          "xxx---",
	CancelOpUnchecked:              "xxx---",
	NoSendRecvFixedBuf:             "xxxx--",
	NegativeSelectedIovec:          "xxxxx-",
	RecvPollFirstBeforeSocketCheck: "xxxx--",
	UnlinkIgnoresPad:               "xxxx--",
	NoZCNotifUserData:              "xxx---",
	NoZCVectorizedFixedBuf:         "xxx---",
	MsgRingPassesCQE32:             "xxxx--",
	BufferLimit1G:                  "xxxx--",
	BufferGroup65535:               "xxxx--",
	NoPBufMinLeft:                  "xx----",
	NAPITimeUncapped:               "xx----",
	ResizeIgnoresSQArray:           "xxxx--",
	ResizeTearsBigEntries:          "xxxxx-",
	ResizeStopsAtWrap:              "xxxxx-",
	ResizeMixesUpSQE128:            "xx----",
	QueryAnySize:                   "xxxx--",
	NoZCRXNoDev:                    "xxx---",
	NoZCRXPageSize:                 "xx----",
	NoZCRXEvents:                   "xxxx--",
	NoZCRXAddArea:                  "xxxxx-",
	SmallZCRXHeader:                "xxxxx-",
	ZCRXFlagsAfterRegion:           "xxx---",
	ZCRXTokenAfterDevice:           "xxxxx-",
	SQPollCapSplits128:             "xxxxx-",
	DrainEndsAtSubmit:              "xxxxx-",
	NoQueryZCRXEvent:               "xxxx--",
	TaskWorkInBatches:              "xxxx--",
	CQECacheOutlivesOverflow:       "xxxxx-",
	BigCQEPadsAnyRing:              "xxxxx-",
	AuxCQEKeepsBig:                 "xxxxx-",
	WaitSpinsOnOverflow:            "xxxxx-",
	CancelledTimeoutsCount:         "xxxxx-",
	TimeoutUpdateUnlimits:          "xxxxx-",
	TimeoutSequenceFallsBack:       "xxxxx-",
}

// TestQuirkReleases repeats, per quirk, which releases behave so, oldest first; the columns are those of Releases.
func TestQuirkReleases(t *testing.T) {
	got := map[Quirk]string{}
	for q := range numQuirks {
		for _, r := range Releases {
			if r.Has(q) {
				got[q] += "x"
			} else {
				got[q] += "-"
			}
		}
	}
	if diff := cmp.Diff(quirkReleases, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
