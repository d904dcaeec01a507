package fleet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/trace"
)

// maxText is the most bytes of one summary that are read. Summaries within their own limits are far smaller.
const maxText = 64 << 20

// maxCount is the largest count that is read, so that sums cannot overflow.
const maxCount = 1 << 53

// Write writes the summary as a JSON document. The same traces give the same bytes.
func (s *Summary) Write(w io.Writer) error {
	doc := *s
	doc.Version = Version
	text, err := json.Marshal(doc, jsontext.WithIndent(" "))
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Read reads summaries, one after the other, and passes each to add. Errors are *trace.SyntaxError, and those of add
// and of the input.
func Read(file string, in io.Reader, add func(*Summary) error) error {
	limited := &io.LimitedReader{R: bufio.NewReader(in)}
	dec := jsontext.NewDecoder(limited)
	fail := func(err error) error {
		return &trace.SyntaxError{File: file, Line: 1, Col: 1, Msg: err.Error()}
	}
	for n := 1; ; n++ {
		limited.N = maxText
		text, err := dec.ReadValue()
		switch syntax := (*jsontext.SyntacticError)(nil); {
		case err == io.EOF && n > 1:
			return nil
		case limited.N == 0:
			return fail(fmt.Errorf("found a summary of more than %d bytes", maxText))
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
			return fail(errors.New("found the end of the text, expected a summary"))
		case errors.As(err, &syntax):
			return fail(fmt.Errorf("summary %d: not JSON: %w", n, err))
		case err != nil:
			return err
		}
		var s Summary
		if err := trace.Decode(file, text, &s); err != nil {
			return err
		}
		if err := s.check(); err != nil {
			return fail(fmt.Errorf("summary %d: %w", n, err))
		}
		if err := add(&s); err != nil {
			return err
		}
	}
}

// check reports where a summary is not as Write writes it, as far as Add relies on that.
func (s *Summary) check() error {
	if s.Version != Version {
		return fmt.Errorf("found version %d, expected \"summary\": %d", s.Version, Version)
	}
	if err := ordered("results", s.Results, compareResults, maxResults); err != nil {
		return err
	}
	if err := ordered("parts", s.Parts, compareParts, maxResults); err != nil {
		return err
	}
	for i := range s.Parts {
		if err := s.Parts[i].check(); err != nil {
			return fmt.Errorf("parts/%d: %w", i, err)
		}
	}
	for i := range s.Results {
		if err := s.Results[i].check(); err != nil {
			return fmt.Errorf("results/%d: %w", i, err)
		}
	}
	return nil
}

func (p *Part) check() error {
	if p.Of < 1 || p.Of > MaxShards {
		return fmt.Errorf("found %d shards, expected 1 to %d", p.Of, MaxShards)
	}
	if len(p.Shards) == 0 || len(p.Shards) >= p.Of {
		return fmt.Errorf("shards: found %d elements, expected 1 to %d", len(p.Shards), p.Of-1)
	}
	for _, s := range p.Shards {
		if s.Index < 0 || s.Index >= p.Of || s.Times == 0 || s.Times > maxCount {
			return fmt.Errorf("shards: found shard %d of %d counted %d times", s.Index, p.Of, s.Times)
		}
	}
	return ordered("shards", p.Shards, compareTimes, MaxShards)
}

func (r *Result) check() error {
	numbers := slices.Concat(r.Counts.fields(), r.Lacks.fields(), []*uint64{&r.Logged.Denied, &r.Logged.Allowed,
		&r.Logged.Undecided, &r.Errors.Count, &r.OtherReasons})
	for i := range r.Reasons {
		q := &r.Reasons[i]
		numbers = append(numbers, &q.Count, &q.Traces, &q.Cancelled, &q.OtherValues)
		for j := range q.Values {
			v := &q.Values[j]
			numbers = append(numbers, &v.Count, &v.Traces, &v.Cancelled)
		}
		if err := ordered("values", q.Values, compareValues, maxValues); err != nil {
			return fmt.Errorf("reasons/%d: %w", i, err)
		}
		if err := ordered("needs", q.Needs, compareNeeds, maxNeeds); err != nil {
			return fmt.Errorf("reasons/%d: %w", i, err)
		}
	}
	for _, n := range numbers {
		if *n > maxCount {
			return fmt.Errorf("found a count of %d, expected at most %d", *n, uint64(maxCount))
		}
	}
	if err := ordered("errors/first", r.Errors.First, compareErrors, maxErrors); err != nil {
		return err
	}
	return ordered("reasons", r.Reasons, compareReasons, maxReasons)
}

// ordered returns an error unless the list has at most so many elements, in the order of their keys and without
// duplicates.
func ordered[T any](name string, list []T, compare func(a, b *T) int, most int) error {
	if len(list) > most {
		return fmt.Errorf("%s: found %d elements, expected at most %d", name, len(list), most)
	}
	for i := 1; i < len(list); i++ {
		if compare(&list[i-1], &list[i]) >= 0 {
			return fmt.Errorf("%s/%d: found an element that is not behind the one before it in the order of keys", name, i)
		}
	}
	return nil
}
