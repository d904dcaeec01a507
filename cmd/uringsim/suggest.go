package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/symbolic"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/trial"
)

// suggestOptions are the flags of suggest.
type suggestOptions struct {
	outputOption
	release          kernel.Release
	to               string
	prefix4, prefix6 int
	stdin            io.Reader
	trial.Options
	engineOption
}

func suggestCommand() *cobra.Command {
	var o suggestOptions
	c := &cobra.Command{
		Use:   "suggest TRACE...",
		Short: "Write the tightest policy that allows what traces show",
		Long: `suggest replays traces on the model and writes a policy that allows every request and register call that was
let through, and nothing else that a policy can tell apart. Each rule has a comment that says in which traces it is
needed, and how often. Without any one of them, something in the traces breaks (uringsim try).

With --families, --open-modes, --prefix and --prefix6 the rules are more general. With --to oci, the linux.ioUring
object of a container is written, which can only say opcodes and the families of sockets; what it leaves open is told on
standard error.

The arguments of CONNECT show to filters from 7.2 on: the policy says that it needs such a kernel, unless --kernel names
an older one, for which it leaves them open.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			o.stdin = cmd.InOrStdin()
			text, err := o.suggest(files, func(note string) { fmt.Fprintln(cmd.ErrOrStderr(), "uringsim:", note) })
			return o.write(cmd, text, err)
		},
	}
	f := c.Flags()
	releaseFlag(c, &o.release, "release whose filters are to enforce it")
	f.BoolVar(&o.Families, "families", false, "of SOCKET and CONNECT, look at the family only")
	f.BoolVar(&o.OpenModes, "open-modes", false,
		"of opens, look only at reading, writing, creating and truncating, and how paths are resolved")
	f.IntVar(&o.prefix4, "prefix", 32, "first `N` bits of IPv4 addresses that count")
	f.IntVar(&o.prefix6, "prefix6", 128, "first `N` bits of IPv6 addresses that count")
	choiceFlag(c, &o.to, "to", "FORM", "policy", "what to write: policy, or oci for the linux.ioUring object of a container",
		[]string{"policy", "oci"})
	o.outputOption.flag(c)
	o.engineOption.flag(c)
	return c
}

// suggest makes the policy, and tells what is to be said beside it.
func (o *suggestOptions) suggest(files []string, tell func(note string)) ([]byte, error) {
	switch {
	case o.prefix4 < 0 || o.prefix4 > 32:
		return nil, fmt.Errorf("--prefix: found %d, expected 0 to 32", o.prefix4)
	case o.prefix6 < 0 || o.prefix6 > 128:
		return nil, fmt.Errorf("--prefix6: found %d, expected 0 to 128", o.prefix6)
	}
	o.HostBits4, o.HostBits6 = 32-o.prefix4, 128-o.prefix6
	if o.to == "oci" {
		o.Container, o.Families = true, true
	}
	if !symbolic.HasFilters(o.release) {
		return nil, fmt.Errorf("--kernel: %s has no filters for tasks", o.release)
	}
	s := trial.NewSuggester(o.release, o.Options, o.onEngine())
	if err := o.addTraces(s, files, tell); err != nil {
		return nil, err
	}
	out, err := s.Suggest()
	if err != nil {
		return nil, &statusError{exitInput, err}
	}
	if o.to == "policy" {
		return []byte(out.String()), nil
	}
	for _, note := range out.Notes {
		tell(note)
	}
	text, err := out.Policy.OCI()
	if syntax := (*trace.SyntaxError)(nil); errors.As(err, &syntax) {
		err = &statusError{exitInput, errors.New(syntax.Msg)} // the policy has no file, and no places in it
	}
	return text, err
}

// addTraces adds what traces show.
func (o *suggestOptions) addTraces(s *trial.Suggester, files []string, tell func(note string)) error {
	p := startProgress(len(files), &printer{quiet: true})
	defer p.stop()
	for _, file := range files {
		in, err := openTrace(file, o.stdin)
		if err != nil {
			return err
		}
		if text := lacks(file, &in.Header); text != "" {
			tell(text)
		}
		err = s.Play(file, &counted{Reader: in, p: p})
		if err = errors.Join(located(file, err), in.Close()); err != nil {
			return err
		}
		p.files.Add(1)
	}
	return nil
}
