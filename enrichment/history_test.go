package enrichment

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
)

// history is a git repository with pull requests; github serves it.
type history struct {
	t       *testing.T
	commits map[string]*gitCommit
	order   []string
	pulls   map[int]*gitPull
	// whole is how many files a comparison lists; all when 0.
	whole int
	// short leaves the last commits out of every comparison.
	short int
	// archive has what was read in bulk of it; nil if nothing was.
	archive dora.Archive
}

type gitCommit struct {
	sha, message, author string
	parents              []string
	date, committed      time.Time // committed is zero if it is the same
	files                []string
}

type gitPull struct {
	number            int
	body, author      string
	merged            bool
	mergeCommit       string
	rebased           []string // the commits that GitHub made when it rebased it, but for the last
	commits           []string
	files             []string
	labels            []string
	opened, mergedAt  time.Time
	withoutCommitList bool
	branch, base      string // branch-n and main if empty
}

func (p *gitPull) branchName() string { return cmp.Or(p.branch, "branch-"+strconv.Itoa(p.number)) }

// newHistory has one commit, root, whose author date is midnight; each further one is a minute later.
func newHistory(t *testing.T) *history {
	h := &history{t: t, commits: map[string]*gitCommit{}, pulls: map[int]*gitPull{}}
	h.commit("root", "Begin")
	return h
}

func (h *history) now() time.Time {
	return at(h.t, "00:00").Add(time.Duration(len(h.order)) * time.Minute)
}

func (h *history) commit(sha, message string, parents ...string) *gitCommit {
	c := &gitCommit{sha: sha, message: message, parents: parents, date: h.now(), author: "ann", files: []string{"src/" + sha}}
	h.commits[sha] = c
	h.order = append(h.order, sha)
	return c
}

// branch commits one after the other on top of parent.
func (h *history) branch(parent string, shas ...string) {
	for _, sha := range shas {
		h.commit(sha, "Work on "+sha, parent)
		parent = sha
	}
}

// rebased is a commit with another parent.
func (h *history) rebased(sha, of, parent string) {
	was := h.commits[of]
	c := h.commit(sha, was.message, parent)
	c.date, c.committed, c.files = was.date, c.date, was.files
}

// pull is a pull request of what head has and base has not.
func (h *history) pull(number int, base, head string) *gitPull {
	p := &gitPull{number: number, author: "bob", opened: h.now()}
	has := h.ancestors(base)
	for _, sha := range h.order {
		if h.ancestors(head)[sha] && !has[sha] {
			p.commits = append(p.commits, sha)
			p.files = append(p.files, h.commits[sha].files...)
		}
	}
	h.pulls[number] = p
	return p
}

// into notes that the pull request was merged as a commit.
func (p *gitPull) into(c *gitCommit) {
	p.merged, p.mergeCommit, p.mergedAt = true, c.sha, c.date
	c.files = p.files
}

// merge merges a pull request of head into main with a merge commit.
func (h *history) merge(number int, sha, main, head string) {
	p := h.pull(number, main, head)
	p.into(h.commit(sha, "Merge pull request #"+strconv.Itoa(number)+" from acme/"+head+"\n\nTitle", main, head))
}

// squash merges a pull request of head into main as one commit.
func (h *history) squash(number int, sha, main, head string) {
	p := h.pull(number, main, head)
	p.into(h.commit(sha, "Title of "+head+" (#"+strconv.Itoa(number)+")", main))
}

func (h *history) ancestors(sha string) map[string]bool {
	found := map[string]bool{}
	todo := []string{sha}
	for len(todo) > 0 {
		c := h.commits[todo[0]]
		todo = todo[1:]
		if c != nil && !found[c.sha] {
			found[c.sha] = true
			todo = append(todo, c.parents...)
		}
	}
	return found
}

// github is a fake that serves the history as it is now.
func (h *history) github() *fakeGitHub {
	f := &fakeGitHub{lists: map[string][]object{}, objects: map[string]object{}}
	for sha := range h.commits {
		listed := []object{}
		for _, p := range h.pulls {
			if p.mergeCommit == sha || slices.Contains(p.commits, sha) || slices.Contains(p.rebased, sha) {
				listed = append(listed, h.pullObject(p))
			}
		}
		f.lists[repoPath("commits/%s/pulls", sha)] = listed
		f.objects[repoPath("commits/%s", sha)] = h.commitObject(sha)
	}
	for n, p := range h.pulls {
		f.objects[repoPath("pulls/%d", n)] = h.pullObject(p)
		all := []object{}
		for _, sha := range p.commits {
			all = append(all, h.commitObject(sha))
		}
		if !p.withoutCommitList {
			f.lists[repoPath("pulls/%d/commits", n)] = all[:min(len(all), 250)]
		}
		f.lists[repoPath("pulls/%d/files", n)] = fileObjects(p.files)
	}
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		basehead, matches := strings.CutPrefix(r.URL.Path, repoPath("compare/"))
		if !matches {
			return false
		}
		h.compare(w, r, basehead)
		return true
	}
	return f
}

func (h *history) compare(w http.ResponseWriter, r *http.Request, basehead string) {
	base, head, _ := strings.Cut(basehead, "...")
	if h.commits[base] == nil || h.commits[head] == nil {
		serveJSON(w, http.StatusNotFound, object{"message": "Not Found"})
		return
	}
	before, after := h.ancestors(base), h.ancestors(head)
	var ahead []object
	var touched []string
	behind := 0
	for _, sha := range h.order {
		if after[sha] && !before[sha] {
			ahead = append(ahead, h.commitObject(sha))
			if len(h.commits[sha].parents) < 2 {
				touched = append(touched, h.commits[sha].files...)
			}
		}
		if before[sha] && !after[sha] {
			behind++
		}
	}
	status := map[bool]map[bool]string{true: {true: "diverged", false: "ahead"}, false: {true: "behind", false: "identical"}}[len(ahead) > 0][behind > 0]
	answer := object{"status": status, "total_commits": len(ahead), "ahead_by": len(ahead), "behind_by": behind}
	size, _ := strconv.Atoi(r.FormValue("per_page"))
	page, _ := strconv.Atoi(r.FormValue("page"))
	ahead = ahead[:len(ahead)-h.short]
	answer["commits"] = append([]object{}, ahead[min((page-1)*size, len(ahead)):min(page*size, len(ahead))]...)
	if page == 1 {
		if h.whole > 0 {
			touched = touched[:min(h.whole, len(touched))]
		}
		answer["files"] = fileObjects(touched[:min(300, len(touched))])
	}
	serveJSON(w, http.StatusOK, answer)
}

func (h *history) commitObject(sha string) object {
	c := h.commits[sha]
	parents := []object{}
	for _, p := range c.parents {
		parents = append(parents, object{"sha": p})
	}
	o := object{
		"sha": sha, "parents": parents, "files": fileObjects(c.files),
		"commit": object{"message": c.message, "author": object{"name": "A"}},
		"author": nil,
	}
	if !c.date.IsZero() {
		o["commit"].(object)["author"].(object)["date"] = c.date.Format(time.RFC3339)
	}
	if !c.committed.IsZero() {
		o["commit"].(object)["committer"] = object{"name": "B", "date": c.committed.Format(time.RFC3339)}
	}
	if c.author != "" {
		o["author"] = object{"login": c.author}
	}
	return o
}

func (h *history) pullObject(p *gitPull) object {
	o := aPull(home, p.number, map[bool]string{true: "closed", false: "open"}[p.merged], "", p.mergeCommit)
	o["created_at"] = p.opened.Format(time.RFC3339)
	if p.merged {
		o["merged_at"] = p.mergedAt.Format(time.RFC3339)
	}
	o["user"] = object{"login": p.author}
	repo := object{"id": len(home), "full_name": home, "default_branch": "main"}
	o["head"] = object{"ref": p.branchName(), "repo": repo}
	o["base"] = object{"ref": cmp.Or(p.base, "main"), "repo": repo}
	if len(p.commits) > 0 {
		o["head"].(object)["sha"] = p.commits[len(p.commits)-1]
	}
	o["body"] = p.body
	labels := []object{}
	for _, l := range p.labels {
		labels = append(labels, object{"name": l})
	}
	o["labels"] = labels
	return o
}

func fileObjects(names []string) []object {
	all := []object{}
	for _, name := range names {
		all = append(all, object{"filename": name})
	}
	return all
}

// describe returns a change in one line: pull request, commit, whose date is the first, its commits, what it reverts.
func (h *history) describe(c dora.Change) string {
	var b strings.Builder
	if c.PullRequest != 0 {
		b.WriteString("#" + strconv.Itoa(c.PullRequest) + " ")
	}
	b.WriteString(c.SHA)
	for sha, found := range h.commits {
		// A rebased commit has the date of another one: the first of them is named.
		first := slices.IndexFunc(h.order, func(s string) bool { return h.commits[s].date.Equal(found.date) })
		byAuthor := !found.date.IsZero() && found.date.Equal(c.FirstCommit) && h.order[first] == sha
		if byAuthor || !found.committed.IsZero() && found.committed.Equal(c.FirstCommit) && found.committed.Before(found.date) {
			b.WriteString(" from " + sha)
		}
	}
	if rest := slices.DeleteFunc(slices.Clone(c.Commits), func(s string) bool { return s == c.SHA }); len(rest) > 0 {
		slices.Sort(rest)
		b.WriteString(" with " + strings.Join(rest, ","))
	}
	if len(c.Reverts) > 0 {
		b.WriteString(" reverts " + strings.Join(c.Reverts, ","))
	}
	if c.Unavailable != "" {
		b.WriteString(" unavailable: " + c.Unavailable)
	}
	return b.String()
}

// ever is after every commit.
var ever = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

// ship asks f for what head ships after base, with what is known so far, to which it adds what is learned.
func ship(t *testing.T, g *GitHub, base, head string, known map[string]dora.Origin, paths ...string) (dora.Shipment, error) {
	t.Helper()
	c := dora.Comparison{Head: theCommit, Base: base, Paths: paths, At: ever, Known: func(sha string) (dora.Origin, bool) {
		o, has := known[sha]
		return o, has
	}}
	c.Head.SHA = head
	s, learned, err := g.Ship(t.Context(), c)
	for sha, o := range learned {
		if was, has := known[sha]; has && !was.Merged.IsZero() {
			t.Errorf("%s was known and is learned again", sha)
		}
		if known != nil {
			known[sha] = o
		}
	}
	return s, err
}

func (h *history) describeAll(s dora.Shipment) (answers []string) {
	for _, change := range s.Changes {
		answers = append(answers, h.describe(change))
	}
	return answers
}

// everyKind has one change of each kind.
func everyKind(t *testing.T) *history {
	h := newHistory(t)
	h.branch("root", "a1", "a2")
	h.merge(1, "m1", "root", "a2")
	h.branch("root", "b1")
	h.squash(2, "s2", "m1", "b1")
	h.branch("root", "c1", "c2")
	p := h.pull(3, "root", "c2")
	h.rebased("r1", "c1", "s2")
	h.rebased("r2", "c2", "r1")
	p.into(h.commits["r2"])
	p.rebased = []string{"r1"}
	h.branch("r2", "d1")
	h.branch("r2", "e1")
	h.commit("m5", "Merge branch 'e'", "d1", "e1")
	return h
}

var everyChange = []string{
	"#1 m1 from a1 with a1,a2", "#2 s2 from b1 with b1", "#3 r2 from c1 with c1,c2,r1", "d1 from d1", "e1 from e1",
}
