package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// maxErrors is how many errors of a file are reported: a file of another kind has one on each line.
const maxErrors = 100

// lineError is one thing that is wrong in the file, or in a variable when line is 0.
type lineError struct {
	file string
	line int
	text string
}

func (e lineError) Error() string {
	if e.line == 0 {
		return e.text
	}
	return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.text)
}

// joinErrors returns all errors as one, in the order of the lines and each once, with how many more there are; nil when there is none.
func joinErrors(errs []lineError, failed int) error {
	errs = slices.Clone(errs)
	slices.SortStableFunc(errs, func(a, b lineError) int { return cmp.Compare(a.line, b.line) })
	var all []error
	seen := map[lineError]bool{}
	for _, e := range errs {
		if !seen[e] {
			seen[e] = true
			all = append(all, e)
		}
	}
	if more := failed - len(errs); more > 0 {
		all = append(all, fmt.Errorf("and %d more errors", more))
	}
	return errors.Join(all...)
}
