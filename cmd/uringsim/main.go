// Command uringsim tells what Linux does with io_uring requests, without a kernel: see uringsim help.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/trace"
)

// Exit statuses.
const (
	exitOK       = 0
	exitMismatch = 1 // something is not as it should be, or not modelled
	exitUsage    = 2
	exitInput    = 3  // a trace that cannot be read or carried out
	exitSystem   = 4  // a kernel that does not boot or cannot be asked, or a file that cannot be written
	exitSkip     = 77 // probe where the running kernel cannot be asked at all, as test harnesses know it
)

// statusError is an error with its exit status.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// errMismatch ends a command whose output said already what was wrong.
var errMismatch = &statusError{exitMismatch, errors.New("not everything was reproduced")}

func main() {
	if judge.InGuest() {
		judge.ServeGuest()
		return
	}
	os.Exit(command(os.Args[1:]))
}

func command(args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errMismatch) && !errors.Is(err, errProgram) && !errors.Is(err, errBadTraces) {
		fmt.Fprintln(os.Stderr, "uringsim:", err)
	}
	return status(err)
}

// system is an error that is neither the input's nor that of who asks: status 4. It is nil for no error.
func system(err error) error {
	if err == nil {
		return nil
	}
	return &statusError{exitSystem, err}
}

// status is the exit status for an error.
func status(err error) int {
	var own *statusError
	var syntax *trace.SyntaxError
	var packed *trace.PackError
	var event *trace.EventError
	var path *fs.PathError
	switch {
	case errors.As(err, &own):
		return own.status
	case errors.As(err, &syntax), errors.As(err, &packed), errors.As(err, &event), errors.As(err, &path):
		return exitInput
	}
	return exitUsage
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:     "uringsim",
		Version: strings.TrimPrefix(tool(), "uringsim "),
		Short:   "Tell what Linux does with io_uring requests, without a kernel",
		Long: `uringsim is a model of what Linux does with an io_uring request before it runs it:
setup, restrictions, prep, BPF filters and their inheritance, on kernels 6.19 to 7.3.

Exit status: 0 all is as it should be, 1 it is not (a result differs, a kernel refuses, a mistake was found) or the model
does not know, 2 usage, 3 bad input, 4 a kernel that cannot be asked, or a file that cannot be written, 77 probe
where io_uring cannot be used.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetHelpCommand(helpCommand(root))
	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Programs and policies:", []*cobra.Command{compileCommand(), asmCommand(), disasmCommand(), checkCommand(), evalCommand(),
			explainCommand(), diffPolicyCommand(), lintCommand()}},
		{"What programs did:", []*cobra.Command{recordCommand(), importCommand(), runCommand(), replayCommand(),
			whyCommand(), tryCommand(), suggestCommand(), mergeCommand(), packCommand(), unpackCommand()}},
		{"Kernels:", []*cobra.Command{kernelsCommand(), probeCommand(), genCommand(), diffCommand(), benchCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.title
			clearUsage(c)
			root.AddCommand(c)
		}
	}
	return root
}

// helpCommand is the help of a command, and an error for what is none.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			c, _, err := root.Find(args)
			if err != nil {
				return err
			}
			return c.Help()
		},
	}
}
