package uringsim_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/uringsim/uringsim"

// lattice says which packages may import which. "a < b" means that b may import a and whatever a may; "a, b < c, d"
// that c and d may import both. It reads from the ABI at the bottom to the command at the top.
const lattice = `
	# The ABI, the releases, and what everything speaks of.
	NONE < uapi, kernel;
	uapi < mm, verdict;

	# Places in texts.
	NONE < srcpos;

	# What knows neither tasks nor rings.
	srcpos, uapi, verdict < cbpfvm;
	kernel, mm, verdict < opdef;

	# The trace format, what a kernel is to it, and traces made at random. None of this knows the model.
	NONE < internal/stream;
	cbpfvm, internal/stream, kernel < trace < gen, plan;

	# What sandboxes register, in the forms that people write it in. A policy knows nothing of the model, which judges it.
	trace < progtext, request;
	plan < policy;
	policy, progtext < load;
	plan < source;
	NONE < internal/page;
	internal/page, progtext < cover;

	# What they allow, for all requests at once. It knows the rows of opcodes, and not the model, which judges it.
	opdef, plan < symbolic;

	# Mistakes in it.
	symbolic < lint < lint/sarif < cmd/uringsim;

	# Submissions, written as programs do.
	trace < sqe;

	# The model.
	cbpfvm, opdef < bpffilter < tctx < register;
	register, trace < sim;

	# What releases say to requests.
	cover, plan, request, sim < eval < cmd/uringsim;

	# Policies on what programs were recorded to do.
	policy, sim, symbolic < trial;

	# All requests at once.
	opdef, plan < symbolic;

	# Output of what runs at the same time.
	NONE < internal/inorder < cmd/uringsim;

	# What replays of many traces gave, added up.
	trial < fleet < cmd/uringsim;

	# The running kernel. It knows nothing of the model: each is the other's witness.
	uapi < internal/sysuring;
	internal/sysuring < internal/vm < internal/vm/vmtest;
	internal/sysuring, trace < internal/live < internal/live/livetest;
	internal/live/livetest, internal/vm < internal/live/livetest/guest;
	internal/live, internal/vm, gen, kernel < internal/judge;

	# What real programs submit.
	internal/sysuring < internal/ptrace, internal/sysuring/submit;
	internal/ptrace, trace < internal/record;
	internal/ptrace, sim < internal/admission;
	internal/admission, internal/record < cmd/uringsim;
	trace < internal/tracepoint < cmd/uringsim;

	# Where the two meet. The root has no code, only traces.
	NONE < .;
	internal/judge, sim < internal/differ < internal/differ/outcomes;
	., internal/judge, sim < internal/probe;
	internal/judge, plan, request < internal/dryrun;
	internal/judge, sim < internal/judge/judgetest;
	internal/sysuring, plan, sim < internal/bench;
	cover, internal/page, sim < report < cmd/uringsim;
	internal/bench, internal/differ, internal/dryrun, internal/probe < cmd/uringsim;
	cover, lint, load, request, source, symbolic, trial < cmd/uringsim;

	# What tests of users import.
	cover, load, sim, sqe, symbolic < uringtest;
`

// outside says which packages may import which other modules, or unsafe.
var outside = map[string][]string{
	"github.com/go-json-experiment/json": {"cmd/uringsim", "fleet", "internal/differ", "internal/differ/outcomes", "internal/judge", "plan", "policy", "request", "sqe", "trace", "uringtest"},
	"github.com/google/go-cmp":           {"internal/differ", "internal/judge", "trace"},
	"github.com/klauspost/compress":      {"internal/differ", "internal/stream", "trace"},
	"github.com/owenrumney/go-sarif":     {"lint/sarif"},
	"github.com/spf13/cobra":             {"cmd/uringsim"},
	"github.com/spf13/pflag":             {"cmd/uringsim"},
	"golang.org/x/net/bpf":               {"cbpfvm"},
	"golang.org/x/sys":                   {"internal/admission", "internal/live", "internal/ptrace", "internal/record", "internal/sysuring", "internal/vm"},
	"unsafe":                             {"internal/sysuring"},
}

// TestImports fails for an import that the lattice does not state, on whatever system it is compiled.
func TestImports(t *testing.T) {
	may := parseLattice(t, lattice)
	packages := map[string]bool{}
	for _, imp := range imports(t) {
		if imp.test {
			continue
		}
		if may[imp.from] == nil {
			if !packages[imp.from] {
				t.Errorf("package %q does not stand in the lattice", imp.from)
			}
			packages[imp.from] = true
			continue
		}
		packages[imp.from] = true
		if own, ok := strings.CutPrefix(imp.to+"/", module+"/"); ok {
			own = path.Clean(own)
			if !may[imp.from][own] {
				t.Errorf("%s: %q may not import %q", imp.file, imp.from, own)
			}
		} else if other := outsideOf(imp.to); other != "" && !slices.Contains(outside[other], imp.from) {
			t.Errorf("%s: %q may not import %q", imp.file, imp.from, imp.to)
		}
	}
	for pkg := range may {
		if !packages[pkg] {
			t.Errorf("the lattice has %q, which is no package", pkg)
		}
	}
}

// TestOnlyInternalIsUnsafe fails if unsafe, system calls or C are used anywhere but below internal/, also in tests.
func TestOnlyInternalIsUnsafe(t *testing.T) {
	for _, imp := range imports(t) {
		switch {
		case imp.to == "C":
			t.Errorf("%s: there is no C in this module", imp.file)
		case imp.to == "unsafe", imp.to == "syscall", strings.HasPrefix(imp.to, "golang.org/x/sys/"):
			if !strings.HasPrefix(imp.from, "internal/") {
				t.Errorf("%s: %q is for packages below internal/", imp.file, imp.to)
			}
		}
	}
}

// outsideOf is the key of outside that an import falls under, the import itself if it is of some other module, and ""
// if it is of the standard library.
func outsideOf(imp string) string {
	for other := range outside {
		if imp == other || strings.HasPrefix(imp, other+"/") {
			return other
		}
	}
	if domain, _, _ := strings.Cut(imp, "/"); strings.Contains(domain, ".") {
		return imp
	}
	return ""
}

// importOf is one import in one file.
type importOf struct {
	file, from, to string
	test           bool
}

// imports are those of all Go files of the module, whatever they are built for.
func imports(t *testing.T) []importOf {
	t.Helper()
	var all []importOf
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if file == "." {
				return nil
			}
			_, err := fs.Stat(root, path.Join(file, "go.mod"))
			if err == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		test := strings.HasSuffix(file, "_test.go")
		if !test && len(f.Imports) == 0 {
			all = append(all, importOf{file: file, from: path.Dir(file), to: "builtin"})
		}
		for _, spec := range f.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all = append(all, importOf{file, path.Dir(file), to, test})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parseLattice gives for each package those that it may import.
func parseLattice(t *testing.T, text string) map[string]map[string]bool {
	t.Helper()
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	may := map[string]map[string]bool{}
	for rule := range strings.SplitSeq(strings.Join(lines, " "), ";") {
		if strings.TrimSpace(rule) == "" {
			continue
		}
		var below []string
		for group := range strings.SplitSeq(rule, "<") {
			names := strings.Split(group, ",")
			for i, name := range names {
				names[i] = strings.TrimSpace(name)
			}
			if below == nil {
				below = names
				continue
			}
			for _, name := range names {
				if may[name] == nil {
					may[name] = map[string]bool{}
				}
				for _, b := range below {
					if b == "NONE" {
						continue
					}
					if may[b] == nil {
						t.Fatalf("the lattice speaks of %q above %q before it says what that may import", name, b)
					}
					may[name][b] = true
					maps.Copy(may[name], may[b])
				}
			}
			below = names
		}
	}
	return may
}
