package symbolic

// Limit is how many steps are taken for one opcode, before it is given up: about a second of work and 200 megabytes.
// Two allow lists of 4096 instructions, the longest programs, take less than half of it.
const Limit = 1 << 22

// function is a Boolean function of the variables of a diagram: the node where its decisions begin.
type function int32

// The constant functions.
const (
	never  function = 0
	always function = 1
)

// node decides by a variable which function goes on. Variables are decided in ascending order.
type node struct {
	variable int32
	no, yes  function
}

// noVariable is that of the constants: it comes behind all variables.
const noVariable = 1 << 30

// diagram is a reduced ordered binary decision diagram: equal functions are equal numbers.
type diagram struct {
	nodes []node
	known map[node]function
	done  map[[3]function]function // results of choose
	left  int                      // steps
}

// gaveUp is the panic of a diagram that has taken all its steps. It does not leave the package.
type gaveUp struct{}

func newDiagram(limit int) *diagram {
	return &diagram{
		nodes: []node{{variable: noVariable}, {variable: noVariable}},
		known: map[node]function{}, done: map[[3]function]function{}, left: limit,
	}
}

// within runs f, and tells whether it came to its end before the limit.
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

// step counts work.
func (d *diagram) step() {
	if d.left--; d.left < 0 {
		panic(gaveUp{})
	}
}

// variable is the function that has the variable's value.
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

// choose is yes where f holds, and no elsewhere.
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

// split is f where the variable, which f does not decide behind another, is 0, and where it is 1.
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

// simplify is a function that is f wherever care holds, and simpler than f if it can be.
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
		case f0 == f1: // f does not decide this variable, and is not to begin to
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

// values are those of all variables.
type values []bool

// near makes f hold with values as near to the wished ones as the order of variables lets it. f must not be never.
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
