package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// growing is a commit graph to which random episodes of development are added.
type growing struct {
	*history
	*graph
	// now is in minutes; main and develop are the newest commits of the branches, develop is empty without that branch.
	now           int
	main, develop string
	numbers       int
	releases      string // how develop is merged to main
	// undeployed is set if nothing is deployed from develop, so that its pull requests claim what was pushed to it directly.
	undeployed bool
	// points are what may be deployed, in the order of their times.
	points []point
}

// point is a commit that may be deployed, from a branch, a tag or a merge ref.
type point struct {
	commit, ref string
	at          int
	environment string // the only environment for it; empty for all
}

// grow makes a random commit graph.
func (p *history) grow(id int64, name string) *growing {
	g := &growing{history: p, graph: newGraph(id, name, "main"), now: -20}
	if p.chance(15) {
		g.formerName = "old-" + name
	}
	g.main = g.write("root")
	g.point(g.main, "main")
	episodes := []func(){
		g.direct, g.pullRequest, g.pullRequest, g.tag, g.hotfix, g.branchUsedAgain, g.nameUsedAgain, g.stacked, g.upstream, g.preview, g.revert, g.openFromDefault,
	}
	if p.plain {
		episodes = []func(){g.direct, g.pullRequest, g.pullRequest, g.tag, g.hotfix, g.upstream, g.preview, g.openFromDefault}
	} else if p.chance(35) {
		g.develop = g.main
		g.defaultBranch, g.releases = pick(p, "main", "develop"), pick(p, "merge", "squash")
		episodes = []func(){g.release, g.release, g.featureOnDevelop, g.backMerge, g.hotfix, g.direct, g.revert}
		if g.undeployed = p.chance(30); g.undeployed {
			g.defaultBranch = "main"
			episodes = append(episodes, g.directOnDevelop)
		}
	}
	for range 3 + p.IntN(6) {
		pick(p, episodes...)()
	}
	return g
}

// write adds a commit on top of others. Some have an author date that nobody believes.
func (g *growing) write(what string, parents ...string) string {
	g.now += 1 + g.IntN(3)
	name := fmt.Sprintf("%s %s %d", g.name, what, len(g.order))
	c := g.commit(name, minute(g.now), parents...)
	c.author = pick(g.history, "ada", "ada", "dependabot[bot]")
	if what != "root" && g.chance(6) {
		c.authored = pick(g.history, time.Unix(0, 0).UTC(), time.Date(2099, time.January, 1, 0, 0, 0, 0, time.UTC))
		if g.chance(40) {
			c.committed = c.authored
		}
	}
	return name
}

func (g *growing) point(commit, ref string) {
	g.points = append(g.points, point{commit: commit, ref: ref, at: g.now})
}

// pull opens a pull request for commits from a branch to another, and merges it there: by a squash, a merge or a rebase.
func (g *growing) open(branch, base string, commits ...string) *graphPull {
	g.numbers++
	q := g.pull(g.numbers, minute(g.now), time.Time{}, "", commits...)
	q.branch, q.base, q.author = branch, base, pick(g.history, "ada", "ada", "dependabot[bot]")
	return q
}

// merge merges a pull request on top of a commit, and returns the new top.
func (g *growing) merge(q *graphPull, how, top string) string {
	number, last := q.number, g.commits[q.commits[len(q.commits)-1]]
	switch how {
	case "squash":
		top = g.write(fmt.Sprint("squash ", number), top)
		g.commits[sha(top)].message = fmt.Sprintf("%s (#%d)", q.title, number)
	case "merge":
		top = g.write(fmt.Sprint("merge ", number), top)
		merge := g.commits[sha(top)]
		merge.message = fmt.Sprintf("Merge pull request #%d from acme/%s\n\n%s", number, q.branch, q.title)
		merge.parents = append(merge.parents, last.sha)
	case "rebase":
		for _, own := range q.commits {
			c := g.commits[own]
			top = g.write(fmt.Sprint("rebased ", number), top)
			copied := g.commits[sha(top)]
			copied.message, copied.author, copied.authored = c.message, c.author, c.authored
			copied.committed = minute(g.now) // by GitHub's clock, which is right
		}
	}
	q.merge, q.merged = sha(top), minute(g.now)
	return top
}

func (g *growing) how() string { return pick(g.history, "squash", "squash", "merge", "rebase") }

// direct commits are on main without a pull request.
func (g *growing) direct() {
	for range 1 + g.IntN(2) {
		g.main = g.write("direct", g.main)
		g.point(g.main, "main")
	}
}

// branch writes some commits on top of one.
func (g *growing) branch(top string) (commits []string) {
	for range 1 + g.IntN(2) {
		top = g.write("work", top)
		commits = append(commits, top)
	}
	return commits
}

func (g *growing) pullRequest() {
	from := g.main
	commits := g.branch(from)
	q := g.open(fmt.Sprint("feature-", g.numbers), "main", commits...)
	if g.chance(30) {
		g.direct() // meanwhile
	}
	g.main = g.merge(q, g.how(), g.main)
	g.point(g.main, "main")
}

// tag is a version commit beside main.
func (g *growing) tag() {
	g.point(g.write("version", g.main), fmt.Sprint("v1.", g.now))
}

// hotfix is a branch of an older release that is deployed, mostly before it is merged.
func (g *growing) hotfix() {
	from := pick(g.history, g.points...)
	if from.environment != "" || strings.HasPrefix(from.ref, "hotfix/") {
		return
	}
	commits := g.branch(from.commit)
	branch := fmt.Sprint("hotfix/", g.numbers)
	q := g.open(branch, "main")
	q.commits = g.since(sha(g.main), sha(commits[len(commits)-1])) // with those of the release
	if g.chance(70) {
		for _, c := range commits {
			g.point(c, branch)
		}
	}
	if g.chance(80) {
		g.main = g.merge(q, pick(g.history, "squash", "merge", "squash"), g.main)
		g.point(g.main, "main")
	}
}

// branchUsedAgain goes on with a branch after its pull request was squashed or rebased.
func (g *growing) branchUsedAgain() {
	how := pick(g.history, "squash", "rebase")
	first := g.branch(g.main)
	g.main = g.merge(g.open("again", "main", first...), how, g.main)
	g.point(g.main, "main")
	if g.chance(30) {
		g.direct()
	}
	more := g.branch(first[len(first)-1])
	q := g.open("again", "main", slices.Concat(first, more)...)
	if how == "rebase" { // a rebase leaves out what main has already
		q.commits = shas(more)
		top := g.merge(q, how, g.main)
		q.commits = shas(slices.Concat(first, more))
		g.main = top
	} else {
		g.main = g.merge(q, how, g.main)
	}
	g.point(g.main, "main")
}

// nameUsedAgain makes two branches of one name, each with a preview. The first one is deleted when it was squashed.
func (g *growing) nameUsedAgain() {
	branch := fmt.Sprint("patch-", g.numbers)
	for _, how := range []string{"squash", g.how()} {
		commits := g.branch(g.main)
		g.points = append(g.points, point{commit: commits[len(commits)-1], ref: branch, at: g.now, environment: "preview"})
		g.main = g.merge(g.open(branch, "main", commits...), how, g.main)
		g.point(g.main, "main")
	}
}

// stacked pull requests are merged one after another, or the upper one into the lower one.
func (g *growing) stacked() {
	lower := g.branch(g.main)
	top := lower[len(lower)-1]
	q := g.open("lower", "main", lower...)
	upper := g.branch(top)
	if g.chance(50) {
		g.main = g.merge(q, "squash", g.main)
		g.point(g.main, "main")
		g.main = g.merge(g.open("upper", "main", slices.Concat(lower, upper)...), "squash", g.main)
		g.point(g.main, "main")
		return
	}
	how := pick(g.history, "squash", "merge")
	top = g.merge(g.open("upper", "lower", upper...), how, top)
	if q.commits = shas(append(slices.Clone(lower), top)); how == "merge" {
		q.commits = shas(slices.Concat(lower, upper, []string{top}))
	}
	g.main = g.merge(q, pick(g.history, "squash", "merge"), g.main)
	g.point(g.main, "main")
}

// upstream is the repository that this one is a fork of; the subjects of its commits end in its numbers.
func (g *growing) upstream() {
	top := g.main
	for range 1 + g.IntN(2) {
		top = g.write("upstream", top)
		g.commits[sha(top)].message = fmt.Sprintf("Upstream fix (#%d)", 1+g.IntN(max(1, g.numbers)))
	}
	g.direct()
	g.main = g.write("sync", g.main, top)
	g.commits[sha(g.main)].message = "Merge remote-tracking branch 'upstream/main'"
	g.point(g.main, "main")
}

// preview is a test merge of an open pull request.
func (g *growing) preview() {
	commits := g.branch(g.main)
	q := g.open(fmt.Sprint("preview-", g.numbers), "main", commits...)
	test := g.write("test merge", g.main, commits[len(commits)-1])
	g.points = append(g.points, point{commit: test, ref: fmt.Sprintf("refs/pull/%d/merge", q.number), at: g.now, environment: "preview"})
}

// revert takes an earlier change back, in one of the ways in which people write that.
func (g *growing) revert() {
	if len(g.pulls) == 0 || g.plain || g.develop != "" && g.chance(50) {
		return
	}
	reverted := pick(g.history, g.pulls...)
	q := g.open(fmt.Sprint("undo-", g.numbers), "main", g.branch(g.main)...)
	form := g.IntN(5)
	if g.formerName != "" {
		form = 1 + g.IntN(3)
	}
	switch form {
	case 0:
		q.body = fmt.Sprintf("It broke.\n\n**Reverts** acme/%s#%d", g.name, reverted.number)
	case 1:
		q.body = fmt.Sprintf("This reverts #%d, see the incident", reverted.number)
	case 2:
		q.title, q.branch = fmt.Sprintf("Revert %q", reverted.title), fmt.Sprintf("revert-%d-%s", reverted.number, reverted.branch)
	case 3:
		q.body = "This reverts commit " + reverted.commits[0][:9]
	case 4:
		q.body = fmt.Sprintf("Reverts https://github.com/acme/%s/pull/%d", g.name, reverted.number)
	}
	g.main = g.merge(q, "squash", g.main)
	g.point(g.main, "main")
}

// openFromDefault is a pull request that would take the default branch to another one.
func (g *growing) openFromDefault() {
	g.direct()
	g.open("main", "release", g.main)
	g.direct()
}

// Development on the branch develop.

func (g *growing) featureOnDevelop() {
	q := g.open(fmt.Sprint("feature-", g.numbers), "develop", g.branch(g.develop)...)
	g.develop = g.merge(q, pick(g.history, "squash", "merge"), g.develop)
	g.pointOfDevelop()
}

func (g *growing) pointOfDevelop() {
	if !g.undeployed {
		g.points = append(g.points, point{commit: g.develop, ref: "develop", at: g.now, environment: "staging"})
	}
}

func (g *growing) directOnDevelop() {
	g.develop = g.write("direct on develop", g.develop)
	g.pointOfDevelop()
}

// release brings develop to main, by a merge or squashed. Squashed ones list all commits of develop since the beginning.
func (g *growing) release() {
	for range 1 + g.IntN(2) {
		g.featureOnDevelop()
	}
	q := g.open("develop", "main")
	q.commits = g.since(sha(g.main), sha(g.develop))
	g.main = g.merge(q, g.releases, g.main)
	g.point(g.main, "main")
}

// backMerge brings direct fixes of main to develop.
func (g *growing) backMerge() {
	g.direct()
	q := g.open("main", "develop")
	q.commits = g.since(sha(g.develop), sha(g.main))
	g.develop = g.merge(q, "merge", g.develop)
	g.featureOnDevelop()
}
