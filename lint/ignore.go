package lint

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
)

// Ignore says that what a rule finds is intended: in one line, in one filter, or anywhere. Comments and Remarks return
// them.
type Ignore struct {
	Rule   string
	Reason string
	At     srcpos.Pos // where it is written
	scope  scope
	line   int // for inLine: the line of the findings; 0 if there is none
	filter int // for inFilter: the index of the filter in the plan
}

// scope is where findings are intended.
type scope uint8

const (
	inLine scope = iota
	inFilter
	anywhere
)

// covers tells whether the finding is intended.
func (g *Ignore) covers(f *Finding) bool {
	switch {
	case g.Rule != f.Rule:
		return false
	case g.scope == inLine:
		return len(f.At) > 0 && f.At[0].Line == g.line
	}
	return g.scope == anywhere || f.Filter == g.filter
}

// Comments returns the comments of a text that say what is intended. "uringsim:ignore RULE: REASON" covers findings in
// the same line, or in the next line of code if the comment has a line of its own; "uringsim:ignore-file RULE: REASON"
// covers findings anywhere. A comment begins with one of the marks. Errors are *trace.SyntaxError.
func Comments(file string, text []byte, marks []string) ([]Ignore, error) {
	var found []Ignore
	number, placed := 0, 0 // found[:placed] have their line
	for line := range strings.Lines(string(text)) {
		number++
		off, words, alone := ignoreComment(line, marks)
		if words != "" {
			g, err := parseIgnore(words)
			g.At = srcpos.Pos{Line: number, Col: off + 1}
			if err != nil {
				return nil, &trace.SyntaxError{File: file, Line: g.At.Line, Col: g.At.Col, Msg: err.Error()}
			}
			found = append(found, g)
		}
		if alone {
			continue
		}
		for ; placed < len(found); placed++ {
			found[placed].line = number
		}
	}
	return found, nil
}

// ignoreWord is what such a comment, or the remark of a filter, begins with.
const ignoreWord = "uringsim:ignore"

// ignoreComment returns the offset and the text of such a comment in a line; the text is "" if there is none. Alone
// says that nothing else is in the line.
func ignoreComment(line string, marks []string) (off int, words string, alone bool) {
	for from := 0; ; {
		i := strings.Index(line[from:], ignoreWord)
		if i < 0 {
			return 0, "", false
		}
		before := strings.TrimRight(line[:from+i], " \t")
		for _, mark := range marks {
			if head, ok := strings.CutSuffix(before, mark); ok {
				words, rest := line[from+i:], ""
				if mark == "/*" {
					words, rest, _ = strings.Cut(words, "*/")
				}
				return len(head), words, strings.TrimSpace(head+rest) == ""
			}
		}
		from += i + len(ignoreWord)
	}
}

// parseIgnore parses "uringsim:ignore RULE: REASON", or the same with "ignore-file".
func parseIgnore(words string) (g Ignore, err error) {
	verb, rest, _ := strings.Cut(strings.TrimSpace(words), " ")
	rule, reason, _ := strings.Cut(rest, ":")
	g.Rule, g.Reason = strings.TrimSpace(rule), strings.TrimSpace(reason)
	if verb == ignoreWord+"-file" {
		g.scope = anywhere
	}
	switch {
	case verb != ignoreWord && g.scope != anywhere, g.Rule == "":
		return g, fmt.Errorf("found %q, expected %q", strings.TrimSpace(words), ignoreWord+" RULE: REASON")
	case ruleIndex(g.Rule) < 0:
		return g, noRule(g.Rule)
	case g.Reason == "":
		return g, fmt.Errorf("found no reason, expected %q", verb+" "+g.Rule+": REASON")
	}
	return g, nil
}

// Remarks does the same as Comments for plans in JSON, which has no comments: it reads the remarks of filters. Each
// covers findings in its filter. Errors are *trace.SyntaxError.
func Remarks(file string, p *plan.Plan) ([]Ignore, error) {
	var found []Ignore
	for i := range p.Filters {
		f := &p.Filters[i]
		if !strings.HasPrefix(f.Why, ignoreWord) {
			continue
		}
		at := srcpos.Pos{Line: 1, Col: 1}
		if places := f.InsnAt(-1); len(places) > 0 {
			at = places[0]
		}
		g, err := parseIgnore(f.Why)
		if err != nil {
			msg := fmt.Sprintf("filters/%d/why: %v", i, err)
			return nil, &trace.SyntaxError{File: file, Line: at.Line, Col: at.Col, Msg: msg}
		}
		if g.At = at; g.scope == inLine {
			g.scope, g.filter = inFilter, i
		}
		found = append(found, g)
	}
	return found, nil
}

// ignore marks the findings that are intended, and adds a finding for each Ignore that covers none.
func (o *Options) ignore(found []Finding) []Finding {
	n := len(found)
	for i := range o.Ignores {
		g := &o.Ignores[i]
		used := !o.asks(g.Rule) // a disabled rule finds nothing, so this is not known
		for k := range n {
			if f := &found[k]; g.covers(f) {
				f.Ignored, used = g.Reason, true
			}
		}
		if !used && o.asks(unusedIgnore) {
			found = append(found, g.unused(o.Releases))
		}
	}
	return found
}

// unused returns the finding that an Ignore covers nothing.
func (g *Ignore) unused(on []kernel.Release) Finding {
	f := Finding{Rule: unusedIgnore, Severity: Note, Filter: -1, Insn: -1,
		Message: fmt.Sprintf("%s finds nothing here that could be ignored: remove the comment, or ask for the release that it is "+
			"meant for", g.Rule), At: []srcpos.Pos{g.At}}
	for _, k := range on {
		f.Releases = append(f.Releases, k.Name)
	}
	return f
}
