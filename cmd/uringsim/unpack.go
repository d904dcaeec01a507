package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/trace"
)

// unpackOptions are the flags of unpack.
type unpackOptions struct {
	to          string
	first, last uint64 // events, from 1; last is 0 if there is no end
}

func unpackCommand() *cobra.Command {
	var o unpackOptions
	c := &cobra.Command{
		Use:   "unpack FILE -o OUT",
		Short: "Write a trace, or some of its events, as JSON",
		Long: `unpack writes a trace as .jsonl, compressed if OUT ends in .zst, or as a document if it ends in .json. FILE may have
any form; it is meant for packed traces (docs/pack.md), of which --first and --last show a part without reading what comes
before. A part is for looking at: what the model, or a kernel, did with it depends on all that came before. Of a torn
trace all that is whole is written; the exit status is 3 then. "-" is standard input, or output.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.first == 0 || o.last != 0 && o.last < o.first {
				return fmt.Errorf("--first is %d and --last %d, expected events from 1 on in their order", o.first, o.last)
			}
			return convert(cmd.InOrStdin(), args[0], o.to, o.write)
		},
	}
	c.Flags().StringVarP(&o.to, "output", "o", stream.Stdin, "`FILE` to write the trace to; \"-\" is standard output")
	c.Flags().Uint64Var(&o.first, "first", 1, "first event to write, `N` from 1")
	c.Flags().Uint64Var(&o.last, "last", 0, "last event to write; without it, that of the trace")
	return c
}

// write writes the events that are wanted.
func (o *unpackOptions) write(in *trace.Reader, out *os.File, p *progress) error {
	part := events{skip: o.first - 1, most: math.MaxUint64}
	if o.last != 0 {
		part.most = o.last - part.skip
	}
	if filepath.Ext(stream.Plain(o.to)) == ".json" {
		return part.toDocument(in, out, p)
	}
	return part.toLines(in, out, p)
}

// events are those of a trace that a command works on.
type events struct{ skip, most uint64 }

// flushAt is how many bytes of lines are collected before they are written.
const flushAt = 1 << 20

func (part events) toLines(in *trace.Reader, out *os.File, p *progress) error {
	w, err := trace.NewLineWriter(out, in.Header)
	if err != nil {
		return err
	}
	line := func(e *trace.Event) error {
		if err := w.Event(e); err != nil || w.Buffered() < flushAt {
			return err
		}
		return w.Flush()
	}
	return part.copy(in, p, line, w.Flush)
}

func (part events) toDocument(in *trace.Reader, out *os.File, p *progress) error {
	if name := out.Name(); stream.Plain(name) != name {
		return fmt.Errorf("%s: a document is not written compressed; write .jsonl.zst", name)
	}
	in.Share(false) // as all events are kept
	t := trace.Trace{Header: in.Header}
	add := func(e *trace.Event) error {
		if len(t.Events) == trace.MaxEvents {
			return fmt.Errorf("a document has at most %d events; write .jsonl", trace.MaxEvents)
		}
		t.Events = append(t.Events, *e)
		return nil
	}
	return part.copy(in, p, add, func() error { return t.Write(out) })
}

// copy hands on the events that can be read, and ends the copy. What is behind a tear is an error then.
func (part events) copy(in *trace.Reader, p *progress, event func(*trace.Event) error, finish func() error) error {
	err := in.Skip(part.skip)
	if err == io.EOF {
		return fmt.Errorf("the trace has no event %d", part.skip+1)
	}
	for n := uint64(0); err == nil && n < part.most; n++ {
		var e trace.Event
		if e, err = in.Next(); err == nil {
			err = event(&e)
		}
		p.events.Add(1)
	}
	if torn := (*trace.PackError)(nil); err == nil || err == io.EOF || errors.As(err, &torn) {
		if err == io.EOF {
			err = nil
		}
		return errors.Join(err, finish())
	}
	return err
}
