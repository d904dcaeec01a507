package fleet

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// MaxShards is the greatest number of shards.
const MaxShards = 1 << 20

// Shard is the part of a set of traces that one of several workers processes.
type Shard struct {
	Index int // from 0
	Of    int // number of shards; 1 means all traces
}

// Has reports whether a trace is in the shard. Only its name decides, exactly as given: a worker need not open the
// trace, and each trace is in exactly one shard whatever other traces there are.
func (s Shard) Has(trace string) bool { return hash(trace)%uint64(s.Of) == uint64(s.Index) }

// hash returns the first eight bytes of the SHA-256 of a trace's name, big-endian. This is documented, so that other
// programs can compute the shard of a trace.
func hash(trace string) uint64 {
	sum := sha256.Sum256([]byte(trace))
	return binary.BigEndian.Uint64(sum[:])
}

// engine is a system that runs the workers of a job, and the environment variables by which it tells them who they are.
type engine struct {
	name  string
	index string
	count string // number of workers; "" if it is not told
	first string // lowest index; "" if it is 0
	last  string // highest index; "" without first
}

var engines = []engine{
	{name: "a Kubernetes Indexed Job", index: "JOB_COMPLETION_INDEX"},
	{name: "an AWS Batch array job", index: "AWS_BATCH_JOB_ARRAY_INDEX", count: "AWS_BATCH_JOB_ARRAY_SIZE"},
	{name: "a Slurm job array", index: "SLURM_ARRAY_TASK_ID", count: "SLURM_ARRAY_TASK_COUNT",
		first: "SLURM_ARRAY_TASK_MIN", last: "SLURM_ARRAY_TASK_MAX"},
}

// ParseShard parses I/N, the shard with index I, counted from 0, of N. "auto/N" takes the index from the environment of
// a worker, and "auto" the count as well, if the engine tells it.
func ParseShard(text string, getenv func(name string) string) (Shard, error) {
	index, of, slash := strings.Cut(text, "/")
	switch {
	case text == "auto":
		e, err := engineOf(getenv)
		if err != nil {
			return Shard{}, err
		}
		return e.shard(getenv)
	case !slash:
		return Shard{}, fmt.Errorf("found %q, expected I/N, auto or auto/N", text)
	case index == "auto":
		e, err := engineOf(getenv)
		if err != nil {
			return Shard{}, err
		}
		index = getenv(e.index)
	}
	return shard(text, index, of)
}

// shard parses the two numbers of a shard; text is for errors.
func shard(text, index, of string) (Shard, error) {
	n, err := strconv.Atoi(of)
	if err != nil || n < 1 || n > MaxShards {
		return Shard{}, fmt.Errorf("%s: found %q shards, expected 1 to %d", text, of, MaxShards)
	}
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= n {
		return Shard{}, fmt.Errorf("%s: found index %q, expected 0 to %d", text, index, n-1)
	}
	return Shard{i, n}, nil
}

// engineOf returns the engine whose variables are set.
func engineOf(getenv func(string) string) (*engine, error) {
	var found *engine
	var variables []string
	for i := range engines {
		e := &engines[i]
		variables = append(variables, e.index)
		if getenv(e.index) == "" {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("auto: found both %s and %s in the environment, expected one of them; use I/N",
				found.index, e.index)
		}
		found = e
	}
	if found == nil {
		return nil, fmt.Errorf("auto: found none of %s in the environment; use I/N", strings.Join(variables, ", "))
	}
	return found, nil
}

// shard returns the shard that the engine assigns to this worker.
func (e *engine) shard(getenv func(string) string) (Shard, error) {
	if e.count == "" || getenv(e.count) == "" {
		return Shard{}, fmt.Errorf("auto: %s does not tell the number of workers; use auto/N", e.name)
	}
	if e.first == "" {
		return shard("auto", getenv(e.index), getenv(e.count))
	}
	var numbers [4]int
	for i, name := range []string{e.index, e.count, e.first, e.last} {
		n, err := strconv.Atoi(getenv(name))
		if err != nil {
			return Shard{}, fmt.Errorf("auto: %s: found %q, expected a number", name, getenv(name))
		}
		numbers[i] = n
	}
	index, count, first, last := numbers[0], numbers[1], numbers[2], numbers[3]
	if last-first != count-1 {
		return Shard{}, fmt.Errorf("auto: found %s with %d workers and indexes from %d to %d, expected one for each index; "+
			"use auto/N", e.name, count, first, last)
	}
	return shard("auto", strconv.Itoa(index-first), strconv.Itoa(count))
}
