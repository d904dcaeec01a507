package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

func opNum(op uapi.Op) trace.OpNum                     { return trace.OpNum(op) }
func registerOp(op uapi.RegisterOp) trace.RegisterNum  { return trace.RegisterNum(op) }
func setupFlags[T uint32 | uint64](v T) trace.SetupNum { return trace.SetupNum(v) }
func enterFlags(v uint32) trace.EnterNum               { return trace.EnterNum(v) }
func openFlags(v uint64) trace.OpenNum                 { return trace.OpenNum(v) }
func resolveFlags(v uint64) trace.ResolveNum           { return trace.ResolveNum(v) }
