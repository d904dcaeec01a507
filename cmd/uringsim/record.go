package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/record"
)

func recordCommand() *cobra.Command {
	var file string
	var asleep bool
	c := &cobra.Command{
		Use:   "record [-o FILE] [--sqpoll-asleep] [--] COMMAND [ARGUMENT...]",
		Short: "Run a program and record what it submits to io_uring",
		Long: `record runs a program on the running kernel and writes a trace of what it and all that it starts do with
io_uring: setups, register calls, SQEs with the paths, addresses and structs that they point to, and CQEs. What reads and
writes move is not looked at. It needs no privileges: the program is traced with ptrace(2), stops at calls of io_uring
only, and has no_new_privs set. See docs/record.md for what is not seen; the trace's header counts it.

What a submission thread (SQPOLL) takes between two looks at the ring is lost. With --sqpoll-asleep such threads always
sleep, so that the program has to make a call for all that it submits, and nothing is lost.

The trace is .jsonl, compressed if FILE ends in .zst. The exit status is the program's, as a shell gives it; 127 if it
is not found, 126 if it cannot be executed, and 4 if nothing can be recorded here.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runRecord(cmd.ErrOrStderr(), file, asleep, args) },
	}
	c.Flags().SetInterspersed(false)
	c.Flags().StringVarP(&file, "output", "o", "recording.jsonl.zst", "write the trace to `FILE`")
	c.Flags().BoolVar(&asleep, "sqpoll-asleep", false, "have submission threads always sleep, to lose none of their requests")
	return c
}

// exitNotFound is what shells give for a program that is not there.
const exitNotFound = 127

// runRecord records, tells in a line what there is, and ends as the program did.
func runRecord(messages io.Writer, file string, asleep bool, command []string) error {
	if _, err := exec.LookPath(command[0]); err != nil {
		return &statusError{exitNotFound, err}
	}
	if err := record.Available(); err != nil {
		return system(err)
	}
	out, err := os.Create(file)
	if err != nil {
		return system(err)
	}
	o := record.Options{Command: command, Name: filepath.Base(command[0]), Asleep: asleep}
	if terminal(messages) {
		o.Progress = func(events uint64) { fmt.Fprintf(messages, "\r%s: %d events ", file, events) }
	}
	s, err := record.Run(o, out)
	if err = errors.Join(err, out.Close()); err != nil {
		return system(err)
	}
	if o.Progress != nil {
		fmt.Fprint(messages, "\r")
	}
	fmt.Fprintln(messages, recorded(file, s))
	if s.Status != 0 {
		return &statusError{s.Status, errProgram}
	}
	return nil
}

// errProgram ends a command with the status of the program that it ran.
var errProgram = errors.New("the program failed")

// recorded says what a recording has, and what it lacks.
func recorded(file string, s record.Summary) string {
	text := fmt.Sprintf("uringsim: %s: %d calls, %d SQEs, %d CQEs", file, s.Calls, s.SQEs, s.CQEs)
	if s.Calls == 0 {
		text += "; the program did not use io_uring"
	}
	for _, l := range []struct {
		n    uint64
		what string
	}{
		{s.Unanswered, "SQEs without a CQE"}, {s.Polled, "rings with a submission thread, which are only sampled"},
		{s.LostSQEs, "SQEs lost"}, {s.LostCQEs, "CQEs lost"}, {s.Sampled, "SQEs sampled"},
		{s.Unread, "pointers not followed"}, {s.Unfinished, "calls unfinished"},
		{s.Concurrent, "calls at the same time on one ring"}, {s.Strangers, "calls on rings that were not seen before"},
	} {
		if l.n > 0 {
			text += fmt.Sprintf("; %d %s", l.n, l.what)
		}
	}
	return text
}

// terminal tells whether somebody reads along.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
