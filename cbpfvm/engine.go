package cbpfvm

import (
	"fmt"
	"strings"
)

// Engine is an implementation that runs filters. All give the same results.
type Engine uint8

const (
	// Reference is Program.RunReference, on golang.org/x/net/bpf's VM. It is the default.
	Reference Engine = iota
	// Fast is Program.Run, our own engine.
	Fast
)

var engineNames = [...]string{Reference: "xnet", Fast: "fast"}

// Engines returns all engines.
func Engines() []Engine { return []Engine{Reference, Fast} }

// Run evaluates the filter. A result of 0 denies the request, any other allows it.
func (e Engine) Run(p *Program, ctx *Context) uint32 {
	if e == Fast {
		return p.Run(ctx)
	}
	return p.RunReference(ctx)
}

// String returns the name on command lines: "xnet" or "fast".
func (e Engine) String() string { return engineNames[e] }

// MarshalText returns the name.
func (e Engine) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText sets the engine by its name.
func (e *Engine) UnmarshalText(name []byte) error {
	for other, n := range engineNames {
		if n == string(name) {
			*e = Engine(other)
			return nil
		}
	}
	return fmt.Errorf("found engine %q, expected %s", name, strings.Join(engineNames[:], " or "))
}
