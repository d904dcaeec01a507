package symbolic_test

import (
	"fmt"
	"log"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/load"
	"github.com/uringsim/uringsim/symbolic"
)

// A policy that is rewritten must not allow more than before.
func ExampleCompare() {
	before, err := load.File("../docs/examples/client.json", load.Options{})
	if err != nil {
		log.Fatal(err)
	}
	after, err := load.File("../docs/examples/client-rewritten.json", load.Options{})
	if err != nil {
		log.Fatal(err)
	}
	result, err := symbolic.Compare(after, before, kernel.V7_3)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, proven: %v, never loosens: %v\n", result.Relation, result.Proven, result.NeverLoosens())
	for _, op := range result.Ops {
		if op.OnlyA != nil {
			fmt.Println("it now allows", op.Op, op.OnlyA.Fields)
		}
	}
	// Output:
	// looser, proven: true, never loosens: false
	// it now allows OPENAT2 [{flags O_TRUNC|O_LARGEFILE} {mode 0} {resolve RESOLVE_BENEATH} {sqe_flags IOSQE_ASYNC}]
}
