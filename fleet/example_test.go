package fleet_test

import (
	"fmt"
	"os"

	"github.com/uringsim/uringsim/fleet"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
)

// A policy is on trial on two traces, whose results are added up.
func Example() {
	policy, err := load.File("../docs/examples/fleet/web.policy", load.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	none, err := fleet.Trials(policy, "web.policy", kernel.V7_3)
	if err != nil {
		fmt.Println(err)
		return
	}
	sum := fleet.Empty("my tool v1")
	for _, file := range []string{"../docs/examples/fleet/api-1.json", "../docs/examples/fleet/api-2.jsonl"} {
		one := fleet.NewOne(none, file)
		if in, err := trace.OpenFile(file); err != nil {
			one.Fail(err)
		} else {
			one.Header(&in.Header)
			report := trial.NewReport(policy, kernel.V7_3)
			if err := report.Play(file, in); err != nil {
				one.Fail(err)
			}
			one.Trial(report, 0)
			_ = in.Close() // which was only read
		}
		if err := sum.AddResult(&one.Result); err != nil {
			fmt.Println(err)
			return
		}
	}
	sum.Text(os.Stdout, true)
	// Output: web.policy on 7.3: breaks 1 of 2 traces: 2 of 7 requests denied, 1 cancelled with them, 0 register calls refused
}
