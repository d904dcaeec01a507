// Package page has what pages for people share: their frame and their style. A page is one file that needs nothing
// else, no network and no script; it is for small screens, dark rooms, printers and keyboards as well.
package page

import (
	_ "embed"
	"html/template"
)

//go:embed frame.html
var frame string

//go:embed style.css
var style string

// New is a template that makes a page. The body defines "title", the text of the title bar, "main", what stands in the
// page, and if it needs more style, "style". It panics if the body is no template.
func New(body string) *template.Template {
	t := template.New("page").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(style) }})
	return template.Must(template.Must(t.Parse(frame)).Parse(body))
}
