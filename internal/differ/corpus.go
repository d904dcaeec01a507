package differ

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/internal/judge"
	"github.com/uringsim/uringsim/trace"
)

// Corpus collects generated traces with what kernels gave for them. It may be used by several goroutines.
type Corpus struct {
	mu     sync.Mutex
	traces map[corpusKey]*trace.Trace
}

type corpusKey struct {
	kind string
	seed uint64
}

// Keep adds the results of a kernel on which model and kernel agree.
func (c *Corpus) Keep(kind gen.Kind, seed uint64, v *judge.Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.traces == nil {
		c.traces = map[corpusKey]*trace.Trace{}
	}
	key := corpusKey{kind.Name, seed}
	t := c.traces[key]
	if t == nil {
		t = kind.Trace(seed)
		c.traces[key] = t
	}
	for i := range v.Results {
		t.Events[i].Record(v.Results[i])
	}
}

// Write writes a file for each kind, a trace a line, in order of seeds.
func (c *Corpus) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	keys := slices.SortedFunc(maps.Keys(c.traces), func(a, b corpusKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.seed, b.seed))
	})
	for len(keys) > 0 {
		kind := keys[0].kind
		n := 0
		for n < len(keys) && keys[n].kind == kind {
			n++
		}
		if err := c.writeKind(filepath.Join(dir, kind+".jsonl.zst"), keys[:n]); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func (c *Corpus) writeKind(file string, keys []corpusKey) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	for _, k := range keys {
		b, err := json.Marshal(c.traces[k])
		if err != nil {
			return err
		}
		if _, err := z.Write(append(b, '\n')); err != nil {
			return err
		}
	}
	return z.Close()
}

// ReadCorpus hands out the traces of a file that Write wrote.
func ReadCorpus(file string, visit func(*trace.Trace) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return err
	}
	defer z.Close()
	in := bufio.NewReaderSize(z, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var t trace.Trace
		if err := json.Unmarshal(line, &t, json.RejectUnknownMembers(true)); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
		if err := visit(&t); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
}
