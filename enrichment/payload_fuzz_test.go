package enrichment

import (
	"encoding/json"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Whatever GitHub's API answers: what passes the check can be used.
func FuzzAnswers(f *testing.F) {
	for _, text := range []string{
		`[]`, `null`, `{}`, `[null]`, `[{"number":12,"state":"closed","merged_at":"2026-01-01T00:00:00Z","merge_commit_sha":"m1"}]`,
		`{"commit":{"message":"a change (#12)","author":{"date":"2026-01-01T00:00:00Z"}}}`, `{"commit":{"author":{"date":"yesterday"}}}`,
		`[{"commit":{"author":null}},{"commit":null}]`, `{"number":1e99}`, `{"commit":{"author":{"date":17}}}`,
		`{"status":"ahead","ahead_by":2,"behind_by":0,"total_commits":2,"commits":[
			{"sha":"c1","commit":{"message":"one (#3)","author":{"date":"2026-01-01T00:00:00Z"}},"author":null,"parents":[{"sha":"c0"}]},
			{"sha":"c2","commit":{"message":"Merge pull request #4 from a/b\n\nThis reverts commit c0ffee12.","author":{"name":"A"}},
				"author":{"login":"ann"},"parents":[{"sha":"c0"},{"sha":"c1"}]}],
			"files":[{"filename":"a/b","previous_filename":"c","status":"renamed"}]}`,
		`{"status":"ahead","total_commits":-1,"commits":[{"sha":"c1","commit":{},"parents":[{"sha":"c1"},{"sha":"c1"},{}]},{"sha":"c1","commit":{}}]}`,
		`[{"number":1,"created_at":"x","user":null,"labels":[{"name":"a"},{}],"head":null,"body":"Reverts o/r#12\r\nreverts #13"}]`,
		`[{"filename":"a"},{"previous_filename":"b"},null]`,
	} {
		f.Add([]byte(text))
	}
	inShop := dora.Commit{Owner: "o", Repository: "r"}
	f.Fuzz(func(t *testing.T, data []byte) {
		var all commits
		if json.Unmarshal(data, &all) == nil && all.check() == nil {
			for _, c := range all {
				if at := c.authorDate(); at.Location() == nil {
					t.Error("no location")
				}
			}
		}
		var listed commit
		if json.Unmarshal(data, &listed) == nil && listed.check() == nil {
			_ = listed.authorDate().Add(time.Second)
		}
		var files pulls
		if json.Unmarshal(data, &files) == nil && files.check() == nil {
			for _, p := range files {
				_, _ = p.merged(), p.origin(inShop)
			}
		}
		var p pull
		if json.Unmarshal(data, &p) == nil && p.check() == nil && p.Number == 0 {
			t.Error("a pull request without a number passes the check")
		}
		var compared comparison
		if json.Unmarshal(data, &compared) == nil && compared.check() == nil && compared.Status == dora.Ahead {
			graph := newGraph(compared.Commits)
			if found := places(graph.lines()); found != len(newGraph(compared.Commits)) {
				t.Errorf("%d commits are on a line or hang off one, of %d", found, len(newGraph(compared.Commits)))
			}
			if len(graph) != 0 {
				t.Errorf("%d commits are left", len(graph))
			}
			for _, c := range compared.Commits {
				_ = changeOfCommit(inShop, c)
			}
			_, _ = newPatterns([]string{"a/**"}).count(compared.Files)
		}
	})
}

// places is how many commits have a place on a line.
func places(lines []line) (n int) {
	for _, l := range lines {
		for _, at := range l {
			n += 1 + places(at.hanging.lines())
		}
	}
	return n
}
