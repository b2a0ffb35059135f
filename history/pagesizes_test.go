package history

import (
	"fmt"
	"strings"
	"testing"
)

// A query that is too large is halved; after four answers twice as much is asked for. The last halving is that of the commits.
func TestPageSizes(t *testing.T) {
	for _, test := range []struct {
		name    string
		labels  bool
		answers string // + for an answer, - for one that was too large
		want    string
	}{
		{"at first", false, "", "100/73/100"},
		{"at first with labels", true, "", "100/82/100"},
		{"too large once", false, "-", "50/36/100"},
		{"three answers later", false, "-+++", "50/36/100"},
		{"four answers later", false, "-++++", "100/72/100"},
		{"at most all", false, "-++++++++", "100/73/100"},
		{"too large again", false, "-++++-", "50/36/100"},
		{"answers in a row count", false, "-+++-+++", "25/18/100"},
		{"too large every time", false, strings.Repeat("-", 9), "1/1/12"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newPageSizes(test.labels)
			for _, answer := range test.answers {
				if answer == '+' {
					s.grow()
				} else if !s.halve() {
					t.Error("it can't be halved")
				}
			}
			if got := fmt.Sprintf("%d/%d/%d", s.deployments, s.pulls, s.commits); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
