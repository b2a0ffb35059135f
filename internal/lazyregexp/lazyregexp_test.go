package lazyregexp_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/internal/lazyregexp"
)

func TestRegexp(t *testing.T) {
	r := lazyregexp.New(`(\w)(\d)`)
	for _, diff := range []string{
		cmp.Diff(true, r.MatchString("- a1")),
		cmp.Diff(false, r.MatchString("a-1")),
		cmp.Diff("a1", r.FindString("- a1 b2")),
		cmp.Diff([]string{"a1", "a", "1"}, r.FindStringSubmatch("- a1 b2")),
		cmp.Diff([]string(nil), r.FindStringSubmatch("-")),
		cmp.Diff([][]string{{"a1", "a", "1"}, {"b2", "b", "2"}}, r.FindAllStringSubmatch("a1 b2 c3", 2)),
		cmp.Diff("1a 2b", r.ReplaceAllString("a1 b2", "$2$1")),
		cmp.Diff("A1 B2", r.ReplaceAllStringFunc("a1 b2", strings.ToUpper)),
	} {
		if diff != "" {
			t.Error(diff)
		}
	}
}

func TestInvalidExpressionPanicsInTests(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an invalid expression was accepted")
		}
	}()
	lazyregexp.New(`(`)
}
