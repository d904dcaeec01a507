package page_test

import (
	"strings"
	"testing"

	"github.com/uringsim/uringsim/internal/page"
)

// TestNew: a page is whole, has what screens, printers and keyboards need, and asks for nothing from elsewhere.
func TestNew(t *testing.T) {
	var out strings.Builder
	body := `{{define "title"}}{{.}}{{end}}{{define "main"}}<h1>{{.}}</h1>{{end}}`
	if err := page.New(body).Execute(&out, "</title><script>"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<!DOCTYPE html>", `lang="en"`, `name="viewport"`, `href="#main"`, `<main id="main"`,
		"prefers-color-scheme: dark", "@media print", ":focus-visible", "<title>&lt;/title&gt;&lt;script&gt;</title>"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, &out)
		}
	}
	for _, other := range []string{"<script", "http", "url(", "@import"} {
		if strings.Contains(out.String(), other) {
			t.Errorf("the page has %q", other)
		}
	}
}
