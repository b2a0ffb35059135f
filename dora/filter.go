package dora

import (
	"errors"
	"regexp"
	"strings"
)

// Filter is a list of GitHub's filter patterns for names of branches and labels, without regard to case. A pattern that begins
// with ! excludes what a pattern before it matched.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
type Filter struct {
	patterns []string
	rules    []filterRule
}

type filterRule struct {
	match   *regexp.Regexp
	exclude bool
}

// Add adds a pattern: * stands for any text without a slash, ** for any text, ? for the character before it or nothing, + for
// one or more of the character before it, [abc] and [a-z] for one of some characters, and \ takes the next one as it is.
func (f *Filter) Add(pattern string) error {
	rest, exclude := strings.CutPrefix(pattern, "!")
	text, err := filterExpression(rest)
	if err != nil {
		return err
	}
	match, err := regexp.Compile(text)
	if err != nil {
		return err
	}
	f.patterns, f.rules = append(f.patterns, pattern), append(f.rules, filterRule{match, exclude})
	return nil
}

// Matches reports whether the last pattern that matches a name includes it.
func (f Filter) Matches(name string) bool {
	included := false
	for _, r := range f.rules {
		if r.exclude != included {
			continue // it would not change the result
		}
		if r.match.MatchString(name) {
			included = !r.exclude
		}
	}
	return included
}

// Patterns returns the patterns as they were added.
func (f Filter) Patterns() []string { return f.patterns }

// Equal reports whether two filters have the same patterns.
func (f Filter) Equal(other Filter) bool {
	return strings.Join(f.patterns, "\x00") == strings.Join(other.patterns, "\x00")
}

// filterExpression returns the regular expression of a pattern.
func filterExpression(pattern string) (string, error) {
	var b strings.Builder
	b.WriteString(`(?is)^`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			if strings.HasPrefix(pattern[i:], "**") {
				b.WriteString(`.*`)
				i++
			} else {
				b.WriteString(`[^/]*`)
			}
		case '?', '+':
			if i == 0 || pattern[i-1] == '*' || pattern[i-1] == '?' || pattern[i-1] == '+' {
				return "", errors.New(string(c) + " needs a character before it")
			}
			b.WriteByte(c)
		case '[':
			end := strings.IndexByte(pattern[i:], ']')
			if end < 2 || strings.ContainsAny(pattern[i+1:i+end], `[^\`) {
				return "", errors.New("[ needs characters and a ] after it")
			}
			b.WriteString(pattern[i : i+end+1])
			i += end
		case '\\':
			if i++; i == len(pattern) {
				return "", errors.New(`\ needs a character after it`)
			}
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			if c < 0x80 {
				b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
			} else {
				b.WriteByte(c)
			}
		}
	}
	b.WriteString(`$`)
	return b.String(), nil
}

// MustFilter returns a filter with patterns. It panics if one of them is not valid, so it is for patterns in code.
func MustFilter(patterns ...string) Filter {
	var f Filter
	for _, p := range patterns {
		if err := f.Add(p); err != nil {
			panic(err)
		}
	}
	return f
}
