package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/symbolic"
)

// parsed is the value of a flag that is more than a text. Errors come before the command begins.
type parsed[T any] struct {
	to    *T
	text  string
	kind  string // what help calls the value, such as RELEASE
	parse func(text string) (T, error)
}

func (p *parsed[T]) String() string { return p.text }
func (p *parsed[T]) Type() string   { return p.kind }

func (p *parsed[T]) Set(text string) error {
	v, err := p.parse(text)
	if err == nil {
		*p.to, p.text = v, text
	}
	return err
}

// set gives the value that a flag has unless told otherwise.
func (p *parsed[T]) set(text string) *parsed[T] {
	if err := p.Set(text); err != nil {
		panic(err) // the text is ours
	}
	return p
}

// newest is the release that is modelled unless told otherwise.
var newest = kernel.Releases[len(kernel.Releases)-1].Name

// releaseFlag is --kernel of commands that work on one release.
func releaseFlag(c *cobra.Command, to *kernel.Release, usage string) {
	p := &parsed[kernel.Release]{to: to, kind: "RELEASE", parse: kernel.Parse}
	c.Flags().Var(p.set(newest), "kernel", usage)
	completeWith(c, "kernel", completeReleases())
}

// releasesFlag is --kernel of commands that work on some releases.
func releasesFlag(c *cobra.Command, to *[]kernel.Release) {
	c.Flags().Var(releasesValue(to).set(newest), "kernel", "releases to model: one, some with commas between, or all")
	completeWith(c, "kernel", completeReleases("all"))
}

func releasesValue(to *[]kernel.Release) *parsed[[]kernel.Release] {
	return &parsed[[]kernel.Release]{to: to, kind: "RELEASES", parse: parseReleases}
}

func parseReleases(text string) ([]kernel.Release, error) {
	if text == "all" {
		return kernel.Releases, nil
	}
	return kernel.ParseList(text)
}

// filteringFlag is --kernel of commands that reason about what filters of tasks do.
func filteringFlag(c *cobra.Command, to *[]kernel.Release) {
	p := &parsed[[]kernel.Release]{to: to, kind: "RELEASES", parse: parseFiltering}
	c.Flags().Var(p.set(newest), "kernel",
		"releases to reason about: one, some with commas between, or all that have filters")
	completeWith(c, "kernel", completeReleases("all"))
}

func parseFiltering(text string) ([]kernel.Release, error) {
	if text == "all" {
		return symbolic.Releases(), nil
	}
	all, err := kernel.ParseList(text)
	if i := slices.IndexFunc(all, func(k kernel.Release) bool { return !symbolic.HasFilters(k) }); i >= 0 {
		return nil, fmt.Errorf("%s has no filters for tasks", all[i])
	}
	return all, err
}

// target is what a command asks that can ask real kernels.
type target struct {
	models []kernel.Release // none if it is a real kernel
	image  string           // of the kernel to boot; "" is the running one
}

// real tells whether it is a real kernel.
func (t *target) real() bool { return t.models == nil }

// running is the name of the kernel that is running.
const running = "live"

// targetFlag is --kernel of commands that can ask real kernels.
func targetFlag(c *cobra.Command, to *target) {
	p := &parsed[target]{to: to, kind: "KERNEL", parse: parseTarget}
	c.Flags().Var(p.set(newest), "kernel", "releases to model: one, some with commas between, or all; or a real kernel: "+
		"live, the running one, or an image, such as ./vmlinuz, which is booted")
	completeWith(c, "kernel", completeReleases("all", running))
}

func parseTarget(text string) (t target, err error) {
	if t, err = parseReal(text); err == nil {
		return t, nil
	}
	if t.models, err = parseReleases(text); err != nil {
		err = fmt.Errorf("%w, all and live; the path of an image has a slash in it, such as ./vmlinuz", err)
	}
	return t, err
}

// parseReal reads the name of a real kernel.
func parseReal(text string) (target, error) {
	switch {
	case text == running:
		return target{}, nil
	case strings.ContainsRune(filepath.ToSlash(text), '/'):
		return target{image: text}, nil
	}
	return target{}, errors.New("expected live, or the path of an image with a slash in it, such as ./vmlinuz")
}

// only refuses flags that are not for what is asked: real kernels, or the model.
func (t *target) only(c *cobra.Command, forModels, forReal []string) error {
	asked, others, needs := c.Flag("kernel").Value, forModels, "is about the model"
	if !t.real() {
		others, needs = forReal, "needs a real kernel: --kernel live, or --kernel ./vmlinuz"
	}
	for _, name := range others {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s %s, found --kernel %s", name, needs, asked)
		}
	}
	return nil
}

// choiceFlag is a flag that takes one of some words.
func choiceFlag(c *cobra.Command, to *string, name, kind, byDefault, usage string, words []string) {
	p := &parsed[string]{to: to, kind: kind, parse: func(text string) (string, error) {
		if slices.Contains(words, text) {
			return text, nil
		}
		return "", fmt.Errorf("expected %s", anyOf(words))
	}}
	if byDefault != "" {
		p.set(byDefault)
	}
	c.Flags().Var(p, name, usage)
	complete(c, name, words)
}

// anyOf joins words: "a, b or c".
func anyOf(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// jsonFlag is --json.
func jsonFlag(c *cobra.Command, to *bool) {
	c.Flags().BoolVar(to, "json", false, "print one JSON object a line (docs/json.md)")
}

// exclude makes one flag refuse others.
func exclude(c *cobra.Command, flag string, others ...string) {
	for _, other := range others {
		c.MarkFlagsMutuallyExclusive(flag, other)
	}
}

// complete lets the shell complete a flag with the words.
func complete(c *cobra.Command, flag string, words []string) {
	completeWith(c, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func completeWith(c *cobra.Command, flag string, completions cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, completions); err != nil {
		panic(err) // the flag exists
	}
}

// completeReleases completes the last release of a list, or its last quirk. Instead of the first, there may be other
// words, or the path of a file.
func completeReleases(others ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
		last := strings.LastIndexAny(text, ",+~") + 1
		words := releaseNames(kernel.Releases)
		switch {
		case last > 0 && text[last-1] != ',':
			words = quirkNames()
		case last == 0:
			words = append(words, others...)
		}
		for i, w := range words {
			words[i] = text[:last] + w
		}
		if slices.Contains(others, running) {
			return words, cobra.ShellCompDirectiveDefault
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeList completes the last of some words with commas between.
func completeList(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, text string) (all []string, _ cobra.ShellCompDirective) {
		before := text[:strings.LastIndexByte(text, ',')+1]
		for _, w := range words {
			all = append(all, before+w)
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

func releaseNames(releases []kernel.Release) (all []string) {
	for _, k := range releases {
		all = append(all, k.Name)
	}
	return all
}

func quirkNames() (all []string) {
	for _, row := range kernel.Quirks {
		all = append(all, row.Name)
	}
	return all
}

// clearUsage makes what the library says of wrong arguments and flags tell what to do.
func clearUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if check(c, args) == nil {
				return nil
			}
			return fmt.Errorf("found %s, expected %s", arguments(args), strings.TrimSuffix(c.UseLine(), " [flags]"))
		}
	}
	c.Flags().SortFlags = false // they stand in the order of their use
	c.SetUsageTemplate(strings.ReplaceAll(c.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 120"))
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if wrong := (*pflag.InvalidValueError)(nil); errors.As(err, &wrong) {
			return wrongValue(wrong)
		}
		return fmt.Errorf("%w; see %s --help", err, c.CommandPath())
	})
}

// wrongValue says what is wrong with the value of a flag. Errors of values that we read ourselves say what was expected,
// or all of it.
func wrongValue(e *pflag.InvalidValueError) error {
	flag, why := e.GetFlag(), e.Unwrap()
	switch flag.Value.Type() {
	case "int", "uint64", "float64":
		why = errors.New("expected a number")
	case "duration":
		why = errors.New("expected a time such as 4ms")
	}
	if strings.HasPrefix(why.Error(), "expected") {
		return fmt.Errorf("--%s: found %q, %w", flag.Name, e.GetValue(), why)
	}
	return fmt.Errorf("--%s: %w", flag.Name, why)
}

// arguments says how many there are.
func arguments(args []string) string {
	switch len(args) {
	case 0:
		return "no argument"
	case 1:
		return fmt.Sprintf("the argument %q", args[0])
	}
	return fmt.Sprintf("%d arguments, %q to %q", len(args), args[0], args[len(args)-1])
}
