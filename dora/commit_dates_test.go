package dora

import (
	"testing"
	"time"
)

func TestFirstCommitOfAStatus(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	old := time.Unix(0, 0).UTC()
	dates := func(authored, committed time.Time) CommitDates { return CommitDates{authored, committed} }
	for name, test := range map[string]struct {
		commits []CommitDates
		status  time.Time
		want    time.Time
		reason  string
	}{
		"the earliest author date":          {[]CommitDates{dates(day(3), day(5)), dates(day(2), day(4))}, day(9), day(2), ""},
		"at the status":                     {[]CommitDates{dates(day(9), day(9))}, day(9), day(9), ""},
		"before git: the committer date":    {[]CommitDates{dates(old, day(4)), dates(day(5), day(5))}, day(9), day(4), ""},
		"the first day of git":              {[]CommitDates{dates(firstGit, day(4))}, day(9), firstGit, ""},
		"the moment before":                 {[]CommitDates{dates(firstGit.Add(-1), day(4))}, day(9), day(4), ""},
		"after the status":                  {[]CommitDates{dates(day(8), day(3))}, day(7), day(3), ""},
		"not after a later one":             {[]CommitDates{dates(day(8), day(3))}, day(9), day(8), ""},
		"neither: another commit":           {[]CommitDates{dates(old, old), dates(day(5), day(5))}, day(9), day(5), ""},
		"the usual one is after the status": {[]CommitDates{dates(day(8), day(2)), dates(day(6), day(6))}, day(5), day(2), ""},
		"none":                              {[]CommitDates{dates(old, old), dates(day(8), day(8))}, day(7), time.Time{}, ReasonImplausible},
		"no dates":                          {[]CommitDates{{}, {}}, day(9), time.Time{}, ReasonNoDate},
		"no author date":                    {[]CommitDates{dates(time.Time{}, day(4)), {}}, day(9), day(4), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var o Origin
			o.SetDates(test.commits)
			if got, reason := o.First(test.status); !got.Equal(test.want) || reason != test.reason {
				t.Errorf("got %s, %q, want %s, %q", got, reason, test.want, test.reason)
			}
			if got, reason := FirstCommit(test.commits, test.status); !got.Equal(test.want) || reason != test.reason {
				t.Errorf("of all commits: got %s, %q, want %s, %q", got, reason, test.want, test.reason)
			}
		})
	}
}
