// Package load reads what decides on requests: programs, policies and plans, in every form in which people keep them.
// All of them become a plan.
package load

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/policy"
	"github.com/uringsim/uringsim/progtext"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Options are what the text itself does not say.
type Options struct {
	Form string   // name of a Form; "" means that the file tells
	Op   *uapi.Op // the opcode that a bare program is for; nil if not known
	Name string   // name of the program in a source with several; "" for the only one

	Kernels []kernel.Release // releases that have to enforce a policy; nil means all that can
}

// Form is a form of programs, policies or plans.
type Form struct {
	Name     string
	Suffixes []string // of the names of files in this form
	Doc      string
	Comments []string // what comments begin with; nil if the form has none

	is     func(text []byte) bool // recognizes a text, in forms that share their suffix with an earlier one
	read   func(file string, text []byte, o Options) (*plan.Plan, error)
	policy func(file string, text []byte, o Options) (*policy.Policy, error) // in place of read, in forms of policies
}

// Forms returns all forms that File reads.
func Forms() []Form { return slices.Clone(forms) }

var forms = append(programs(),
	Form{Name: "plan", Suffixes: []string{".json"}, Doc: "a plan, as uringsim writes it", read: readPlan},
	Form{Name: "policy", Suffixes: []string{".policy"}, Doc: "a policy (docs/policy.md)", Comments: []string{"#"},
		policy: func(file string, text []byte, _ Options) (*policy.Policy, error) { return policy.Parse(file, text) }},
	Form{Name: "oci", Suffixes: []string{".json"},
		Doc: "a linux.ioUring object, alone or in the configuration of a container", is: policy.IsOCI,
		policy: func(file string, text []byte, _ Options) (*policy.Policy, error) { return policy.ParseOCI(file, text) }},
	Form{Name: "function", Suffixes: []string{".c"}, Doc: "a filter function in C, or its body",
		Comments: []string{"//", "/*"}, is: func(text []byte) bool { return policy.IsC(text) && !progtext.IsC(text) },
		policy: func(file string, text []byte, o Options) (*policy.Policy, error) {
			return policy.ParseC(file, text, o.Op)
		}},
)

// maxText is the largest size of a file in bytes.
const maxText = 16 << 20

// File reads a file. Errors say where in the file something is wrong.
func File(file string, o Options) (*plan.Plan, error) {
	text, err := ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Text(file, text, o)
}

// ReadFile returns the text of a file, for Text. It fails if the file is too large.
func ReadFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(file, f)
}

// Read returns the text of an open file, for Text. It fails if the file is too large; the name is for the error.
func Read(file string, in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxText+1))
	if err == nil && len(text) > maxText {
		return nil, &trace.SyntaxError{File: file, Line: 1, Col: 1,
			Msg: fmt.Sprintf("found more than %d bytes, which is too long for a program, policy or plan", maxText)}
	}
	return text, err
}

// Text is like File for a text that was read already.
func Text(file string, text []byte, o Options) (*plan.Plan, error) {
	form, err := formOfText(file, text, o)
	if err != nil {
		return nil, err
	}
	if form.policy == nil {
		return form.read(file, text, o)
	}
	p, err := form.policy(file, text, o)
	if err != nil {
		return nil, err
	}
	return p.Compile(policy.Options{Kernels: o.Kernels})
}

// Policy reads a text in one of the forms of policies without compiling it. It returns nil for other forms.
func Policy(file string, text []byte, o Options) (*policy.Policy, error) {
	form, err := formOfText(file, text, o)
	if err != nil || form.policy == nil {
		return nil, err
	}
	return form.policy(file, text, o)
}

// FormOf returns the form with the name or, if the name is "", the first one with the file's suffix.
func FormOf(name, file string) (*Form, error) {
	var names []string
	for i := range forms {
		f := &forms[i]
		if name == f.Name || name == "" && slices.Contains(f.Suffixes, filepath.Ext(file)) {
			return f, nil
		}
		names = append(names, f.Name)
	}
	what := fmt.Sprintf("%s: the file name does not tell the form", file)
	if name != "" {
		what = fmt.Sprintf("there is no form %q", name)
	}
	return nil, fmt.Errorf("%s; forms are %s", what, strings.Join(names, ", "))
}

// traceHead is how traces begin.
var traceHead = regexp.MustCompile(`^\s*\{\s*"trace"\s*:`)

// formOfText returns the form of a text: the one that the options name, else one with the file's suffix that recognizes
// the text, else the first with the suffix. A trace is only read where the options say so.
func formOfText(file string, text []byte, o Options) (*Form, error) {
	form, err := FormOf(o.Form, file)
	if err != nil || o.Form != "" {
		return form, err
	}
	for i := range forms {
		if f := &forms[i]; f.is != nil && slices.Contains(f.Suffixes, filepath.Ext(file)) && f.is(text) {
			return f, nil
		}
	}
	if traceHead.Match(text) {
		return nil, &trace.SyntaxError{File: file, Line: 1, Col: 1,
			Msg: "found a trace, expected a program, policy or plan; the form trace takes the program that a trace registers"}
	}
	return form, nil
}

func readPlan(file string, text []byte, _ Options) (*plan.Plan, error) { return plan.Read(file, text) }
