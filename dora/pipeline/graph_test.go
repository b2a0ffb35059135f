package pipeline_test

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strconv"
	"time"
)

// graph is a repository at GitHub: commits with their parents, and pull requests.
type graph struct {
	id            int64
	name          string
	formerName    string // redirects to name; empty if the repository was never renamed
	defaultBranch string
	commits       map[string]*graphCommit
	// order has the SHAs, parents before children, in which GitHub lists commits.
	order []string
	pulls []*graphPull
}

type graphCommit struct {
	sha, message, author string
	authored, committed  time.Time
	parents              []string
}

type graphPull struct {
	number                            int
	title, body, author, branch, base string
	labels                            []string
	opened, merged                    time.Time // merged is zero while it is open
	merge                             string    // the merge, squashed or last rebased commit
	commits                           []string  // the branch's own commits, as GitHub lists them
}

func newGraph(id int64, name, defaultBranch string) *graph {
	return &graph{id: id, name: name, defaultBranch: defaultBranch, commits: map[string]*graphCommit{}}
}

// sha returns the SHA of a commit with a readable name.
func sha(name string) string {
	sum := sha1.Sum([]byte(name))
	return hex.EncodeToString(sum[:])
}

func shas(names []string) (all []string) {
	for _, name := range names {
		all = append(all, sha(name))
	}
	return all
}

// commit adds a commit by its readable name and those of its parents.
func (g *graph) commit(name string, at time.Time, parents ...string) *graphCommit {
	c := &graphCommit{sha: sha(name), message: "work " + name, author: "dev", authored: at, committed: at, parents: shas(parents)}
	g.commits[c.sha] = c
	g.order = append(g.order, c.sha)
	return c
}

// pull adds a pull request from a branch of its own to the default branch; merge is empty while it is open.
func (g *graph) pull(number int, opened, merged time.Time, merge string, commits ...string) *graphPull {
	p := &graphPull{
		number: number, title: "Work of " + strconv.Itoa(number), author: "dev", branch: "b" + strconv.Itoa(number), base: g.defaultBranch,
		opened: opened, merged: merged, commits: shas(commits),
	}
	if merge != "" {
		p.merge = sha(merge)
	}
	g.pulls = append(g.pulls, p)
	return p
}

// ancestors returns a commit and everything before it.
func (g *graph) ancestors(sha string) map[string]bool {
	all := map[string]bool{}
	for todo := []string{sha}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if c := g.commits[next]; c != nil && !all[next] {
			all[next] = true
			todo = append(todo, c.parents...)
		}
	}
	return all
}

// since returns the commits that head has and base does not have, oldest first.
func (g *graph) since(base, head string) (listed []string) {
	old, current := g.ancestors(base), g.ancestors(head)
	for _, sha := range g.order {
		if current[sha] && !old[sha] {
			listed = append(listed, sha)
		}
	}
	return listed
}

// pullNumber returns a pull request; nil if there is none.
func (g *graph) pullNumber(number int) *graphPull {
	i := slices.IndexFunc(g.pulls, func(p *graphPull) bool { return p.number == number })
	if i < 0 {
		return nil
	}
	return g.pulls[i]
}

// has reports whether GitHub names a pull request for a commit: it merged it, or its branch has it.
func (p *graphPull) has(sha string) bool { return p.merge == sha || slices.Contains(p.commits, sha) }
