package cbpfvm

import (
	"fmt"
	"strings"
)

// Engine is what runs filters. All give the same results.
type Engine uint8

const (
	// Reference is golang.org/x/net/bpf's VM, and what runs filters if nobody chooses.
	Reference Engine = iota
	// Fast is Program.Run.
	Fast
)

var engineNames = [...]string{Reference: "xnet", Fast: "fast"}

// Engines are all of them.
func Engines() []Engine { return []Engine{Reference, Fast} }

// Run evaluates the filter. 0 denies the request, anything else allows it.
func (e Engine) Run(p *Program, ctx *Context) uint32 {
	if e == Fast {
		return p.Run(ctx)
	}
	return p.RunReference(ctx)
}

// String is the name on command lines: "xnet" or "fast".
func (e Engine) String() string { return engineNames[e] }

// MarshalText is String.
func (e Engine) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText takes a name as String gives it.
func (e *Engine) UnmarshalText(name []byte) error {
	for other, n := range engineNames {
		if n == string(name) {
			*e = Engine(other)
			return nil
		}
	}
	return fmt.Errorf("found the engine %q, expected %s", name, strings.Join(engineNames[:], " or "))
}
