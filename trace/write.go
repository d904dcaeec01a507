package trace

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Write writes the trace as one JSON document, with one line per event.
func (t *Trace) Write(w io.Writer) error {
	var out bytes.Buffer
	t.Trace = Version
	head, err := json.Marshal(t.Header, jsontext.WithIndent(""))
	if err != nil {
		return err
	}
	var lines [][]byte
	for i := range t.Events {
		b, err := json.Marshal(t.Events[i])
		if err != nil {
			return err
		}
		lines = append(lines, b)
	}
	out.Write(bytes.TrimSuffix(head, []byte("\n}")))
	out.WriteString(",\n\"events\": [\n")
	out.Write(bytes.Join(lines, []byte(",\n")))
	out.WriteString("\n]}\n")
	_, err = w.Write(out.Bytes())
	return err
}
