package lint

import (
	"github.com/uringsim/uringsim/kernel"
)

// bypasses are the quirks because of which a plan can be bypassed, or restricts more than it says.
var bypasses = []struct {
	quirk    kernel.Quirk
	severity Severity
	relies   func(*subject) bool // whether the plan needs a kernel without the quirk
	// completes the message
	advice string
}{
	{kernel.RestrictionsLostOnExec, Warning, (*subject).restricts,
		"deny execve to the sandboxed program by other means, or demand the fix"},
	{kernel.DisabledRingIgnoresInherited, Warning, func(s *subject) bool { return s.list().calls },
		"do not count on the list for rings that are made disabled, or demand 7.2"},
	{kernel.BlindOpsUnrestricted, Warning, func(s *subject) bool { return s.list().calls },
		"do not count on the list for SEND_MSG_RING and QUERY, or demand 7.3"},
	{kernel.SharedFiltersAppendInPlace, Note, func(s *subject) bool { return len(s.plan.Filters) > 1 },
		"register all of it before a child or a ring is made"},
}

// restricts tells whether the plan restricts anything.
func (s *subject) restricts() bool { return s.plan.Restrictions != nil || len(s.plan.Filters) > 0 }

// knownBypass finds quirks of the release that the plan relies on being absent.
func knownBypass(s *subject) {
	for _, b := range bypasses {
		if s.on.Has(b.quirk) && b.relies(s) {
			row := kernel.Quirks[b.quirk]
			s.about("%s: %s (quirk %s): %s", row.What, row.Why, row.Name, b.advice).Severity = b.severity
		}
	}
}
