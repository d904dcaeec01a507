package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/uringsim/uringsim/internal/admission"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"uringsim": func() { os.Exit(command(os.Args[1:])) }})
}

// TestScripts runs testdata/script. A script is a story: commands, what they print, and the files that they read.
func TestScripts(t *testing.T) {
	programs := t.TempDir()
	out, err := exec.Command("go", "build", "-o", programs, "../../internal/sysuring/submit").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", env.Getenv("PATH")+string(os.PathListSeparator)+programs)
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "uring" { // programs can be run with the admission of the model
				return admission.Available() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": runStatus, "append": appendText,
			"compress": compress, "gzip": gzipFiles, "torn": torn},
	})
}

// runStatus runs a command that is to end with a status: "status 3 uringsim replay bad.json".
func runStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// appendText appends a text to a file, a number of times: "append 1000 file.json '"ret #0",'".
func appendText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: append COUNT FILE TEXT")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[1]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	defer f.Close()
	_, err = f.Write(bytes.Repeat([]byte(args[2]), count))
	ts.Check(err)
}

// compress writes files with zstd: "compress file.json" writes file.json.zst.
func compress(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: compress FILE...")
	}
	z, err := zstd.NewWriter(nil)
	ts.Check(err)
	for _, file := range args {
		ts.Check(os.WriteFile(ts.MkAbs(file)+".zst", z.EncodeAll([]byte(ts.ReadFile(file)), nil), 0o644))
	}
}

// gzipFiles writes files with gzip: "gzip file.json" writes file.json.gz.
func gzipFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: gzip FILE...")
	}
	for _, file := range args {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, err := z.Write([]byte(ts.ReadFile(file)))
		ts.Check(err)
		ts.Check(z.Close())
		ts.Check(os.WriteFile(ts.MkAbs(file)+".gz", out.Bytes(), 0o644))
	}
}

// torn writes a file without its last byte: "torn whole.pack torn.pack".
func torn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: torn FILE TORN")
	}
	text := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text[:len(text)-1]), 0o644))
}
