package main

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/sim"
)

// writePage writes what becomes of traces on a release to a file, as a page for people.
func writePage(page string, r kernel.Release, files []string, engine sim.Option) error {
	p := report.New(r, engine)
	for _, file := range files {
		if err := addTo(p, file); err != nil {
			return err
		}
	}
	return writeFile(page, p.Write)
}

func addTo(p *report.Page, file string) error {
	in, err := openTrace(file, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := p.Add(file, in); err != nil {
		return inFile(file, err)
	}
	return nil
}
