package uringsim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/uapi"
)

// TestPolicyExamples compiles the policies of all documents, and the functions of docs/policy.md.
func TestPolicyExamples(t *testing.T) {
	found := 0
	compile := func(p *policy.Policy, err error, text string) {
		found++
		if err == nil {
			_, err = p.Compile(policy.Options{})
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
	for _, file := range documents(t) {
		for _, text := range blocks(t, file, "policy") {
			p, err := policy.Parse(file, []byte(text))
			compile(p, err, text)
		}
	}
	for _, text := range blocks(t, "docs/policy.md", "c") {
		p, err := policy.ParseC("docs/policy.md", []byte(text), nil)
		compile(p, err, text)
	}
	if first := blocks(t, "docs/policy.md", "policy")[0]; first != readFile(t, "policy/testdata/docs/server.policy") {
		t.Errorf("the first example is not policy/testdata/docs/server.policy, which is compiled below it:\n%s", first)
	}
	if found < 4 {
		t.Errorf("there are only %d examples", found)
	}
}

// TestPolicyObject fails if docs/policy.md does not speak of a key of the object of containers, all of which its error names.
func TestPolicyObject(t *testing.T) {
	_, err := policy.ParseOCI("object", []byte(`{"defaultAction": "deny", "unknown": 1}`))
	if err == nil {
		t.Fatal("an unknown key passes")
	}
	_, keys, _ := strings.Cut(err.Error(), "; known are ")
	text := readFile(t, "docs/policy.md")
	for _, key := range strings.Split(keys, ", ") {
		if !strings.Contains(text, "\n| `"+key+"` | ") {
			t.Errorf("docs/policy.md does not have the key %q", key)
		}
	}
}

// TestImpactPolicy: the policy that docs/impact.md shows is the one whose impact it shows.
func TestImpactPolicy(t *testing.T) {
	shown := blocks(t, "docs/impact.md", "policy")
	if len(shown) != 1 || shown[0] != readFile(t, "docs/examples/client.policy") {
		t.Errorf("docs/impact.md shows %q, which is not docs/examples/client.policy", shown)
	}
}

// TestPolicyFields keeps the list of fields.
func TestPolicyFields(t *testing.T) {
	var out strings.Builder
	out.WriteString("| field | of | |\n|---|---|---|\n")
	for _, f := range policy.Fields() {
		ops := []string{"all"}
		if f.Ops != nil {
			ops = nil
			for _, op := range f.Ops {
				ops = append(ops, op.String())
			}
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", f.Name, strings.Join(ops, ", "), f.Doc)
	}
	generated(t, "docs/policy.md", "policy-fields", out.String())
}

// TestPolicyPayloads: for the releases on which policies can look at arguments, the model shows them, and for others it
// does not. Each of the two has tables of its own.
func TestPolicyPayloads(t *testing.T) {
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		fields := ""
		for _, f := range policy.Fields() {
			for _, o := range f.Ops {
				if o == op {
					fields = f.Name
				}
			}
		}
		if (fields != "") != (opdef.PayloadFields(op) != nil) {
			t.Errorf("%s: policies have the field %q, the model %v", op, fields, opdef.PayloadFields(op))
		}
		if fields == "" {
			continue
		}
		test := map[string]string{"addr": "addr == ::1"}[fields]
		if test == "" {
			test = fields + " == 1"
		}
		p, err := policy.Parse("p", fmt.Appendf(nil, "default deny\nallow %s if %s", op, test))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range kernel.Measured() {
			plan, err := p.Compile(policy.Options{Kernels: []kernel.Release{k}})
			size := opdef.PDUSize(k, op)
			if (err == nil) != (size != 0) {
				t.Errorf("%s on %s: the model shows %d bytes, the compiler says %v", op, k.Name, size, err)
			}
			if err == nil && plan.Filters[0].PDUSize != size {
				t.Errorf("%s on %s: the model shows %d bytes, the plan states %d", op, k.Name, size, plan.Filters[0].PDUSize)
			}
		}
	}
}
