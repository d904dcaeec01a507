package load

import (
	"path/filepath"
	"slices"

	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/progtext"
)

// shown are forms that share their suffix with others, and how a text shows that it is of them.
var shown = []struct {
	form string
	is   func(text []byte) bool
}{
	{"oci", policy.IsOCI},
	{"function", func(text []byte) bool { return policy.IsC(text) && !progtext.IsC(text) }},
}

// formShown is the form that the text itself shows to be of; nil if it shows none.
func formShown(file string, text []byte) *Form {
	for _, s := range shown {
		for i := range forms {
			if f := &forms[i]; f.Name == s.form && slices.Contains(f.Suffixes, filepath.Ext(file)) && s.is(text) {
				return f
			}
		}
	}
	return nil
}

// policies read the forms of policies.
var policies = map[string]func(file string, text []byte, o Options) (*policy.Policy, error){
	"policy": func(file string, text []byte, _ Options) (*policy.Policy, error) { return policy.Parse(file, text) },
	"oci":    func(file string, text []byte, _ Options) (*policy.Policy, error) { return policy.ParseOCI(file, text) },
	"function": func(file string, text []byte, o Options) (*policy.Policy, error) {
		return policy.ParseC(file, text, o.Op)
	},
}

// readPolicy reads one of the forms of policies, and compiles it.
func readPolicy(form string) func(string, []byte, Options) (*plan.Plan, error) {
	return func(file string, text []byte, o Options) (*plan.Plan, error) {
		p, err := policies[form](file, text, o)
		if err != nil {
			return nil, err
		}
		return p.Compile(policy.Options{Kernels: o.Kernels})
	}
}

// Policy reads a text in one of the forms of policies, and does not compile it. It is nil for texts in other forms.
func Policy(file string, text []byte, o Options) (*policy.Policy, error) {
	form, err := formOf(file, o)
	if err != nil {
		return nil, err
	}
	if other := formShown(file, text); other != nil && o.Form == "" {
		form = other
	}
	if policies[form.Name] == nil {
		return nil, nil
	}
	return policies[form.Name](file, text, o)
}
