package kernel

import (
	"slices"
	"strings"
)

// Answers are texts about releases. Releases with the same text stand together, in the order in which they were added.
type Answers []Answer

// Answer is a text that is the same on some releases.
type Answer struct {
	On   []string
	Text string
}

// Releases are their names, with commas between.
func (a Answer) Releases() string { return strings.Join(a.On, ", ") }

// Add adds the text of a release.
func (a *Answers) Add(release, text string) {
	i := slices.IndexFunc(*a, func(other Answer) bool { return other.Text == text })
	if i < 0 {
		i = len(*a)
		*a = append(*a, Answer{Text: text})
	}
	(*a)[i].On = append((*a)[i].On, release)
}
