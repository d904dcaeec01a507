package main

import (
	"bufio"
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/uringsim/uringsim/internal/inorder"
)

// job is what is done with one file; its output goes to the printer. It ends early if the context does.
type job func(ctx context.Context, out *printer, file string) (ok bool, err error)

// files are those that a command works on.
type files struct {
	next  func() (string, error) // the name of the next one; io.EOF behind the last one
	count int                    // how many there are; 0 if that is not known
}

// listed are the files of a list.
func listed(list []string) files {
	return files{count: len(list), next: func() (string, error) {
		if len(list) == 0 {
			return "", io.EOF
		}
		file := list[0]
		list = list[1:]
		return file, nil
	}}
}

// eachFile does the job for all files, so many at a time, with the output in the order of the files. A file that is bad
// is told of, unless there are too many. An error, of the first file that has one, ends it all: what comes before is
// printed.
func eachFile(ctx context.Context, out *printer, all files, bad *badTraces, atOnce int, do job) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o := inorder.New(out.w, all.next, cancel)
	p := startProgress(all.count, out)
	defer p.stop()
	var failed atomic.Bool // one is enough
	var workers sync.WaitGroup
	if all.count > 0 {
		atOnce = min(atOnce, all.count)
	}
	for range atOnce {
		workers.Go(func() {
			for {
				n, file, ok := o.Begin()
				if !ok {
					return
				}
				own := newPrinter(bufio.NewWriterSize(o.Writer(n), 32<<10), out.json, out.quiet)
				own.progress = p
				ok, err := do(ctx, own, file)
				own.flush()
				if !ok {
					failed.Store(true)
				}
				wrong := err
				if isBadTrace(err) {
					err = nil
				}
				o.Finish(n, err, func() error {
					out.add(own)
					return bad.tell(out, file, wrong)
				})
				p.files.Add(1)
			}
		})
	}
	workers.Wait()
	return !failed.Load(), o.Err()
}
