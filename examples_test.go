package uringsim_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const exampleModule = "examples/containerpolicy"

// goTest runs the tests of another module, which needs nothing but what this one has.
func goTest(dir string) (out string, err error) {
	cmd := exec.Command("go", "test", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	b, err := cmd.CombinedOutput()
	return strings.ReplaceAll(string(b), "\r\n", "\n"), err
}

// TestExamples runs the tests of the modules in examples.
func TestExamples(t *testing.T) {
	modules, err := filepath.Glob("examples/*/go.mod")
	if err != nil || len(modules) == 0 {
		t.Fatalf("%d modules, %v", len(modules), err)
	}
	for _, file := range modules {
		if out, err := goTest(filepath.Dir(file)); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Dir(file), err, out)
		}
	}
}

// TestTesting runs the Go code of docs/testing.md as a module of its own. What stands in its blocks of text is in the
// output, one for each test that fails.
func TestTesting(t *testing.T) {
	const doc = "docs/testing.md"
	dir := testModule(t)
	write(t, dir, "web_test.go", strings.Join(blocks(t, doc, "go"), "\n"))
	write(t, dir, "web.policy", strings.Join(blocks(t, doc, "policy"), "\n"))
	out, _ := goTest(dir) // some are to fail
	shown := blocks(t, doc, "text")
	for _, text := range shown {
		if !matches("...\n"+strings.TrimRight(text, "\n")+"\n...", out) {
			t.Errorf("%s has\n%s\nwhich is not in\n%s", doc, text, out)
		}
	}
	failed := regexp.MustCompile(`(?m)^--- FAIL: (\w+)`).FindAllStringSubmatch(out, -1)
	if len(failed) != len(shown) {
		t.Errorf("%d tests of %s fail, and it shows %d: %v\n%s", len(failed), doc, len(shown), failed, out)
	}
}

// TestReadmeTest runs the test of README.md on the policy that stands there.
func TestReadmeTest(t *testing.T) {
	dir := testModule(t)
	write(t, dir, "web.policy", strings.Join(blocks(t, "README.md", "policy"), "\n"))
	write(t, dir, "web_test.go", `package web

import (
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/uringtest"
)

`+strings.Join(blocks(t, "README.md", "go"), "\n"))
	if out, err := goTest(dir); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// testModule is an empty module that may import this one.
func testModule(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text := readFile(t, filepath.Join(exampleModule, name))
		here, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, strings.Replace(text, "=> ../..", "=> "+filepath.ToSlash(here), 1))
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
