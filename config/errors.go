package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

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

// joined returns all errors as one, in the order of the lines and each once; nil when there is none.
func joined(errs []lineError) error {
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
	return errors.Join(all...)
}
