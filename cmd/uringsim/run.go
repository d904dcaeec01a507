package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/admission"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run [--kernel RELEASE] [--policy FILE] [--report] [-o FILE] [--] COMMAND [ARGUMENT...]",
		Short: "Run a program on this kernel, under the restrictions and filters of another",
		Long: `run runs a program for real, on the running kernel, whatever its age, while another release decides which
setups, register calls and requests of io_uring go through: restrictions and filters that the program registers work as they do
on that release, for it and all that it starts. Requests that the release refuses complete with its errno; the others
the running kernel carries out. With --policy the program starts with the policy registered, as in a sandbox.

It is a bench for tests and no security boundary: a program can change what was looked at. It needs no privileges, and
IORING_NOP_INJECT_RESULT of the running kernel. Where the program does not find what it would on the release, a line on
standard error says so. --report lists there what was refused, with the check in Linux; -o writes the same to a
file, one JSON object a line (docs/json.md). See docs/run.md.

The exit status is the program's, as a shell gives it; 127 if it is not found, 126 if it cannot be executed, 3 if the
policy cannot be read or the release refuses it, and 4 if nothing can be run here.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.ErrOrStderr(), args) },
	}
	c.Flags().SetInterspersed(false)
	releaseFlag(c, &o.release, "release that decides")
	c.Flags().StringVar(&o.policy, "policy", "",
		"policy, program or plan in `FILE` that is registered before the program starts")
	o.flags(c)
	c.Flags().BoolVar(&o.report, "report", false, "list at the end what was refused and why")
	c.Flags().StringVarP(&o.lines, "output", "o", "", "write that to `FILE`, one JSON object a line (docs/json.md)")
	return c
}

type runOptions struct {
	inputOptions
	release kernel.Release
	policy  string
	report  bool
	lines   string // a file; "" is none
}

// run runs a command, and ends as it did.
func (o *runOptions) run(messages io.Writer, command []string) error {
	if o.policy == "" && o.inputOptions != (inputOptions{}) {
		return errors.New("--form, --op and --name are about the policy, found no --policy")
	}
	if o.lines == "" {
		return o.runWith(messages, io.Discard, command)
	}
	return writeFile(o.lines, func(lines io.Writer) error { return o.runWith(messages, lines, command) })
}

// runWith is run with lines for programs.
func (o *runOptions) runWith(messages, lines io.Writer, command []string) error {
	k, err := o.start()
	if err != nil {
		return err
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return &statusError{exitNotFound, err}
	}
	if err := admission.Available(); err != nil {
		return system(err)
	}
	s, err := admission.Run(admission.Options{Command: command, Kernel: k, Warn: func(gap string) {
		fmt.Fprintf(messages, "uringsim: not as on %s: %s\n", o.release.Name, gap)
	}})
	if err != nil {
		return system(err)
	}
	printRun(newPrinter(lines, true, false), o.release, &s)
	if o.report {
		for _, line := range s.Lines() {
			fmt.Fprintf(messages, "uringsim: %s\n", line)
		}
	}
	if s.Status != 0 {
		return &statusError{s.Status, errProgram}
	}
	return nil
}

// withPolicy is a kernel that says of filters in which policy they are.
type withPolicy struct {
	*sim.Kernel
	file string
}

// SetLabel is told of events, which nobody knows here.
func (k withPolicy) SetLabel(string) { k.Kernel.SetLabel(k.file) }

// start is a kernel on which the first task has registered the policy, if there is one, with no_new_privs set, which a
// sandbox has to do before.
func (o *runOptions) start() (*sim.Kernel, error) {
	k := sim.New(o.release, sim.WithEngine(cbpfvm.Fast))
	if o.policy == "" {
		return k, nil
	}
	p, err := o.load(o.policy, o.release)
	if err != nil {
		return nil, err
	}
	if _, err := registerOn(withPolicy{k, o.policy}, o.release, o.policy, p); err != nil {
		return nil, err
	}
	k.SetLabel("")
	first, _ := k.Task(trace.InitTask)
	first.NoNewPrivs = true
	return k, nil
}

// refusedLine is a line of run -o: what was refused, by one check.
type refusedLine struct {
	Type   string   `json:"type"`
	Kernel string   `json:"kernel"`
	Call   string   `json:"call,omitzero"`
	Opcode string   `json:"opcode,omitzero"`
	Count  uint64   `json:"count"`
	Why    *whyLine `json:"why"`
}

// otherwiseLine is one about what was not as on the release.
type otherwiseLine struct {
	Type   string `json:"type"`
	Kernel string `json:"kernel"`
	What   string `json:"what"`
	Count  uint64 `json:"count"`
}

// ranLine is the last one.
type ranLine struct {
	Type      string `json:"type"`
	Kernel    string `json:"kernel"`
	Status    int    `json:"status"`
	Requests  uint64 `json:"requests"`
	Refused   uint64 `json:"refused"`
	Cancelled uint64 `json:"cancelled"`
	Calls     uint64 `json:"refused_calls"`
	Otherwise int    `json:"otherwise"`
}

// printRun prints what became of a program, for programs.
func printRun(out *printer, release kernel.Release, s *admission.Summary) {
	for _, r := range s.Refusals {
		out.line(refusedLine{"refused", release.Name, r.Call, r.Opcode, r.N, jsonWhy(r.Why)})
	}
	for _, g := range s.Gaps {
		out.line(otherwiseLine{"otherwise", release.Name, g.What, g.N})
	}
	out.line(ranLine{"summary", release.Name, s.Status, s.Requests, s.Refused, s.Cancelled, s.Calls, len(s.Gaps)})
}
