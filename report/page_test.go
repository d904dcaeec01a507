package report_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/report"
	"github.com/uringsim/uringsim/trace"
)

// pageOf is the page on traces in files.
func pageOf(t *testing.T, r kernel.Release, files ...string) string {
	t.Helper()
	p := report.New(r)
	for _, file := range files {
		in, err := trace.OpenFile(file)
		if err != nil {
			t.Fatal(err)
		}
		err = p.Add(file, in)
		in.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// pageOfText is the page on a trace that is written out.
func pageOfText(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return pageOf(t, kernel.V7_3, file)
}

func parse(t *testing.T, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// text is what people read of the node.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// elements are those of a page with a name.
func elements(doc *html.Node, name string) []*html.Node {
	var list []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			list = append(list, n)
		}
	}
	return list
}

// check is what is true of every page: it is well formed, asks for nothing from elsewhere, runs nothing, and can be used
// with a keyboard and read aloud.
func check(t *testing.T, page string) *html.Node {
	t.Helper()
	balanced(t, page)
	doc := parse(t, page)
	harmless(t, doc)
	accessible(t, doc)
	if !utf8.ValidString(page) {
		t.Error("the page is not UTF-8")
	}
	if i := strings.IndexFunc(page, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the page has the character %q", page[i:i+1])
	}
	return doc
}

// void are the elements without an end.
var void = []atom.Atom{atom.Meta, atom.Br}

// balanced fails if tags do not nest, which a parser would mend.
func balanced(t *testing.T, page string) {
	t.Helper()
	var open []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF || len(open) > 0 {
				t.Errorf("%v, and %v are open at the end", z.Err(), open)
			}
			return
		case html.StartTagToken:
			if tok := z.Token(); !slices.Contains(void, tok.DataAtom) {
				open = append(open, tok.Data)
			}
		case html.EndTagToken:
			tok := z.Token()
			if len(open) == 0 || open[len(open)-1] != tok.Data {
				t.Fatalf("</%s> does not end %v", tok.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// known are the elements that a page has.
var known = strings.Fields(`html head meta title style body a main section nav h1 h2 h3 p ul ol li dl dt dd div figure table
	thead tbody tr th td span strong code br details summary pre svg g rect line path text`)

// harmless fails for anything that could run or be fetched.
func harmless(t *testing.T, doc *html.Node) {
	t.Helper()
	ids := map[string]bool{}
	var links []string
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(known, n.Data) {
			t.Errorf("the page has an element <%s>", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("id %q is there twice", a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href":
				links = append(links, a.Val)
			case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "style", a.Key == "srcset", a.Key == "action":
				t.Errorf("the page has an attribute %s=%q", a.Key, a.Val)
			}
		}
		if n.Data == "style" && regexp.MustCompile(`url\(|@import|http`).MatchString(text(n)) {
			t.Error("the style asks for something")
		}
	}
	for _, to := range links {
		if id, ok := strings.CutPrefix(to, "#"); !ok || !ids[id] {
			t.Errorf("a link leads to %q", to)
		}
	}
}

// accessible fails for headings that leave out a level, and for regions and drawings without a name.
func accessible(t *testing.T, doc *html.Node) {
	t.Helper()
	level := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
			now := int(n.Data[1] - '0')
			if now > level+1 || level == 0 && now != 1 || text(n) == "" {
				t.Errorf("heading %d %q follows one of level %d", now, text(n), level)
			}
			level = now
		}
		named := attr(n, "aria-label") != "" || attr(n, "aria-labelledby") != ""
		switch {
		case (attr(n, "role") != "" || n.Data == "nav" || n.Data == "section") && !named:
			t.Errorf("<%s role=%q> has no name", n.Data, attr(n, "role"))
		case n.Data == "svg" && !named && attr(n, "aria-hidden") != "true":
			t.Error("a drawing has no name")
		case attr(n, "class") == "wide" && attr(n, "tabindex") != "0":
			t.Error("what can be scrolled cannot be reached with a keyboard")
		case n.Data == "th" && attr(n, "scope") == "":
			t.Errorf("the header %q does not say of what", text(n))
		}
	}
	first := elements(doc, "a")[0]
	if attr(first, "href") != "#main" || attr(elements(doc, "main")[0], "id") != "main" {
		t.Errorf("the first link is %q and leads to %q", text(first), attr(first, "href"))
	}
	if len(elements(doc, "main")) != 1 || len(elements(doc, "nav")) != 1 || attr(elements(doc, "html")[0], "lang") == "" {
		t.Error("the page lacks a landmark or its language")
	}
}

const recorded = "../testdata/kernel/"

// TestRecorded: pages on recorded traces are in order, on any release.
func TestRecorded(t *testing.T) {
	files := []string{"exec-after-setup", "chain-denied-member", "cbpf-multi-level", "exec-by-vfork-child", "cbpf-deny-rest"}
	for i, name := range files {
		files[i] = recorded + name + ".json"
		if _, err := os.Stat(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	k, err := kernel.Parse("7.0~restrictions-lost-on-exec")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []kernel.Release{kernel.V6_19, kernel.V7_3, k} {
		doc := check(t, pageOf(t, r, files...))
		if n := len(elements(doc, "section")); n != len(files)+2 {
			t.Errorf("%s: %d sections for %d traces", r.Name, n, len(files))
		}
		if got := text(elements(doc, "h1")[0]); got != fmt.Sprintf("What Linux %s does with 5 traces", r.Name) {
			t.Errorf("the page begins %q", got)
		}
	}
}

// outline is a page without its looks: headings, what calls have in the drawing, and reasons.
func outline(doc *html.Node) []string {
	var lines []string
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch {
		case n.Data == "h1", n.Data == "h2", n.Data == "h3":
			lines = append(lines, strings.Repeat("#", int(n.Data[1]-'0'))+" "+text(n))
		case n.Data == "title" && n.Namespace == "svg":
			line := "- " + text(n)
			if a := n.Parent.Parent; a.Data == "a" {
				line += " -> " + attr(a, "href")
			}
			if n.Parent.Data == "g" {
				lines = append(lines, line)
			}
		case n.Data == "li" && strings.HasPrefix(attr(n, "id"), "t"):
			lines = append(lines, attr(n, "id")+" "+text(n))
		case n.Data == "dt":
			lines = append(lines, text(n))
		}
	}
	return lines
}

// TestOutline: what stands where in a page.
func TestOutline(t *testing.T) {
	want := strings.Split(strings.TrimSpace(`
# What Linux 7.3 does with a trace
## Summary
### How to read the timelines
## ../testdata/kernel/exec-after-setup.json: A task that has used io_uring keeps its filters over execve, except on 7.0
### Timeline
- 1: init, setup entries=4: 3
- 2: init, register BPF_FILTER fd=-1 NOP: 0
- 3: init, setup entries=4: 4
- 4: init, enter fd=4: 1; 1 request refused -> #t1r0
- 5: init, exec: 0
- 6: init, setup entries=4: 3
- 7: init, enter fd=3: 1; 1 request refused -> #t1r0
### What was refused, and why
t1r0 NOP EACCES by filter, 2 times denied by filter 1 of 1 (registered by task init in event 2), instruction 0 `+
		`Linux: io_uring/bpf_filter.c:__io_uring_run_bpf_filters What the filter looked at: nothing, it denies all of them `+
		`(2 times) The way through the filter, of the first 0 ret #0 deny In call 4, call 7
### Where releases differ
(a)
(b)
(c)
## Filters and their coverage
### filter for NOP: registered once, ran 2 times, allowed 0`), "\n")
	doc := check(t, pageOf(t, kernel.V7_3, recorded+"exec-after-setup.json"))
	if diff := cmp.Diff(want, outline(doc)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
