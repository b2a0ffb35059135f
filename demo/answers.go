package demo

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GitHub lists at most so many commits of a pull request, and so many files of a comparison.
const (
	maxCommits = 250
	maxFiles   = 300
)

// compare answers base...head: how the commits relate, and a page of the commits that head has and base lacks. Without page and
// per_page the page has 250 commits, as at GitHub.
func compare(r *Repository, q *http.Request) any {
	base, head, ok := strings.Cut(q.PathValue("range"), "...")
	first, hasFirst := r.find(base)
	last, hasLast := r.find(head)
	if !ok || !hasFirst || !hasLast {
		return nil
	}
	ahead, behind := r.without(first.SHA, last.SHA), r.without(last.SHA, first.SHA)
	from, to := page(q, len(ahead))
	if !q.URL.Query().Has("page") && !q.URL.Query().Has("per_page") {
		from, to = 0, min(maxCommits, len(ahead))
	}
	answer := object{
		"status": relation(len(ahead), len(behind)), "ahead_by": len(ahead), "behind_by": len(behind), "total_commits": len(ahead),
		"base_commit": r.commitObject(first), "commits": r.commitObjects(ahead[from:to]),
	}
	if from == 0 {
		var names []string
		for _, c := range ahead {
			names = append(names, c.Files...)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		answer["files"] = files(names[:min(maxFiles, len(names))])
	}
	return answer
}

func relation(ahead, behind int) string {
	switch {
	case ahead > 0 && behind > 0:
		return "diverged"
	case ahead > 0:
		return "ahead"
	case behind > 0:
		return "behind"
	}
	return "identical"
}

func commit(r *Repository, q *http.Request) any {
	c, ok := r.find(q.PathValue("sha"))
	if !ok {
		return nil
	}
	o := r.commitObject(c)
	from, to := page(q, len(c.Files))
	o["files"] = files(c.Files[from:to])
	return o
}

func commitPulls(r *Repository, q *http.Request) any {
	c, ok := r.find(q.PathValue("sha"))
	if !ok {
		return nil
	}
	all := list{}
	for _, p := range r.pullsOf(c.SHA) {
		all = append(all, r.pullObject(p))
	}
	return all
}

func pull(r *Repository, q *http.Request) any {
	if p := r.pull(q); p != nil {
		return r.pullObject(p)
	}
	return nil
}

func pullCommits(r *Repository, q *http.Request) any {
	p := r.pull(q)
	if p == nil {
		return nil
	}
	var all []Commit
	for _, sha := range p.work[:min(maxCommits, len(p.work))] {
		c, _ := r.find(sha)
		all = append(all, c)
	}
	return r.commitObjects(all)
}

func pullFiles(r *Repository, q *http.Request) any {
	if p := r.pull(q); p != nil {
		return files(r.files(p))
	}
	return nil
}

// pull returns the pull request that a request is about; nil if there is none.
func (r *Repository) pull(q *http.Request) *PullRequest {
	n, _ := strconv.Atoi(q.PathValue("number"))
	return r.pulls[n]
}

func (r *Repository) commitObjects(commits []Commit) list {
	all := list{}
	for _, c := range commits {
		all = append(all, r.commitObject(c))
	}
	return all
}

func (r *Repository) commitObject(c Commit) object {
	parents := list{}
	for _, p := range c.Parents {
		parents = append(parents, object{"sha": p, "url": r.api("commits/" + p), "html_url": r.html("commit/" + p)})
	}
	person := func(at time.Time) object {
		return object{"name": c.Author, "email": c.Author + "@users.noreply.github.com", "date": stamp(at)}
	}
	o := object{
		"sha": c.SHA, "url": r.api("commits/" + c.SHA), "html_url": r.html("commit/" + c.SHA), "parents": parents,
		"commit": object{"message": c.Message, "author": person(c.Written), "committer": person(c.Committed), "comment_count": 0},
		"author": nil, "committer": nil,
	}
	if c.Author != "" {
		o["author"], o["committer"] = user(c.Author), user(c.Author)
	}
	return o
}

func (r *Repository) pullObject(p *PullRequest) object {
	labels := list{}
	for _, l := range p.Labels {
		labels = append(labels, object{"name": l})
	}
	number := strconv.Itoa(p.Number)
	home := object{"name": r.Name, "full_name": r.FullName(), "default_branch": DefaultBranch}
	o := object{
		"number": p.Number, "url": r.api("pulls/" + number), "html_url": r.html("pull/" + number), "state": "open",
		"title": p.Title, "body": p.Body, "user": user(p.Author), "labels": labels, "created_at": stamp(p.Opened),
		"merged_at": nil, "closed_at": nil, "merge_commit_sha": nil,
		"head": object{"ref": p.Branch, "sha": p.work[len(p.work)-1], "repo": home},
		"base": object{"ref": DefaultBranch, "repo": home},
	}
	if !p.merged.IsZero() {
		o["state"], o["merged_at"], o["closed_at"], o["merge_commit_sha"] = "closed", stamp(p.merged), stamp(p.merged), p.result
	}
	return o
}

func user(login string) object {
	kind := "User"
	if strings.HasSuffix(login, "[bot]") {
		kind = "Bot"
	}
	return object{"login": login, "type": kind}
}

func files(names []string) list {
	all := list{}
	for _, name := range names {
		all = append(all, object{"filename": name, "status": "modified"})
	}
	return all
}

func (r *Repository) api(rest string) string {
	return "https://api.github.com/repos/" + r.FullName() + "/" + rest
}

func (r *Repository) html(rest string) string {
	return "https://github.com/" + r.FullName() + "/" + rest
}

// stamp formats a time as GitHub does.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }
