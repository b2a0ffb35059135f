package enrichment

import (
	"context"
	"fmt"
	"testing"

	"dora-exporter/dora"
)

// manyArchived has an archive of each repository, with so many commits, and counts how often each was read.
type manyArchived struct {
	commits int
	read    map[string]int
}

func (m manyArchived) ArchivedPages(context.Context, dora.Commit) (int, error) { return 1, nil }

func (m manyArchived) Archived(_ context.Context, c dora.Commit) (*dora.ArchivedRepository, error) {
	m.read[c.Repository]++
	r := &dora.ArchivedRepository{}
	for n := range m.commits {
		r.Commits = append(r.Commits, dora.ArchivedCommit{SHA: fmt.Sprint(n)})
	}
	return r, nil
}

// Archives stay in memory while there is room; the least recently used one makes room.
func TestArchivesInMemory(t *testing.T) {
	for _, test := range []struct {
		name    string
		commits int
		asked   string
		want    map[string]int
	}{
		{"all have room", maxArchivedCommits / 4, "abcdabcd", map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}},
		{"the oldest is evicted", maxArchivedCommits / 2, "abca", map[string]int{"a": 2, "b": 1, "c": 1}},
		{"one that is used stays", maxArchivedCommits / 2, "abacab", map[string]int{"a": 1, "b": 2, "c": 1}},
		{"one that is too large stays alone", maxArchivedCommits + 1, "aab", map[string]int{"a": 1, "b": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := manyArchived{test.commits, map[string]int{}}
			a := &archives{source: source}
			for _, name := range test.asked {
				if found, err := a.of(t.Context(), dora.Commit{Host: "h", Owner: "o", Repository: string(name)}); err != nil || found == nil {
					t.Fatalf("archive %v, error %v", found, err)
				}
			}
			if fmt.Sprint(source.read) != fmt.Sprint(test.want) {
				t.Errorf("read %v, want %v", source.read, test.want)
			}
		})
	}
}
