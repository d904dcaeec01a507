package load

import (
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
)

func readPolicy(file string, text []byte, o Options) (*plan.Plan, error) {
	p, err := policy.Parse(file, text)
	return compiled(p, err, o)
}

// compiled is the plan of a policy that was read.
func compiled(p *policy.Policy, err error, o Options) (*plan.Plan, error) {
	if err != nil {
		return nil, err
	}
	return p.Compile(policy.Options{Kernels: o.Kernels})
}
