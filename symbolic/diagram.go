package symbolic

// Limit is the number of steps for one opcode after which it is given up: about a second of work and 200 megabytes. Two
// allow lists of 4096 instructions, the longest programs there are, take less than half of it.
const Limit = 1 << 22

// function is a Boolean function of the variables of a diagram, given by the node at which its decisions begin.
type function int32

// The constant functions.
const (
	never  function = 0
	always function = 1
)

// node decides by a variable which function to go on with. Variables are decided in ascending order.
type node struct {
	variable int32
	no, yes  function
}

// noVariable is the variable of the constants, behind all others.
const noVariable = 1 << 30

// diagram is a reduced ordered binary decision diagram: equal functions have equal numbers.
type diagram struct {
	nodes []node
	known map[node]function
	done  map[[3]function]function // results of choose
	left  int                      // steps until it gives up
}

// gaveUp is the panic of a diagram that has no steps left. It does not leave this package.
type gaveUp struct{}

func newDiagram(limit int) *diagram {
	return &diagram{
		nodes: []node{{variable: noVariable}, {variable: noVariable}},
		known: map[node]function{}, done: map[[3]function]function{}, left: limit,
	}
}

// within runs f, and tells whether it ended before the diagram gave up.
func within(f func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, gave := r.(gaveUp); !gave {
				panic(r)
			}
		}
	}()
	f()
	return true
}

// step counts a step.
func (d *diagram) step() {
	if d.left--; d.left < 0 {
		panic(gaveUp{})
	}
}

// variable returns the function that is the variable itself.
func (d *diagram) variable(v int) function { return d.node(int32(v), never, always) }

func (d *diagram) node(v int32, no, yes function) function {
	if no == yes {
		return no
	}
	n := node{v, no, yes}
	f, ok := d.known[n]
	if !ok {
		d.step()
		f = function(len(d.nodes))
		d.nodes = append(d.nodes, n)
		d.known[n] = f
	}
	return f
}

// choose returns the function that is yes if f holds, and no otherwise.
func (d *diagram) choose(f, yes, no function) function {
	switch {
	case f == always || yes == no:
		return yes
	case f == never:
		return no
	case yes == always && no == never:
		return f
	}
	key := [3]function{f, yes, no}
	if r, ok := d.done[key]; ok {
		return r
	}
	d.step()
	v := min(d.nodes[f].variable, d.nodes[yes].variable, d.nodes[no].variable)
	f0, f1 := d.split(f, v)
	yes0, yes1 := d.split(yes, v)
	no0, no1 := d.split(no, v)
	r := d.node(v, d.choose(f0, yes0, no0), d.choose(f1, yes1, no1))
	d.done[key] = r
	return r
}

// split returns f with the variable set to 0, and with it set to 1. F must not decide an earlier variable.
func (d *diagram) split(f function, v int32) (no, yes function) {
	if n := d.nodes[f]; n.variable == v {
		return n.no, n.yes
	}
	return f, f
}

func (d *diagram) and(f, g function) function     { return d.choose(f, g, never) }
func (d *diagram) or(f, g function) function      { return d.choose(f, always, g) }
func (d *diagram) not(f function) function        { return d.choose(f, never, always) }
func (d *diagram) xor(f, g function) function     { return d.choose(f, d.not(g), g) }
func (d *diagram) implies(f, g function) function { return d.choose(f, g, always) }
func (d *diagram) minus(f, g function) function   { return d.choose(g, never, f) }

// simplify returns a function that equals f wherever care holds, and is simpler than f if possible.
func (d *diagram) simplify(f, care function) function {
	done := map[[2]function]function{}
	var simple func(f, care function) function
	simple = func(f, care function) function {
		if care == always || f <= always {
			return f
		}
		key := [2]function{f, care}
		if r, ok := done[key]; ok {
			return r
		}
		d.step()
		v := min(d.nodes[f].variable, d.nodes[care].variable)
		f0, f1 := d.split(f, v)
		care0, care1 := d.split(care, v)
		var r function
		switch {
		case care0 == never:
			r = simple(f1, care1)
		case care1 == never:
			r = simple(f0, care0)
		case f0 == f1: // f does not depend on this variable, and should not begin to
			r = simple(f, d.or(care0, care1))
		default:
			r = d.node(v, simple(f0, care0), simple(f1, care1))
		}
		done[key] = r
		return r
	}
	if care == never {
		return never
	}
	return simple(f, care)
}

// values are the values of all variables.
type values []bool

// near returns values for which f holds, as close to wish as the order of variables allows. F must not be never.
func (d *diagram) near(f function, wish values) values {
	got := append(values(nil), wish...)
	for f != always {
		n := d.nodes[f]
		if got[n.variable] && n.yes == never || !got[n.variable] && n.no == never {
			got[n.variable] = !got[n.variable]
		}
		if f = n.no; got[n.variable] {
			f = n.yes
		}
	}
	return got
}

// holds tells whether f holds for the values.
func (d *diagram) holds(f function, v values) bool {
	for f > always {
		n := d.nodes[f]
		if f = n.no; v[n.variable] {
			f = n.yes
		}
	}
	return f == always
}
