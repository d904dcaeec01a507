package uringsim_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/admission"
	"github.com/uringsim/uringsim/internal/differ"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/progtext"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/request"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

// TestTraceExamples replays the examples of docs/trace.md on the newest release: all that they record is so.
func TestTraceExamples(t *testing.T) {
	schemas := compileSchemas(t)
	for _, text := range blocks(t, "docs/trace.md", "json") {
		if !strings.HasPrefix(text, `{"trace"`) { // events, one a line
			text = `{"trace": 1, "events": [` + strings.ReplaceAll(strings.TrimSpace(text), "\n", ",\n") + "]}"
		}
		schemas.check(t, "document", "docs/trace.md", text)
		tr, err := trace.Read(strings.NewReader(text), "docs/trace.md")
		if err != nil {
			t.Errorf("%v in %s", err, text)
			continue
		}
		p := trace.NewPlayer(sim.New(kernel.V7_3), kernel.V7_3.Name)
		for i := range tr.Events {
			if o, err := p.Play(&tr.Events[i]); err != nil {
				t.Errorf("%s: %v", tr.Name, err)
			} else if !o.OK() {
				t.Errorf("%s: event %d: %s%s", tr.Name, i+1, o.Unmodelled, o.Diff)
			}
		}
	}
}

// TestTraceReference fails if docs/trace.md does not speak of a call, an argument or a kind of object.
func TestTraceReference(t *testing.T) {
	text := readFile(t, "docs/trace.md")
	need := func(what, name string) {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/trace.md does not have the %s `%s`", what, name)
		}
	}
	g := &schemaGen{t: t, defs: map[string]any{}}
	g.document()
	for name, def := range g.defs {
		call, isCall := strings.CutPrefix(name, "call_")
		if isCall {
			need("call", call)
		}
		if name == "num_plain" || name == "sqe" {
			continue
		}
		o, ok := def.(object)
		if !ok {
			continue
		}
		for _, m := range o {
			if properties, ok := m.value.(object); ok && m.key == "properties" {
				for _, p := range properties {
					if p.key != "$schema" {
						need("key of "+name, p.key)
					}
				}
			}
		}
	}
}

// TestTraceFields keeps the list of context fields.
func TestTraceFields(t *testing.T) {
	var out strings.Builder
	out.WriteString("| name | offset | of |\n|---|---|---|\n")
	for _, f := range cbpfvm.Fields() {
		var ops []string
		for _, op := range f.Ops {
			ops = append(ops, op.String())
		}
		if f.Ops == nil {
			ops = []string{"all"}
		}
		fmt.Fprintf(&out, "| `%s` | %d | %s |\n", f.Name, f.Off, strings.Join(ops, ", "))
	}
	generated(t, "docs/trace.md", "fields", out.String())
}

// TestKernelsQuirks keeps the list of quirks.
func TestKernelsQuirks(t *testing.T) {
	var out strings.Builder
	var names []string
	for _, r := range kernel.Releases {
		names = append(names, r.Name)
	}
	fmt.Fprintf(&out, "| quirk | %s |\n|---%s|\n", strings.Join(names, " | "), strings.Repeat("|---", len(names)))
	for _, row := range kernel.Quirks {
		fmt.Fprintf(&out, "| [%s](#%s) |", row.Name, row.Name)
		for _, name := range names {
			mark := " "
			if slices.Contains(row.On, name) {
				mark = " × "
			}
			fmt.Fprintf(&out, "%s|", mark)
		}
		out.WriteByte('\n')
	}
	for _, row := range kernel.Quirks {
		fmt.Fprintf(&out, "\n### %s\n\n", row.Name)
		out.WriteString(wrap(sentence(row.What)+". "+sentence(row.Why)+". Without it: "+row.Else+".", "") + "\n")
		out.WriteString(wrap("Linux: `"+row.Where+"`. "+evidence(t, row), ""))
	}
	generated(t, "docs/kernels.md", "quirks", out.String())
}

// TestKernelsChanges keeps the story of the releases.
func TestKernelsChanges(t *testing.T) {
	var out strings.Builder
	for _, r := range kernel.Releases[1:] {
		before, _ := r.Before()
		began, ended := r.Changes(before)
		fmt.Fprintf(&out, "### What %s changed\n", r.Name)
		out.WriteByte('\n')
		for _, q := range append(ended, began...) {
			row := kernel.Quirks[q]
			text := fmt.Sprintf("- %s. Before: %s. %s. ([%s](#%[4]s)", sentence(r.Does(q)), before.Does(q),
				sentence(row.Why), q)
			if file := row.TraceFile(); file != "" {
				text += ", [trace](../" + file + ")"
			}
			out.WriteString(wrap(text+")", "  "))
		}
		out.WriteByte('\n')
	}
	generated(t, "docs/kernels.md", "changes", strings.TrimSpace(out.String())+"\n")
}

// TestKernelsUnreached keeps the list of what no generated trace makes the model refuse.
func TestKernelsUnreached(t *testing.T) {
	var out strings.Builder
	out.WriteString("| prep, step and errno | why |\n|---|---|\n")
	for _, exit := range slices.Sorted(maps.Keys(differ.UnreachedSteps)) {
		fmt.Fprintf(&out, "| %s | %s |\n", code(exit), differ.UnreachedSteps[exit])
	}
	out.WriteString("\n| line of the model | why |\n|---|---|\n")
	for _, exit := range slices.Sorted(maps.Keys(differ.UnreachedExits)) {
		file, line, _ := strings.Cut(exit, ": ")
		fmt.Fprintf(&out, "| `%s`: `%s` | %s |\n", file, line, differ.UnreachedExits[exit])
	}
	generated(t, "docs/kernels.md", "unreached", out.String())
}

// sentence begins with a capital letter, unless the first word is a name.
func sentence(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if first != strings.ToLower(first) || strings.ContainsAny(first, "_0123456789.") || first == "execve" || first == "fd" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// evidence is the trace that shows a quirk, and the kernels that it was recorded on.
func evidence(t *testing.T, row kernel.Row) string {
	file := row.TraceFile()
	if file == "" {
		return "No trace shows it: " + row.Never + "."
	}
	tr, err := trace.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	link := fmt.Sprintf("Trace: [%s](../%s), ", strings.TrimSuffix(filepath.Base(file), ".json"), file)
	recorded := map[string]bool{}
	for _, e := range tr.Events {
		for _, r := range e.Results {
			for _, on := range r.On {
				recorded[on] = true
			}
		}
	}
	var on []string
	for _, r := range kernel.Releases {
		if recorded[r.Name] {
			on = append(on, r.Version)
		}
	}
	if on == nil {
		return link + "not recorded yet."
	}
	if !slices.ContainsFunc(row.On, func(on string) bool { return on != kernel.D42EB05E60.Name }) {
		return "From the source of that commit; no kernel that has it was asked. " + link + "recorded on " +
			strings.Join(on, ", ") + ", which have it not."
	}
	return link + "recorded on " + strings.Join(on, ", ") + "."
}

// TestModelRegister keeps the list of register opcodes that are not modelled: those for which the model has no answer
// however good the arguments are.
func TestModelRegister(t *testing.T) {
	var missing []string
	for _, row := range uapi.RegisterOps.Rows {
		if unmodelled(kernel.V7_3, uint32(row.Value)) {
			missing = append(missing, uapi.RegisterOp(row.Value).String())
		}
	}
	line := "- register opcodes " + strings.Join(missing, ", ") + ".\n"
	generated(t, "docs/model.md", "register", wrap(line, "  "))
}

// TestModelDeparts keeps the list of what the model does otherwise than the kernel: the comments that begin "Departs:".
func TestModelDeparts(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, file := range files {
		var text string
		for line := range strings.Lines(readFile(t, file)) {
			if strings.HasPrefix(line, "// Departs: ") || text != "" && strings.HasPrefix(line, "// ") {
				text += " " + strings.TrimSpace(strings.TrimPrefix(line, "//"))
				continue
			}
			if text != "" {
				out.WriteString(wrap("-"+strings.TrimPrefix(text, " Departs:")+" (`"+filepath.ToSlash(file)+"`)", "  "))
			}
			text = ""
		}
	}
	generated(t, "docs/model.md", "departs", out.String())
}

// unmodelled tries arguments that pass the checks of one opcode or another.
func unmodelled(k kernel.Release, op uint32) bool {
	const addr = trace.ScratchBase
	for _, fd := range []int32{-1, 3} {
		for _, arg := range []uint64{0, addr} {
			for _, nr := range []uint32{0, 1, 2, 32} {
				sys := sim.New(k)
				sys.Do(trace.InitTask, trace.Map{Addr: addr, Size: trace.ScratchSize, Prot: trace.ProtReadWrite})
				sys.Do(trace.InitTask, trace.Setup{Ring: "r", Entries: 4, Params: addr})
				sqe := uapi.SQE{}
				sqe.SetOpcode(uapi.IORING_OP_MSG_RING)
				clean := append(sqe[:], make([]byte, uapi.SizeofParams)...)
				sys.Do(trace.InitTask, trace.Write{Addr: addr, Data: clean})
				task, _ := sys.Task(trace.InitTask)
				if register.Call(k, task, &register.Args{FD: fd, Op: op, Arg: arg, Nr: nr}).Unmodelled != "" {
					return true
				}
			}
		}
	}
	return false
}

// build builds a program of this module.
func build(t *testing.T, name, folder string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", bin, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// TestCommands runs the commands of console blocks: what follows them is what they print. A line "..." stands for any.
// What they write goes to another folder. Where programs cannot be run under the model, such commands are left out.
func TestCommands(t *testing.T) {
	bin := build(t, "uringsim.exe", "./cmd/uringsim")
	submits := filepath.Dir(build(t, "submit", "./internal/sysuring/submit"))
	t.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+submits)
	for _, file := range documents(t) {
		document := readFile(t, file)
		written := map[string]string{} // where the files really are, by their names
		for _, text := range blocks(t, file, "console") {
			for _, part := range strings.Split("\n"+text, "\n$ ")[1:] {
				line, want, _ := strings.Cut(part, "\n")
				args, ok := strings.CutPrefix(line, "go run ./cmd/uringsim ")
				if !ok {
					args, ok = strings.CutPrefix(line, "uringsim ")
				}
				if two := strings.Fields(line); !ok && len(two) == 3 && two[0] == "cmp" {
					if a, b := readFile(t, written[two[1]]), readFile(t, written[two[2]]); a != b || a == "" {
						t.Errorf("%s: %s: they differ", file, line)
					}
					continue
				}
				if !ok {
					t.Errorf("%s: a test cannot run %q", file, line)
					continue
				}
				fields := strings.Fields(args)
				if err := admission.Available(); err != nil && fields[0] == "run" {
					t.Logf("%s: not run: %s: %v", file, line, err)
					continue
				}
				for i, name := range fields {
					if i > 0 && (fields[i-1] == "--html" || fields[i-1] == "--plot" || fields[i-1] == "-o" ||
						fields[i-1] == "--summary") {
						written[name] = filepath.Join(t.TempDir(), name)
					}
					if to, ok := written[name]; ok {
						fields[i] = to
					}
				}
				out, _ := exec.Command(bin, fields...).CombinedOutput() // the output tells of errors
				got := strings.TrimSpace(strings.ReplaceAll(string(out), "\r\n", "\n"))
				for name, to := range written {
					got = strings.ReplaceAll(got, to, name)
				}
				switch want = strings.TrimSpace(want); {
				case matches(want, got):
				case *update:
					if head, _, cut := strings.Cut(want, "\n..."); cut { // as many lines as there were
						lines := strings.Split(got, "\n")
						got = strings.Join(lines[:min(len(lines), 1+strings.Count(head, "\n"))], "\n") + "\n..."
					}
					old, now := "$ "+line+"\n"+want, "$ "+line+"\n"+got
					document = strings.Replace(document, strings.TrimSpace(old), now, 1)
				default:
					t.Errorf("%s: %s prints\n%s\nbut the document has\n%s\ngo test -run TestCommands -update . writes it", file, line, got, want)
				}
			}
		}
		golden(t, file, []byte(document))
	}
}

// matches compares texts, where a line "..." stands for any lines.
func matches(want, got string) bool {
	parts := strings.Split("\n"+want+"\n", "\n...\n")
	expr := "(?s)^"
	for i, p := range parts {
		if i > 0 {
			expr += "\n(.*\n)?"
		}
		expr += regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(expr + "$").MatchString("\n" + got + "\n")
}

// TestJSONKeys fails if docs/json.md does not tell of a key that the command prints.
func TestJSONKeys(t *testing.T) {
	text := readFile(t, "docs/json.md")
	files, err := filepath.Glob("cmd/uringsim/*.go")
	if err != nil {
		t.Fatal(err)
	}
	tag := regexp.MustCompile("`json:\"([a-z_]+)")
	found := 0
	for _, file := range files {
		for _, m := range tag.FindAllStringSubmatch(readFile(t, file), -1) {
			found++
			if !strings.Contains(text, "`"+m[1]+"`") {
				t.Errorf("docs/json.md does not have the key `%s` of %s", m[1], file)
			}
		}
	}
	if found < 50 {
		t.Errorf("the command has only %d keys", found)
	}
}

// TestModelResults fails if docs/model.md does not name an opcode whose result the model knows.
func TestModelResults(t *testing.T) {
	_, table, _ := strings.Cut(readFile(t, "sim/issue.go"), "var issuers = ")
	table, _, _ = strings.Cut(table, "\n}")
	row := regexp.MustCompile(`(?m)^\| results \| .*$`).FindString(readFile(t, "docs/model.md"))
	ops := regexp.MustCompile(`uapi\.IORING_OP_([A-Z0-9_]+): +(issue[A-Za-z]+)`).FindAllStringSubmatch(table, -1)
	if len(ops) < 3 {
		t.Fatalf("found %d issuers", len(ops))
	}
	for _, op := range ops {
		name := op[1]
		if op[2] == "issueOnSocket" {
			name = "ENOTSOCK"
		}
		if !strings.Contains(row, name) {
			t.Errorf("docs/model.md's row of results does not name %s", name)
		}
	}
}

// TestLinks fails for links to files that do not exist, and for headings that do not.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)]+)\)`)
	for _, file := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readFile(t, file), -1) {
			target, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := filepath.Join(filepath.Dir(file), target)
			if target == "" {
				to = file
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			} else if heading != "" && !slices.Contains(headings(t, to), heading) {
				t.Errorf("%s links to %s: no such heading", file, m[1])
			}
		}
	}
}

// TestFolders checks CONTRIBUTING.md's table of kernel files and folders against the "Linux:" comments.
func TestFolders(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| (`[^|]*`[^|]*)\\| `([a-z]+)/` \\|")
	quoted := regexp.MustCompile("`([a-z_/]+\\.[ch])`")
	rows := row.FindAllStringSubmatch(readFile(t, "CONTRIBUTING.md"), -1)
	if len(rows) < 5 {
		t.Fatalf("CONTRIBUTING.md's table has %d rows", len(rows))
	}
	for _, r := range rows {
		var code strings.Builder
		files, err := filepath.Glob(filepath.Join(r[2], "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			code.WriteString(readFile(t, f))
		}
		for _, m := range quoted.FindAllStringSubmatch(r[1], -1) {
			if !strings.Contains(code.String(), m[1]) {
				t.Errorf("CONTRIBUTING.md says that %s models %s, which no comment there does", r[2], m[1])
			}
		}
	}
}

// documents are the Markdown files.
func documents(t *testing.T) []string {
	t.Helper()
	top, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("examples/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(top, docs, examples)
}

// headings are the anchors of a document.
func headings(t *testing.T, file string) []string {
	var anchors []string
	for line := range strings.Lines(readFile(t, file)) {
		if text, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			text = strings.ToLower(strings.TrimSpace(text))
			text = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(text, "")
			anchors = append(anchors, strings.ReplaceAll(text, " ", "-"))
		}
	}
	return anchors
}

// blocks are the fenced blocks of a document in a language.
func blocks(t *testing.T, file, language string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(readFile(t, file), -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	return found
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// wrap breaks a line at 120 columns.
func wrap(line, indent string) string {
	var out strings.Builder
	col := 0
	for word := range strings.FieldsSeq(line) {
		switch {
		case col == 0:
		case col+1+len(word) > 120:
			out.WriteString("\n" + indent)
			col = len(indent)
		default:
			out.WriteByte(' ')
			col++
		}
		out.WriteString(word)
		col += len(word)
	}
	return out.String() + "\n"
}

// generated fails if the part of a document between "<!-- name: ... -->" and "<!-- end -->" is not as wanted. -update
// writes it.
func generated(t *testing.T, file, name, want string) {
	t.Helper()
	text := readFile(t, file)
	part := regexp.MustCompile(`(?s)(<!-- ` + name + `:[^>]*-->\n).*?(<!-- end -->)`)
	if !part.MatchString(text) {
		t.Fatalf("%s has no part %q", file, name)
	}
	escaped := strings.ReplaceAll("\n"+want+"\n", "$", "$$")
	golden(t, file, []byte(part.ReplaceAllString(text, "${1}"+escaped+"${2}")))
}

// golden fails if the file is not as wanted. -update writes it.
func golden(t *testing.T, file string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err == nil && bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		return
	}
	if !*update {
		t.Fatalf("%s is not up to date (%v): go test -run %s -update .", file, err, t.Name())
	}
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestProgramForms keeps the list of forms.
func TestProgramForms(t *testing.T) {
	var out strings.Builder
	out.WriteString("| form | suffix | what it is |\n|---|---|---|\n")
	for _, f := range progtext.Forms() {
		var suffixes []string
		for _, s := range f.Suffixes {
			suffixes = append(suffixes, "`"+s+"`")
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", f.Name, strings.Join(suffixes, " "), f.Doc)
	}
	generated(t, "docs/programs.md", "forms", out.String())
}

// TestRequestArguments keeps the list of what requests are written with.
func TestRequestArguments(t *testing.T) {
	var out strings.Builder
	out.WriteString("| opcode | argument | field of the SQE |\n|---|---|---|\n")
	row := func(op, name string) {
		for _, a := range request.Arguments(op) {
			fmt.Fprintf(&out, "| %s | `%s` | %s |\n", name, a[0], a[1])
			name = ""
		}
	}
	row("", "all")
	for _, r := range uapi.Ops.Rows {
		row(r.Name, uapi.Op(r.Value).String())
	}
	generated(t, "docs/programs.md", "arguments", out.String())
}
