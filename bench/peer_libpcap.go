//go:build libpcap

package main

import (
	"github.com/uringsim/uringsim/bench/libpcap"
	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/bench"
)

func init() {
	peers = append(peers, peer{"libpcap", func(p *cbpfvm.Program, ctx *cbpfvm.Context) (bench.Runner, error) {
		return libpcap.Runner(p.Insns(), ctx), nil
	}})
}
