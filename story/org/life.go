package org

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// style is how a repository works.
type style int

const (
	squashes style = iota
	merges
	rebases
	mixes    // any of these, and commits that are pushed
	releases // pull requests to develop, which a release takes to main
)

// styleOf returns the style of a repository: of twenty, nine squash, five merge, two rebase, two mix and two have releases.
func styleOf(index int) style {
	return []style{
		squashes, merges, squashes, mixes, releases, squashes, merges, rebases, squashes, merges,
		squashes, squashes, merges, squashes, rebases, squashes, mixes, squashes, releases, merges,
	}[index%20]
}

// life makes up what happens in a repository, and notes what is right.
type life struct {
	*rand.Rand
	r        *repository
	style    style
	now, end time.Time

	ids int64
	// running is what runs in production, waiting are the changes that were merged and not deployed yet.
	running string
	waiting []change
	// broken is the failed change that the next success repairs.
	broken *done
}

func (l *life) id() int64 { l.ids++; return l.r.id*10_000_000 + l.ids }

// after advances by a random time around a mean.
func (l *life) after(mean time.Duration) time.Time {
	l.now = l.now.Add(time.Duration(float64(mean) * (0.5 + l.Float64())).Truncate(time.Second))
	return l.now
}

func (l *life) person() string { return []string{"ann", "bob", "eve", "joe"}[l.IntN(4)] }

// live makes some releases, evenly until the end.
func (l *life) live(begin time.Time, count int) {
	l.now = begin
	first := l.r.push(mainBranch, commit{author: "ann", message: "Begin", authored: begin.Add(-time.Hour)})
	l.r.tips["develop"] = first.sha
	l.waiting = []change{{begins: first.authored}}
	l.ship()
	every := (l.end.Sub(begin) / time.Duration(count+1)).Truncate(time.Second)
	for n := range count {
		l.now = begin.Add(time.Duration(n+1) * every)
		l.release(every)
	}
}

// release merges pull requests and deploys them, which may go wrong.
func (l *life) release(every time.Duration) {
	for range 1 + l.IntN(2) + l.IntN(2) {
		l.develop(l.title(), "", fmt.Sprintf("work/%d", len(l.r.pulls)))
	}
	switch {
	case l.IntN(12) == 0:
		l.pull(pull{author: "dependabot[bot]", title: l.title(), branch: fmt.Sprintf("dependabot/%d", len(l.r.pulls)), base: l.trunk()}, squashes, time.Hour)
	case l.style == mixes && l.IntN(2) == 0:
		c := l.r.push(mainBranch, commit{author: l.person(), message: l.title(), authored: l.after(10 * time.Minute)})
		l.waiting = append(l.waiting, change{begins: c.authored})
	}
	l.takeToMain()
	l.deploy("staging", "success")
	if l.IntN(20) == 0 {
		l.deploy("production", "failure")
	}
	before := l.running
	d := l.ship()
	if l.IntN(6) == 0 && every > 8*time.Hour {
		l.goWrong(d, before)
	}
}

func (l *life) title() string { return fmt.Sprintf("Change %d of %s", l.id(), l.r.name) }

// trunk returns the branch that pull requests are merged to.
func (l *life) trunk() string {
	if l.style == releases {
		return "develop"
	}
	return mainBranch
}

// develop merges a pull request of a person in the repository's style.
func (l *life) develop(title, body, branch string) {
	how := l.style
	if how == mixes {
		how = style(l.IntN(3))
	}
	if how == releases {
		how = squashes
	}
	l.pull(pull{author: l.person(), title: title, body: body, branch: branch, base: l.trunk()}, how, 40*time.Hour)
}

// pull merges a pull request on which somebody worked for some time.
func (l *life) pull(p pull, how style, work time.Duration) {
	l.after(12 * time.Minute)
	p.number, p.merged = len(l.r.pulls)+1, l.now
	began := l.now.Add(-time.Duration(float64(work) * (0.1 + l.ExpFloat64())).Truncate(time.Second))
	tip, wrote := l.r.tips[p.base], began
	for n := range 1 + l.IntN(3) {
		c := l.r.add(commit{author: p.author, message: fmt.Sprintf("%s, step %d", p.title, n), authored: wrote}, tip)
		p.own, tip = append(p.own, c), c.sha
		wrote = wrote.Add(l.now.Sub(began) / 4)
	}
	p.opened = wrote
	switch how {
	case merges:
		message := fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", p.number, l.r.owner, p.branch, p.title)
		p.result = l.r.push(p.base, commit{author: p.author, message: message, authored: l.now}, tip)
	case rebases:
		for _, c := range p.own {
			p.result = l.r.push(p.base, commit{author: c.author, message: c.message, authored: c.authored, committed: l.now})
			p.rebased = append(p.rebased, p.result)
		}
	default:
		p.result = l.r.push(p.base, commit{author: p.author, message: fmt.Sprintf("%s (#%d)", p.title, p.number), authored: l.now})
	}
	l.r.pulls = append(l.r.pulls, &p)
	l.waiting = append(l.waiting, change{p.number, p.title, began, p.author == "dependabot[bot]"})
}

// takeToMain merges develop to main in a repository that works with releases.
func (l *life) takeToMain() {
	if l.style != releases {
		return
	}
	l.after(5 * time.Minute)
	p := &pull{number: len(l.r.pulls) + 1, author: "ann", title: l.title(), branch: "develop", base: mainBranch, opened: l.now.Add(-time.Minute), merged: l.now}
	has := l.r.reachable(l.r.tips[mainBranch])
	for _, c := range l.r.history(l.r.tips["develop"], 250) {
		if !has[c.sha] {
			p.own = append([]*commit{c}, p.own...)
		}
	}
	message := fmt.Sprintf("Merge pull request #%d from %s/develop\n\n%s", p.number, l.r.owner, p.title)
	p.result = l.r.push(mainBranch, commit{author: "ann", message: message, authored: l.now}, l.r.tips["develop"])
	l.r.pulls = append(l.r.pulls, p)
}
