package progress

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Lines come from time to time, also while nothing is known of how much there is.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := New(&out, "repositories", false)
		p.Show(0, 0, "5 incidents")
		p.Show(0, 0, "6 incidents") // too early
		time.Sleep(lineInterval)
		p.Show(1, 2, "7 incidents")
		p.End()
		if want := "5 incidents\n1 of 2 repositories, 7 incidents\n"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}

// A spinner shows the details before and after the bar.
func TestSpinner(t *testing.T) {
	var out strings.Builder
	p := New(&out, "repositories", true)
	for _, step := range []struct {
		done, all int
		details   string
	}{{0, 0, "listing"}, {2, 2, "reading"}, {0, 0, "evaluating, 3 left"}, {0, 0, "evaluating, 2 left"}} {
		p.Show(step.done, step.all, step.details)
		if !strings.Contains(out.String(), step.details) {
			t.Errorf("%q is not shown: %q", step.details, out.String())
		}
	}
	p.End()
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines of a spinner, a bar and a spinner: %q", n, out.String())
	}
}
