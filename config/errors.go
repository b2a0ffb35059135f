package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// maxErrors bounds the reported errors: a file that is no configuration has one on each line.
const maxErrors = 100

// lineError is an error in a line of the file, or in an environment variable if line is 0.
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

// joinErrors returns the distinct errors as one, sorted by line, with the number of further errors; nil if there are none.
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
