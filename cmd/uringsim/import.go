package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/internal/tracepoint"
	"github.com/uringsim/uringsim/trace"
)

// importOptions are the flags of import.
type importOptions struct {
	output  string
	release string
	tracepoint.Options
}

func importCommand() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "Make a trace of a log of the kernel's io_uring tracepoints",
		Long: `import reads the text of tracefs (trace, trace_pipe), perf script, trace-cmd report, and of the bpftrace program
in docs/import.md, which also says how to make such logs, and what each lacks. Several files become one trace, in their
order; "-" is standard input, which may have no end. Compressed files (.zst, .gz) are fine.

A log has the opcodes of requests, and of refused ones most fields, but not what they point to. What is not there is
absent in the trace: uringsim try and suggest say where that leaves a verdict open. Lines that were not understood
and events that the kernel lost are counted in the trace's header.

Without -o the trace goes to standard output as it comes; its header then has no counts: they stand on standard error.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return o.run(ctx, cmd, files)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "the trace to write, .jsonl or .jsonl.zst (default: standard output)")
	f.StringVar(&o.release, "release", "", "release of the kernel, as uname -r has it; logs may say that themselves")
	f.StringArrayVar(&o.Comms, "comm", nil, "take the tasks of this name only; may be repeated")
	f.StringArrayVar(&o.PIDs, "pid", nil,
		"take this process, with the threads that the kernel made for it, or thread; may be repeated")
	return c
}

// run imports all files into one trace.
func (o *importOptions) run(ctx context.Context, cmd *cobra.Command, files []string) error {
	header := trace.Header{Trace: trace.Version, Name: name(files), Source: "a log of tracepoints",
		Recording: &trace.Recording{}}
	header.Recording.Release, header.Recording.Version = tracepoint.Release(o.release)
	if o.release != "" && header.Recording.Release == tracepoint.Unknown {
		return fmt.Errorf("--release: found %q, expected what uname -r gives, such as 7.3.4", o.release)
	}
	out, err := o.create(cmd.OutOrStdout(), header)
	if err != nil {
		return err
	}
	im := tracepoint.New(o.Options, out.event)
	for _, file := range files {
		if err := importFile(ctx, im, file, cmd.InOrStdin()); err != nil {
			_ = out.close() // the first error counts
			return err
		}
	}
	sum := im.Summary()
	if sum.Release == "" {
		sum.Release, sum.Version = header.Recording.Release, header.Recording.Version
	}
	sum.Complete = true
	header.Recording = &sum.Recording
	if err := errors.Join(out.finish(header), out.close()); err != nil {
		return err
	}
	for _, told := range sum.Told {
		fmt.Fprintf(cmd.ErrOrStderr(), "uringsim: %s\n", told)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), imported(o.output, &sum))
	return nil
}

// name is what the trace is called.
func name(files []string) string {
	const most = 60
	text := filepath.Base(files[0])
	if text == stream.Stdin {
		text = "standard input"
	}
	if len(files) > 1 {
		text += fmt.Sprintf(" and %d more", len(files)-1)
	}
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return text
}

// importFile reads a log.
func importFile(ctx context.Context, im *tracepoint.Importer, file string, stdin io.Reader) error {
	in, err := stream.Open(file, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	return im.Read(ctx, untilDone(ctx, in), file)
}

// imported says what a trace has, and what it lacks.
func imported(file string, s *tracepoint.Summary) string {
	if file == "" {
		file = "standard output"
	}
	text := fmt.Sprintf("uringsim: %s: %d requests, %d register calls of %d lines", file, s.SQEs, s.Calls, s.Lines)
	if s.Skipped > 0 {
		text += fmt.Sprintf("; %d lines not understood", s.Skipped)
	}
	if s.Missed > 0 {
		text += fmt.Sprintf("; %d events lost by the kernel", s.Missed)
	}
	return text
}

// importOutput is where the trace goes: a file, or standard output.
type importOutput struct {
	lines *trace.LineWriter // of a file
	file  *os.File
	text  *bufio.Writer // of standard output
}

func (o *importOptions) create(stdout io.Writer, h trace.Header) (*importOutput, error) {
	if o.output == "" {
		out := &importOutput{text: bufio.NewWriter(stdout)}
		return out, trace.WriteLine(out.text, h)
	}
	file, err := os.Create(o.output)
	if err != nil {
		return nil, system(err)
	}
	lines, err := trace.NewLineWriter(file, h)
	return &importOutput{lines: lines, file: file}, err
}

func (out *importOutput) event(e *trace.Event) error {
	if out.text != nil {
		if err := trace.WriteLine(out.text, e); err != nil {
			return err
		}
		return out.text.Flush() // somebody may be reading along
	}
	if err := out.lines.Event(e); err != nil || out.lines.Buffered() < flushAt {
		return err
	}
	return out.lines.Flush()
}

func (out *importOutput) finish(h trace.Header) error {
	if out.text != nil {
		return out.text.Flush()
	}
	if err := out.lines.Finish(h); !errors.Is(err, trace.ErrNoSeek) {
		return err
	}
	return nil // a pipe, as standard output may be
}

func (out *importOutput) close() error {
	if out.file == nil {
		return nil
	}
	return out.file.Close()
}

// untilDone is what can be read until the context ends, even where reading waits for more.
func untilDone(ctx context.Context, in io.Reader) io.Reader {
	r := &untilReader{ctx: ctx, parts: make(chan part)}
	go func() {
		defer close(r.parts)
		for {
			text := make([]byte, 64<<10)
			n, err := in.Read(text)
			select {
			case r.parts <- part{text[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return r
}

type untilReader struct {
	ctx   context.Context
	parts chan part
	now   part
}

type part struct {
	text []byte
	err  error
}

// Read gives what there is, and waits if there is nothing.
func (r *untilReader) Read(b []byte) (int, error) {
	for len(r.now.text) == 0 {
		if r.now.err != nil {
			return 0, r.now.err
		}
		select {
		case r.now = <-r.parts:
		case <-r.ctx.Done():
			return 0, io.EOF
		}
	}
	n := copy(b, r.now.text)
	r.now.text = r.now.text[n:]
	return n, nil
}
