package kernel

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnswers(t *testing.T) {
	var all Answers
	for _, release := range []string{"7.0", "7.1", "7.2"} {
		text := "no"
		if release == "7.1" {
			text = "yes"
		}
		all.Add(release, text)
	}
	want := Answers{{[]string{"7.0", "7.2"}, "no"}, {[]string{"7.1"}, "yes"}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := all[0].Releases(); got != "7.0, 7.2" {
		t.Errorf("the releases are %q", got)
	}
}
