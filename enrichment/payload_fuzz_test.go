package enrichment

import (
	"encoding/json"
	"testing"
	"time"
)

// Whatever GitHub's API answers: what passes the check can be used.
func FuzzAnswers(f *testing.F) {
	for _, text := range []string{
		`[]`, `null`, `{}`, `[null]`, `[{"number":12,"state":"closed","merged_at":"2026-01-01T00:00:00Z","merge_commit_sha":"m1"}]`,
		`{"commit":{"message":"a change (#12)","author":{"date":"2026-01-01T00:00:00Z"}}}`, `{"commit":{"author":{"date":"yesterday"}}}`,
		`[{"commit":{"author":null}},{"commit":null}]`, `{"number":1e99}`, `{"commit":{"author":{"date":17}}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var all commits
		if json.Unmarshal(data, &all) == nil && all.check() == nil {
			for _, c := range all {
				if at := c.authorDate(); at.Location() == nil {
					t.Error("no location")
				}
			}
		}
		var one commit
		if json.Unmarshal(data, &one) == nil && one.check() == nil {
			_ = one.authorDate().Add(time.Second)
		}
		var some pulls
		if json.Unmarshal(data, &some) == nil && some.check() == nil {
			for _, p := range some {
				_ = p.merged()
			}
		}
		var p pull
		if json.Unmarshal(data, &p) == nil && p.check() == nil && p.Number == 0 {
			t.Error("a pull request without a number passes the check")
		}
	})
}
