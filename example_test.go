package uringsim_test

import (
	"fmt"
	"log"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// A filter is tested by a trace that submits what it is to deny, on each kernel that it is to run on.
func Example() {
	t, err := trace.ReadFile("testdata/kernel/exec-after-setup.json")
	if err != nil {
		log.Fatal(err)
	}
	for _, release := range kernel.Measured() {
		player := trace.NewPlayer(sim.New(release), release.Name)
		for i := range t.Events {
			outcome, err := player.Play(&t.Events[i])
			if err != nil {
				log.Fatal(err)
			}
			for _, request := range outcome.Requests {
				if request.Why == nil {
					fmt.Printf("%s: %s %d is allowed\n", release.Name, request.Opcode, request.UserData)
				}
			}
		}
	}
	// Output:
	// 6.19: NOP 1 is allowed
	// 6.19: NOP 2 is allowed
	// 7.0: NOP 2 is allowed
}
