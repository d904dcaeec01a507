// Package load reads what decides on requests, in every form that people keep it in: programs, policies and plans. All
// of them become a plan.
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
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Options say what the text itself does not.
type Options struct {
	Form string   // a name of Forms; "" goes by the name of the file
	Op   *uapi.Op // the opcode that a bare program is for; nil if it is not known
	Name string   // of the program in a source file with several; "" if there is one

	Kernels []kernel.Release // that are to enforce a policy; nil is all that can
}

// Form is a way to write down a program, a policy or a plan.
type Form struct {
	Name     string
	Suffixes []string
	Doc      string
	Comments []string // what begins a comment; nil in forms that have none
	read     func(file string, text []byte, o Options) (*plan.Plan, error)
}

// Forms are what File reads.
func Forms() []Form { return slices.Clone(forms) }

var forms = append(programs(), []Form{
	{"plan", []string{".json"}, "a plan, as uringsim writes it", nil, readPlan},
	{"policy", []string{".policy"}, "a policy (docs/policy.md)", []string{"#"}, readPolicy("policy")},
	{"oci", []string{".json"}, "a linux.ioUring object, alone or in the configuration of a container", nil,
		readPolicy("oci")},
	{"function", []string{".c"}, "a filter function in C, or its body", []string{"//", "/*"}, readPolicy("function")},
}...)

// maxText is the most bytes of a file.
const maxText = 16 << 20

// File reads a file. Errors say where in the file.
func File(file string, o Options) (*plan.Plan, error) {
	text, err := ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Text(file, text, o)
}

// ReadFile is the text of a file for Text, unless the file is too large.
func ReadFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(file, f)
}

// Read is the text of an open file for Text, unless it is too long; the name is for errors.
func Read(file string, in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxText+1))
	if err == nil && len(text) > maxText {
		return nil, &trace.SyntaxError{File: file, Line: 1, Col: 1,
			Msg: fmt.Sprintf("found more than %d bytes, which is too long for a program, policy or plan", maxText)}
	}
	return text, err
}

// Text is File for a text that was read already.
func Text(file string, text []byte, o Options) (*plan.Plan, error) {
	form, err := formOf(file, o)
	if err != nil {
		return nil, err
	}
	if o.Form == "" {
		if other := formShown(file, text); other != nil {
			form = other
		} else if traceHead.Match(text) {
			return nil, &trace.SyntaxError{File: file, Line: 1, Col: 1,
				Msg: "found a trace, expected a program, policy or plan; the form trace takes the program that a trace registers"}
		}
	}
	return form.read(file, text, o)
}

// FormOf is the form of that name, or if the name is "", the one that the file's suffix tells.
func FormOf(name, file string) (*Form, error) { return formOf(file, Options{Form: name}) }

func formOf(file string, o Options) (*Form, error) {
	var names []string
	for i := range forms {
		f := &forms[i]
		if o.Form == f.Name || o.Form == "" && slices.Contains(f.Suffixes, filepath.Ext(file)) {
			return f, nil
		}
		names = append(names, f.Name)
	}
	what := fmt.Sprintf("%s: the name does not tell its form", file)
	if o.Form != "" {
		what = fmt.Sprintf("there is no form %q", o.Form)
	}
	return nil, fmt.Errorf("%s; forms are %s", what, strings.Join(names, ", "))
}

// traceHead is how traces begin.
var traceHead = regexp.MustCompile(`^\s*\{\s*"trace"\s*:`)

func readPlan(file string, text []byte, _ Options) (*plan.Plan, error) { return plan.Read(file, text) }
