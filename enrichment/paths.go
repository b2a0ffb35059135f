package enrichment

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"dora-exporter/dora"
)

// patterns decide which files belong to an environment. They are those of GitHub's workflow filters: * and ? stay within a
// folder, ** goes over folders, a pattern that ends with a slash is all that is in the folder.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
type patterns []*regexp.Regexp

func newPatterns(all []string) (p patterns) {
	for _, pattern := range all {
		pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "./"), "/")
		if strings.HasSuffix(pattern, "/") {
			pattern += "**"
		}
		p = append(p, regexp.MustCompile(expression(pattern)))
	}
	return p
}

var wildcards = strings.NewReplacer(`\*\*/`, `(?:.*/)?`, `\*\*`, `.*`, `\*`, `[^/]*`, `\?`, `[^/]`)

// expression returns the regular expression of a pattern.
func expression(pattern string) string {
	return `(?s)^` + wildcards.Replace(regexp.QuoteMeta(strings.ToValidUTF8(pattern, "\uFFFD"))) + `$`
}

func (p patterns) match(name string) bool {
	for _, pattern := range p {
		if pattern.MatchString(name) {
			return true
		}
	}
	return false
}

// count returns how many of the names of files match, and how many there are. A renamed file has two names.
func (p patterns) count(listed files) (matching, names int) {
	for _, f := range listed {
		for _, name := range []string{f.Name, f.Previous} {
			if name == "" {
				continue
			}
			names++
			if p.match(name) {
				matching++
			}
		}
	}
	return matching, names
}

// touchesPaths reports whether a change touches a file that belongs to the environment. It is one call, and one more for each further
// 100 files until one matches; what a merged change touches is remembered.
func (l *lookUp) touchesPaths(ctx context.Context, c dora.Comparison, p patterns, change dora.Change) (bool, error) {
	owner, name := c.Head.Owner, c.Head.Repository
	key := strings.Join(append([]string{owner, name, change.SHA, strconv.Itoa(change.PullRequest)}, c.Paths...), "\x00")
	if touches, known := l.touched.get(key); known {
		return touches, nil
	}
	touches := false
	for at := 1; at != 0 && !touches; {
		var listed files
		var next page
		var err error
		if change.PullRequest != 0 {
			next, err = l.get(ctx, &listed, pageQuery(at), routePullFiles, owner, name, strconv.Itoa(change.PullRequest))
		} else {
			var found commit
			next, err = l.get(ctx, &found, pageQuery(at), routeCommit, owner, name, change.SHA)
			listed = found.Files
		}
		if err != nil {
			return false, notFound(err)
		}
		matching, _ := p.count(listed)
		touches = matching > 0
		at = next.nextAfter(at)
	}
	if change.PullRequest == 0 || !change.Merged.IsZero() {
		l.touched.put(key, touches)
	}
	return touches, nil
}

// selectChanges leaves out the changes that don't belong to the environment. One whose files are missing stays.
func (s *shipping) selectChanges(ctx context.Context, all []dora.Change) (selected []dora.Change, err error) {
	for _, change := range all {
		touches, err := s.touchesPaths(ctx, s.c, s.patterns, change)
		if _, missing := s.isMissing(err); err != nil && !missing {
			return nil, err
		}
		if touches || err != nil {
			selected = append(selected, change)
		}
	}
	return selected, nil
}

// touchedCache remembers which changes touch the files of an environment, so that a look-up that failed half-way goes on where it
// stopped.
type touchedCache struct {
	mu  sync.Mutex
	all map[string]bool
}

// maxTouched bounds what is remembered; past it all is forgotten and asked for again.
const maxTouched = 10_000

func (t *touchedCache) get(key string) (touches, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	touches, known = t.all[key]
	return touches, known
}

func (t *touchedCache) put(key string, touches bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil || len(t.all) >= maxTouched {
		t.all = map[string]bool{}
	}
	t.all[key] = touches
}
