package live_test

import (
	"testing"

	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/internal/live/livetest"
	"github.com/uringsim/uringsim/uapi"
)

// newFlags are not in every kernel that developers run.
const newFlags = uapi.IORING_SETUP_CQE_MIXED | uapi.IORING_SETUP_SQE_MIXED

// TestHere runs the scenario on the kernel that runs this test, where it allows io_uring.
func TestHere(t *testing.T) {
	filters, err := live.HasFilters()
	if err != nil {
		t.Skip(err)
	}
	for _, step := range livetest.Scenario(live.Options{}, newFlags) {
		t.Log(step)
		if err := step.Check(filters); err != nil {
			t.Error(err)
		}
	}
}
