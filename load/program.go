package load

import (
	"fmt"

	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/progtext"
)

// programs returns the forms of bare programs.
func programs() []Form {
	var list []Form
	for _, p := range progtext.Forms() {
		read := func(file string, text []byte, o Options) (*plan.Plan, error) {
			prog, err := p.ReadProgram(file, text, progtext.Options{Op: o.Op, Name: o.Name})
			if err != nil {
				return nil, err
			}
			if o.Op == nil {
				return nil, fmt.Errorf("%s: a program alone does not say which opcode it is for", file)
			}
			f := plan.Filter{Op: *o.Op, Insns: prog.Insns}
			for i := range prog.At {
				f.InsnsAt = append(f.InsnsAt, prog.At[i:i+1:i+1])
			}
			return &plan.Plan{Name: file, Filters: []plan.Filter{f}}, nil
		}
		list = append(list, Form{Name: p.Name, Suffixes: p.Suffixes, Doc: p.Doc, Comments: p.Comments, read: read})
	}
	return list
}
