package uringsim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	strict "github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

const schemaFile = "docs/trace.schema.json"

// TestSchemaFile fails if the schema is not the one that the types of package trace give. -update writes it.
func TestSchemaFile(t *testing.T) {
	g := &schemaGen{t: t, defs: map[string]any{}, comments: comments(t, "trace")}
	var out bytes.Buffer
	render(&out, g.document(), "")
	out.WriteByte('\n')
	golden(t, schemaFile, out.Bytes())
}

// TestSchemaCalls fails if a call of the format is missing in callArgs.
func TestSchemaCalls(t *testing.T) {
	_, err := trace.Read(strings.NewReader(`{"trace": 1, "events": [{"call": "?"}]}`), "t.json")
	if err == nil {
		t.Fatal("there is a call named ?")
	}
	_, list, _ := strings.Cut(err.Error(), "known are ")
	want := strings.Split(list, ", ")
	var got []string
	for _, a := range callArgs {
		got = append(got, callName(a))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("calls of the format: %q; in this test: %q", want, got)
	}
}

// TestSchemaAcceptsTraces validates every trace in testdata, as it stands and as trace.Write writes it.
func TestSchemaAcceptsTraces(t *testing.T) {
	schemas := compileSchemas(t)
	for _, file := range traceFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(file) == ".jsonl" {
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			schemas.check(t, "header", file, lines[0])
			for _, line := range lines[1:] {
				if strings.TrimSpace(line) != "" {
					schemas.check(t, "event", file, line)
				}
			}
			continue
		}
		schemas.check(t, "document", file, string(text))
		tr, err := trace.Read(bytes.NewReader(text), file)
		if err != nil {
			t.Error(err)
			continue
		}
		var again bytes.Buffer
		if err := tr.Write(&again); err != nil {
			t.Fatal(err)
		}
		schemas.check(t, "document", file+" as written", again.String())
	}
}

// TestSchemaRefuses has documents that neither the schema nor the reader takes.
func TestSchemaRefuses(t *testing.T) {
	schemas := compileSchemas(t)
	event := func(s string) string { return `{"trace": 1, "events": [` + s + `]}` }
	for name, doc := range map[string]string{
		"an array":                `[]`,
		"another version":         `{"trace": 2, "events": []}`,
		"unknown key":             `{"trace": 1, "color": "red", "events": []}`,
		"events as object":        `{"trace": 1, "events": {}}`,
		"an event that is none":   event(`5`),
		"no call":                 event(`{"task": "init"}`),
		"unknown call":            event(`{"call": "sleep"}`),
		"unknown argument":        event(`{"call": "setup", "entries": 1, "size": 1}`),
		"argument of another":     event(`{"call": "exec", "fd": 3}`),
		"not a number":            event(`{"call": "setup", "entries": true}`),
		"half a number":           event(`{"call": "setup", "entries": 0.5}`),
		"not a name":              event(`{"call": "setup", "entries": "many"}`),
		"unknown flag":            event(`{"call": "setup", "entries": 1, "flags": "IOPOLL|FAST"}`),
		"flag behind nothing":     event(`{"call": "setup", "entries": 1, "flags": "|IOPOLL"}`),
		"unknown register opcode": event(`{"call": "register", "fd": 3, "op": "NAP"}`),
		"path that is a number":   event(`{"call": "open", "path": 1}`),
		"unknown SQE field":       event(`{"call": "enter", "fd": 3, "sqes": [{"opcode": "NOP", "length": 1}]}`),
		"unknown opcode":          event(`{"call": "enter", "fd": 3, "sqes": [{"opcode": "NAP"}]}`),
		"socket names elsewhere":  event(`{"call": "enter", "fd": 3, "sqes": [{"opcode": "NOP", "fd": "AF_INET"}]}`),
		"unknown result":          event(`{"call": "exec", "results": [{"ret": 0, "errno": 1}]}`),
		"value too wide":          event(`{"call": "enter", "fd": 3, "sqes": [{"opcode": 256}]}`),
		"SQE of 63 bytes":         event(`{"call": "enter", "fd": 3, "sqes": ["` + strings.Repeat("00", 63) + `"]}`),
		"narrow field to object":  event(`{"call": "enter", "fd": 3, "sqes": [{"fd": {"path": "/"}}]}`),
		"unknown object":          event(`{"call": "register", "fd": 3, "op": 0, "arg": {"file": "/"}}`),
		"unknown filter field":    event(`{"call": "register", "fd": 3, "op": 37, "arg": {"bpf_filter": {"op": 0}}}`),
		"unknown restriction":     event(`{"call": "register", "fd": 3, "op": 11, "arg": {"restrictions": [{"op": 0}]}}`),
		"not hexadecimal":         event(`{"call": "write", "addr": 0, "bytes": "0x00"}`),
		"half a byte":             event(`{"call": "write", "addr": 0, "bytes": "000"}`),
		"unknown error":           event(`{"call": "exec", "results": [{"ret": "EBROKEN"}]}`),
		"results as object":       event(`{"call": "exec", "results": {"ret": 0}}`),
	} {
		t.Run(name, func(t *testing.T) {
			if schemas.validate(t, "document", doc) == nil {
				t.Errorf("the schema takes %s", doc)
			}
			if _, err := trace.Read(strings.NewReader(doc), "t.json"); err == nil {
				t.Errorf("the reader takes %s", doc)
			}
		})
	}
}

// traceFiles are all traces of testdata, here and in packages.
func traceFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"testdata/*.json*", "testdata/*/*.json*", "*/testdata/*.json*", "examples/*.json*"} {
		m, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, m...)
	}
	files = slices.DeleteFunc(files, func(f string) bool {
		return filepath.Ext(f) == ".zst" || filepath.Base(filepath.Dir(f)) == "programs" // those are plans
	})
	if len(files) == 0 {
		t.Fatal("there are no traces")
	}
	return files
}

// schemas are the schema of a document and those of the lines of a .jsonl file.
type schemas map[string]*jsonschema.Schema

func compileSchemas(t *testing.T) schemas {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("trace.json", doc); err != nil {
		t.Fatal(err)
	}
	s := schemas{}
	for name, place := range map[string]string{"document": "", "header": "#/$defs/header", "event": "#/$defs/event"} {
		if s[name], err = c.Compile("trace.json" + place); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s schemas) validate(t *testing.T, which, text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s[which].Validate(doc)
}

func (s schemas) check(t *testing.T, which, file, text string) {
	t.Helper()
	if err := s.validate(t, which, text); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// callArgs has one value of the arguments of each call.
var callArgs = []trace.Args{&trace.MapArgs{}, &trace.ProtectArgs{}, &trace.UnmapArgs{}, &trace.WriteArgs{},
	&trace.SetupArgs{}, &trace.RegisterArgs{}, &trace.EnterArgs{}, &trace.ReapArgs{}, &trace.ForkArgs{},
	&trace.VForkArgs{}, &trace.ThreadArgs{}, &trace.ExecArgs{}, &trace.ExitArgs{}, &trace.CloseArgs{}, &trace.DupArgs{},
	&trace.CloexecArgs{}, &trace.OpenArgs{}, &trace.SocketArgs{}, &trace.SocketpairArgs{}, &trace.PipeArgs{},
	&trace.EventfdArgs{},
	&trace.RlimitNofileArgs{}, &trace.NoNewPrivsArgs{}, &trace.DropPrivilegesArgs{}, &trace.NewUserNSArgs{}, &trace.SeenSetupArgs{},
	&trace.SeenRegisterArgs{}, &trace.SeenSubmitArgs{}}

func callName(a trace.Args) string { return (&trace.Event{Args: a}).Call() }

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	key   string
	value any
}

// schemaGen makes the schema from the types of package trace.
type schemaGen struct {
	t        *testing.T
	defs     map[string]any
	comments map[string]string
}

// document is the whole schema.
func (g *schemaGen) document() object {
	header := g.members(reflect.TypeFor[trace.Header]())
	doc := append(slices.Clone(header), member{"events", object{{"type", "array"}, {"items", ref("event")}}})
	g.defs["header"] = g.closed(header, []string{"trace"}, "The first line of a .jsonl file.")
	g.defs["event"] = g.event()
	head := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "uringsim trace"},
		{"$comment", "Made from the types of package trace by: go test -run TestSchemaFile -update ."},
	}
	head = append(head, g.closed(doc, []string{"trace", "events"},
		"A trace as one document. The lines of a .jsonl file are a header and events, under $defs.")...)
	return append(head, member{"$defs", g.sortedDefs()})
}

func (g *schemaGen) sortedDefs() object {
	var defs object
	for name, def := range g.defs {
		defs = append(defs, member{name, def})
	}
	slices.SortFunc(defs, func(a, b member) int { return strings.Compare(a.key, b.key) })
	return defs
}

// event chooses by the call.
func (g *schemaGen) event() object {
	var calls, rules []any
	for _, a := range callArgs {
		name := callName(a)
		calls = append(calls, name)
		rules = append(rules, object{
			{"if", object{{"properties", object{{"call", object{{"const", name}}}}}, {"required", []any{"call"}}}},
			{"then", ref("call_" + name)}})
		g.call(name, reflect.TypeOf(a).Elem())
	}
	return object{{"type", "object"}, {"required", []any{"call"}},
		{"properties", object{{"call", object{{"enum", calls}}}}}, {"allOf", rules}}
}

// call defines the events of one call.
func (g *schemaGen) call(name string, args reflect.Type) {
	members := object{
		{"task", object{{"type", "string"}, {"default", trace.InitTask}}},
		{"call", object{{"const", name}}},
		{"why", object{{"type", "string"}}},
		{"results", object{{"type", "array"}, {"items", g.of(reflect.TypeFor[trace.Recorded]())}}},
	}
	members = append(members, g.members(args)...)
	g.defs["call_"+name] = g.closed(members, append([]string{"call"}, required(args)...), g.comments[args.Name()])
}

// closed is an object with these members and no others.
func (g *schemaGen) closed(members object, required []string, description string) object {
	o := object{{"type", "object"}}
	if description != "" {
		o = append(o, member{"description", description})
	}
	o = append(o, member{"properties", members}, member{"additionalProperties", false})
	if len(required) > 0 {
		o = append(o, member{"required", texts(required)})
	}
	return o
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// members are the members that a struct's fields give.
func (g *schemaGen) members(t reflect.Type) object {
	var o object
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		s := g.of(f.Type)
		if name == "trace" {
			s = object{{"const", trace.Version}}
		}
		if c := g.comments[t.Name()+"."+f.Name]; c != "" {
			s = append(slices.Clone(s), member{"description", c})
		}
		o = append(o, member{name, s})
	}
	return o
}

// required are the members that are always written.
func required(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if name, options, _ := strings.Cut(f.Tag.Get("json"), ","); !strings.Contains(options, "omitzero") {
			names = append(names, name)
		}
	}
	return names
}

// oneKey are the structs of which exactly one field is set.
var oneKey = map[string]bool{"Object": true, "Restriction": true}

// of is the schema of a type.
func (g *schemaGen) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[trace.Ret]():
		return g.define("ret", ret)
	case reflect.TypeFor[trace.Bytes]():
		return g.define("bytes", func() object { return object{{"type", "string"}, {"pattern", hexBytes("*")}} })
	case reflect.TypeFor[trace.Prot]():
		return object{{"enum", []any{string(trace.ProtNone), string(trace.ProtRead), string(trace.ProtReadWrite)}}}
	case reflect.TypeFor[trace.Sockaddr]():
		return object{{"type", "string"}, {"pattern", `^(unix:.*|\[[0-9A-Fa-f:.]+(%.+)?\]:[0-9]+|[0-9.]+:[0-9]+)$`}}
	case reflect.TypeFor[trace.Pointer]():
		return g.define("pointer", func() object {
			return object{{"anyOf", []any{number(64, nil), g.of(reflect.TypeFor[trace.Object]())}}}
		})
	case reflect.TypeFor[trace.SQE]():
		return g.define("sqe", g.sqe)
	}
	if strings.HasPrefix(t.Name(), "Num[") {
		return g.num(t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.of(t.Elem())
	case reflect.Slice:
		return object{{"type", "array"}, {"items", g.of(t.Elem())}}
	case reflect.Array:
		return object{{"type", "array"}, {"items", g.of(t.Elem())}, {"minItems", t.Len()}, {"maxItems", t.Len()}}
	case reflect.String:
		return object{{"type", "string"}}
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.Int:
		return object{{"type", "integer"}, {"minimum", 0}}
	case reflect.Uint32:
		return object{{"type", "integer"}, {"minimum", 0}, {"maximum", uint32(math.MaxUint32)}}
	case reflect.Uint64:
		return object{{"type", "integer"}, {"minimum", 0}}
	case reflect.Struct:
		return g.define(strings.ToLower(t.Name()), func() object {
			o := g.closed(g.members(t), required(t), g.comments[t.Name()])
			if oneKey[t.Name()] {
				o = append(o, member{"minProperties", 1}, member{"maxProperties", 1})
			}
			return o
		})
	}
	g.t.Fatalf("no schema for %v", t)
	return nil
}

// define gives a definition a name, once, and refers to it.
func (g *schemaGen) define(name string, make func() object) object {
	if _, done := g.defs[name]; !done {
		g.defs[name] = nil // for types that contain themselves
		g.defs[name] = make()
	}
	return ref(name)
}

func ref(name string) object { return object{{"$ref", "#/$defs/" + name}} }

// words says how numbers of one kind are written.
type words struct {
	family *uapi.Family
	flags  bool
}

// namings are the words of the numbers, by the type parameter of trace.Num.
var namings = map[string]*words{
	"plainTag": nil, "opTag": {uapi.Ops, false}, "regOpTag": {uapi.RegisterOps, false}, "sqeFlagsTag": {uapi.SQEFlags, true},
	"setupTag": {uapi.SetupFlags, true}, "enterTag": {uapi.EnterFlags, true}, "cqeFlagsTag": {uapi.CQEFlags, true},
	"openTag": {uapi.OpenFlags, true}, "resolveTag": {uapi.ResolveFlags, true}, "familyTag": {uapi.AddressFamilies, false},
	"sockTypeTag": {uapi.SocketTypes, true}, "protocolTag": {uapi.Protocols, false}, "bpfFlagsTag": {uapi.BPFFilterFlags, true},
	"bufRingTag": {uapi.BufRingFlags, true}, "cancelTag": {uapi.CancelFlags, true},
	"rsrcTag": {uapi.RsrcFlags, true}, "cloneTag": {uapi.CloneFlags, true},
}

// sqeNamings are the fields of an SQE that have words.
var sqeNamings = map[string]*words{
	"opcode": {uapi.Ops, false}, "flags": {uapi.SQEFlags, true}, "open_flags": {uapi.OpenFlags, true},
	"nop_flags": {uapi.NopFlags, true}, "timeout_flags": {uapi.TimeoutFlags, true},
	"cancel_flags": {uapi.CancelFlags, true}, "accept_flags": {uapi.SocketTypes, true},
}

// socketNamings are the fields that have words in an SQE of SOCKET, behind its opcode.
var socketNamings = map[string]*words{
	"fd": {uapi.AddressFamilies, false}, "off": {uapi.SocketTypes, true}, "len": {uapi.Protocols, false},
}

// num is a number of 64 bits, with the words that its type knows.
func (g *schemaGen) num(t reflect.Type) object {
	tag := t.Name()[strings.LastIndex(t.Name(), ".")+1 : len(t.Name())-1]
	w, ok := namings[tag]
	if !ok {
		g.t.Fatalf("no words for %v", t)
	}
	return g.define("num_"+strings.TrimSuffix(tag, "Tag"), func() object {
		g.checkWords(w, func(word string) error {
			return strict.Unmarshal(fmt.Appendf(nil, "%q", word), reflect.New(t).Interface())
		})
		return number(64, w)
	})
}

// checkWords fails if the reader does not take what the schema says.
func (g *schemaGen) checkWords(w *words, read func(string) error) {
	for _, good := range append(w.all(), "0", "0x12", "-1") {
		if err := read(good); err != nil {
			g.t.Errorf("the reader refuses %q: %v", good, err)
		}
	}
	joined := "1|2"
	if w != nil {
		joined = w.all()[0] + " | " + w.all()[1] + "|0x1"
	}
	if err := read(joined); (err == nil) != (w != nil && w.flags) {
		g.t.Errorf("%q: %v", joined, err)
	}
	if read("NOTHING_SUCH") == nil {
		g.t.Errorf("the reader takes any name")
	}
}

// all are the names, long and short.
func (w *words) all() []string {
	var names []string
	if w == nil {
		return nil
	}
	for _, row := range w.family.Rows {
		names = append(names, row.Name)
		if short, _ := w.family.Name(row.Value); short != "" && !slices.Contains(names, short) {
			names = append(names, short)
		}
	}
	return names
}

// numeral is a number in a string.
const numeral = `0[xX][0-9a-fA-F]{1,16}|0[bB][01]{1,64}|0[oO]?[0-7]{1,22}|0|[1-9][0-9]{0,19}`

// number is a number that fits in so many bits, signed or not, or its words.
func number(bits int, w *words) object {
	integer := object{{"type", "integer"}, {"minimum", int64(-1) << (bits - 1)}, {"maximum", ^uint64(0) >> (64 - bits)}}
	text := object{{"type", "string"}, {"pattern", "^-?(" + numeral + ")$"}}
	switch {
	case w == nil:
		return object{{"anyOf", []any{integer, text}}}
	case w.flags:
		name := " *(" + strings.Join(w.all(), "|") + "|" + numeral + ") *"
		text[1].value = "^" + name + "(\\|" + name + ")*$|^-(" + numeral + ")$"
		return object{{"anyOf", []any{integer, text}}}
	}
	return object{{"anyOf", []any{object{{"enum", texts(w.all())}}, integer, text}}}
}

// ret is a number or the name of an error.
func ret() object {
	var names []string
	for e := uapi.Errno(1); e < 4096; e++ {
		if name := e.String(); name[0] == 'E' {
			names = append(names, name)
		}
	}
	return object{{"anyOf", []any{object{{"enum", texts(names)}}, number(64, nil)[0].value.([]any)[0]}}}
}

// hexBytes are so many bytes in hexadecimal.
func hexBytes(times string) string { return `^\s*([0-9a-fA-F]\s*[0-9a-fA-F]\s*)` + times + "$" }

// sqe is an SQE in either form.
func (g *schemaGen) sqe() object {
	var fields, plain object
	for _, f := range uapi.SQEFields {
		g.checkField(sqeNamings[f.Name], `{%q: %q}`, f.Name)
		s := number(8*f.Size, sqeNamings[f.Name])
		if f.Size == 8 {
			s = g.of(reflect.TypeFor[trace.Pointer]())
		}
		if w := socketNamings[f.Name]; w != nil {
			g.checkField(w, `{"opcode": "SOCKET", %q: %q}`, f.Name)
			plain = append(plain, member{f.Name, s})
			s = object{{"anyOf", []any{s, number(8*f.Size, w)}}}
		}
		fields = append(fields, member{f.Name, s})
	}
	fields = append(fields,
		member{"cmd", object{{"type", "string"}, {"pattern", hexBytes("{0,64}")}, {"description", g.comments["SQE.Cmd"]}}},
		member{"slot", append(g.of(reflect.TypeFor[trace.Number]()), member{"description", g.comments["SQE.Slot"]})})
	sockets := []any{"IORING_OP_SOCKET", "SOCKET", int(uapi.IORING_OP_SOCKET)}
	return object{
		{"description", g.comments["SQE"]},
		{"anyOf", []any{
			append(g.closed(fields, nil, ""),
				member{"if", object{{"properties", object{{"opcode", object{{"enum", sockets}}}}}, {"required", []any{"opcode"}}}},
				member{"else", object{{"properties", plain}}}),
			object{{"type", "string"}, {"pattern", hexBytes("{64}")}},
			object{{"type", "string"}, {"pattern", hexBytes("{128}")}},
		}},
	}
}

// checkField fails if the reader does not take the words of an SQE's field.
func (g *schemaGen) checkField(w *words, format, field string) {
	if w == nil {
		return
	}
	g.checkWords(w, func(word string) error {
		if word == "-1" {
			return nil // too wide for some
		}
		return strict.Unmarshal(fmt.Appendf(nil, format, field, word), &trace.SQE{})
	})
}

// comments are those of the package's structs and of their fields, by "Type" and "Type.Field".
func comments(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				continue
			}
			for _, spec := range d.Specs {
				typ := spec.(*ast.TypeSpec)
				if len(d.Specs) == 1 {
					found[typ.Name.Name] = prose(typ.Name.Name, d.Doc)
				}
				s, ok := typ.Type.(*ast.StructType)
				if !ok {
					continue
				}
				for _, field := range s.Fields.List {
					for _, name := range field.Names {
						found[typ.Name.Name+"."+name.Name] = prose(name.Name, field.Comment)
					}
				}
			}
		}
	}
	return found
}

var isArticle = regexp.MustCompile(`^(is|are) `)

// prose is a comment as a description: without the name of what it is about.
func prose(name string, c *ast.CommentGroup) string {
	s := strings.Join(strings.Fields(c.Text()), " ")
	s = isArticle.ReplaceAllString(strings.TrimPrefix(s, name+" "), "")
	if s == "" || strings.HasPrefix(s, "struct ") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// render writes a value: what is short on one line.
func render(out *bytes.Buffer, v any, indent string) {
	const width = 110
	o, isObject := v.(object)
	list, isList := v.([]any)
	if compact := oneLine(v); len(indent)+len(compact) <= width || !isObject && !isList {
		out.Write(compact)
		return
	}
	if isList && isText(list) {
		renderText(out, list, indent, width)
		return
	}
	opening, closing := "{", "}"
	if isList {
		opening, closing = "[", "]"
	}
	out.WriteString(opening)
	for i := range max(len(o), len(list)) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n" + indent + "  ")
		if isList {
			render(out, list[i], indent+"  ")
		} else {
			fmt.Fprintf(out, "%q: ", o[i].key)
			render(out, o[i].value, indent+"  ")
		}
	}
	out.WriteString("\n" + indent + closing)
}

func isText(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { _, ok := v.(string); return !ok })
}

// renderText writes strings, as many on a line as fit.
func renderText(out *bytes.Buffer, list []any, indent string, width int) {
	out.WriteByte('[')
	room := 0
	for i, v := range list {
		text := oneLine(v)
		if room -= len(text) + 2; room < 0 {
			out.WriteString("\n" + indent + "  ")
			room = width - len(indent) - 2 - len(text)
		} else {
			out.WriteByte(' ')
		}
		out.Write(text)
		if i < len(list)-1 {
			out.WriteByte(',')
		}
	}
	out.WriteString("\n" + indent + "]")
}

// oneLine is a value on one line.
func oneLine(v any) []byte {
	var out bytes.Buffer
	switch v := v.(type) {
	case object:
		out.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			fmt.Fprintf(&out, "%q: %s", m.key, oneLine(m.value))
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			out.Write(oneLine(e))
		}
		out.WriteByte(']')
	default:
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			panic(err) // strings and numbers only
		}
		out.Truncate(out.Len() - 1)
	}
	return out.Bytes()
}
