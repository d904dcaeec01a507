package main

import (
	"fmt"

	"github.com/uringsim/uringsim/kernel"
)

// changeLine is a quirk that began or ended with a release, as JSON.
type changeLine struct {
	Kernel string `json:"kernel"`
	Before string `json:"before"`
	Change string `json:"change"`
	Quirk  string `json:"quirk"`
	Now    string `json:"now"`
	Then   string `json:"then"`
	Why    string `json:"why"`
	Where  string `json:"where"`
	Trace  string `json:"trace,omitzero"`
}

// printChanges tells what changed with a release, or from the first of two to the second.
func printChanges(out *printer, names []string) error {
	r, err := kernel.Parse(names[len(names)-1])
	if err != nil {
		return err
	}
	before, ok := r.Before()
	if len(names) == 2 {
		if before, err = kernel.Parse(names[0]); err != nil {
			return err
		}
		ok = true
	}
	if !ok {
		return fmt.Errorf("%s is the oldest release that is modelled; expected one with another before it", r.Name)
	}
	began, ended := r.Changes(before)
	if out.json {
		changeLines(out, r, before, "ended", ended)
		changeLines(out, r, before, "began", began)
		return nil
	}
	fmt.Fprintf(out.w, "%s, compared with %s\n", r, before)
	changeTexts(out, r, before, "ended", ended)
	changeTexts(out, r, before, "began", began)
	return nil
}

func changeLines(out *printer, r, before kernel.Release, change string, quirks []kernel.Quirk) {
	for _, q := range quirks {
		row := kernel.Quirks[q]
		out.line(changeLine{r.Name, before.Name, change, row.Name, r.Does(q), before.Does(q), row.Why, row.Where,
			row.TraceFile()})
	}
}

func changeTexts(out *printer, r, before kernel.Release, change string, quirks []kernel.Quirk) {
	for _, q := range quirks {
		row := kernel.Quirks[q]
		fmt.Fprintf(out.w, "\n%s %s\n  now: %s\n  before: %s\n  why it matters: %s\n  Linux: %s\n", row.Name, change,
			r.Does(q), before.Does(q), row.Why, row.Where)
		if file := row.TraceFile(); file != "" {
			fmt.Fprintf(out.w, "  trace: %s\n", file)
		}
	}
}
