package enrichment

import (
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"

	"dora-exporter/dora"
)

// archives caches the archives of the repositories that were used last.
type archives struct {
	source dora.Archive

	load singleflight.Group
	mu   sync.Mutex
	// recent is sorted from the least to the most recently used.
	recent []namedArchive
}

// namedArchive is the archive of a repository, as of the number of pages that had been read of it.
type namedArchive struct {
	name  string
	pages int
	*archive
}

// maxArchivedCommits limits the commits of all archives in memory, about a kilobyte each. A repository that was deployed a
// thousand times has some three thousand, and a dozen repositories are evaluated at the same time.
const maxArchivedCommits = 100_000

// of returns the archive of a commit's repository; nil if nothing was read of it.
func (a *archives) of(ctx context.Context, c dora.Commit) (*archive, error) {
	if a.source == nil {
		return nil, nil
	}
	pages, err := a.source.ArchivedPages(ctx, c)
	if err != nil || pages == 0 {
		return nil, err
	}
	name := strings.ToLower(c.Host + "/" + c.Owner + "/" + c.Repository)
	if found := a.get(name, pages); found != nil {
		return found, nil
	}
	loaded, err, _ := a.load.Do(name, func() (any, error) {
		if found := a.get(name, pages); found != nil {
			return found, nil
		}
		r, err := a.source.Archived(context.WithoutCancel(ctx), c)
		if err != nil || r == nil {
			return (*archive)(nil), err
		}
		found := newArchive(r, c.Owner+"/"+c.Repository)
		a.put(namedArchive{name, pages, found})
		return found, nil
	})
	if err != nil {
		return nil, err
	}
	return loaded.(*archive), nil
}

// get returns an archive with so many pages; nil if it is not in memory.
func (a *archives) get(name string, pages int) *archive {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.recent, func(n namedArchive) bool { return n.name == name })
	if i < 0 || a.recent[i].pages != pages {
		return nil
	}
	found := a.recent[i]
	a.recent = append(slices.Delete(a.recent, i, i+1), found)
	return found.archive
}

// put adds an archive, replacing an older one of its repository, and evicts the least recently used ones.
func (a *archives) put(added namedArchive) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.recent = slices.DeleteFunc(a.recent, func(n namedArchive) bool { return n.name == added.name })
	a.recent = append(a.recent, added)
	commits := 0
	for i, n := range slices.Backward(a.recent) {
		if commits += len(n.commits); commits > maxArchivedCommits && i < len(a.recent)-1 {
			a.recent = slices.Clone(a.recent[i+1:])
			return
		}
	}
}
