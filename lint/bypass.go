package lint

import (
	"github.com/uringsim/uringsim/kernel"
)

// bypasses are the quirks by which a plan is got round, or reaches further than it says.
var bypasses = []struct {
	quirk    kernel.Quirk
	severity Severity
	relies   func(*subject) bool // the plan needs a kernel without it
	advice   string
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

// restricts tells whether there is anything in the plan.
func (s *subject) restricts() bool { return s.plan.Restrictions != nil || len(s.plan.Filters) > 0 }

// knownBypass names the quirks of the release that the plan cannot do with.
func knownBypass(s *subject) {
	for _, b := range bypasses {
		if s.on.Has(b.quirk) && b.relies(s) {
			row := kernel.Quirks[b.quirk]
			s.about("%s: %s (quirk %s): %s", row.What, row.Why, row.Name, b.advice).Severity = b.severity
		}
	}
}
