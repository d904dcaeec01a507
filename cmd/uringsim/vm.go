package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func vmCommand() *cobra.Command {
	var kernel string
	c := &cobra.Command{
		Use:   "vm --kernel VMLINUZ COMMAND",
		Short: "Do it on a real kernel in a guest (QEMU)",
		Long: `vm boots a kernel under QEMU, with KVM where it works and software emulation elsewhere, with this program as
its only user space. It needs qemu-system-x86_64 and a vmlinuz: a distribution's, or a build's arch/x86/boot/bzImage.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q for uringsim vm, expected replay, eval or kernels", args[0])
			}
			return errors.New("vm needs a command: replay, eval or kernels")
		},
	}
	c.PersistentFlags().StringVar(&kernel, "kernel", "", "kernel image to boot")
	if err := c.MarkPersistentFlagRequired("kernel"); err != nil {
		panic(err) // the flag is defined above
	}
	replay := newReplayCommand(&kernel)
	replay.Short = "Replay traces on the guest's kernel, and compare or record"
	eval := newEvalCommand(&kernel)
	eval.Short = "Ask the guest's kernel what it says to requests"
	kernels := newKernelsCommand(&kernel)
	kernels.Short = "Tell which quirks the guest's kernel has"
	c.AddCommand(replay, eval, kernels)
	return c
}
