// Package page holds what all HTML pages share: their frame and their style. A page is one file that needs nothing else,
// neither network nor script, and works on small screens, in dark mode, in print and with a keyboard.
package page

import (
	_ "embed"
	"html/template"
)

//go:embed frame.html
var frame string

//go:embed style.css
var style string

// New returns a template for a page. The body defines "title", the text of the title bar, "main", the content, and, if
// it needs more style, "style". New panics if the body is not a valid template.
func New(body string) *template.Template {
	t := template.New("page").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(style) }})
	return template.Must(template.Must(t.Parse(frame)).Parse(body))
}
