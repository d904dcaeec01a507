package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/uringsim/uringsim/internal/stream"
)

// outputOption is -o of commands that write a text.
type outputOption struct{ file string }

func (o *outputOption) flag(c *cobra.Command) {
	c.Flags().StringVarP(&o.file, "output", "o", stream.Stdin, "`FILE` to write; \"-\" is standard output")
}

// write writes the text, and nothing if there is an error.
func (o *outputOption) write(cmd *cobra.Command, text []byte, err error) error {
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
	if o.file == stream.Stdin {
		return write(cmd.OutOrStdout())
	}
	return writeFile(o.file, write)
}

// writeFile makes a file of what is written.
func writeFile(file string, write func(io.Writer) error) error {
	f, err := os.Create(file)
	if err != nil {
		return &statusError{exitSystem, err}
	}
	return errors.Join(write(f), f.Close())
}

// mayReplace tells before there is much work whether replaceFile will have a place to write to.
func mayReplace(file string) error {
	if isSpecial(file) {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err == nil {
		err = errors.Join(tmp.Close(), os.Remove(tmp.Name()))
	}
	return system(err)
}

// replaceFile writes a file that nobody sees before it is whole. What is no regular file, such as /dev/null, stays, and
// is written to as it comes.
func replaceFile(file string, write func(io.Writer) error) error {
	if isSpecial(file) {
		return system(writeFile(file, write))
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return system(err)
	}
	defer os.Remove(tmp.Name())
	err = write(tmp)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	return system(err)
}

// isSpecial tells whether there is a file that is not to be replaced by another: a device or a pipe.
func isSpecial(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.Mode().IsRegular()
}
