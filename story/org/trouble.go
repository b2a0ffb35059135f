package org

import (
	"fmt"
	"time"
)

// change is a change that was merged: when the work on it began, whether a bot made it.
type change struct {
	number int
	title  string
	begins time.Time
	isBot  bool
}

// done is a deployment to production that succeeded, with what is right about it.
type done struct {
	at time.Time
	// leads are the lead times of what it shipped first, bots how many changes of bots it shipped.
	leads []time.Duration
	bots  int
	// cause is empty unless it is a failed change, recovery is 0 until that is repaired. rework is true if it repaired another one.
	cause    string
	recovery time.Duration
	rework   bool

	changes []change
}

// deploy deploys main, which ends with a state.
func (l *life) deploy(environment, state string) {
	l.deployCommit(environment, l.r.tips[mainBranch], state)
}

func (l *life) deployCommit(environment, sha, state string) {
	d := &deployment{id: l.id(), environment: environment, sha: sha, created: l.after(4 * time.Minute)}
	if l.style == releases && environment == "production" {
		d.tag, d.isGone = fmt.Sprintf("v%d", d.id), l.r.id%2 == 0 && l.IntN(10) == 0
	}
	l.r.deployments = append(l.r.deployments, d)
	l.setStatus(d, "in_progress", l.now.Add(2*time.Second))
	l.setStatus(d, state, l.after(8*time.Minute))
}

func (l *life) setStatus(d *deployment, state string, at time.Time) {
	d.statuses = append(d.statuses, status{l.id(), state, at})
}

// ship deploys main to production with success, and notes what that means.
func (l *life) ship() *done {
	d := &done{changes: l.waiting}
	l.deploy("production", "success")
	d.at = l.now
	for _, c := range l.waiting {
		if c.isBot {
			d.bots++
		} else {
			d.leads = append(d.leads, d.at.Sub(c.begins))
		}
	}
	l.waiting, l.running = nil, l.r.tips[mainBranch]
	l.add(d)
	return d
}

// add notes a success, which repairs what is broken.
func (l *life) add(d *done) {
	l.r.truth = append(l.r.truth, d)
	if l.broken != nil {
		l.repair(l.broken, d)
		l.broken = nil
	}
}

func (l *life) repair(failed, by *done) {
	failed.recovery, by.rework = by.at.Sub(failed.at), true
}

// goWrong makes a deployment a failed change, by its status, or by what is done then: a rollback, a revert or a hotfix.
func (l *life) goWrong(d *done, before string) {
	switch l.IntN(4) {
	case 0:
		l.after(20 * time.Minute)
		last := l.r.deployments[len(l.r.deployments)-1]
		l.setStatus(last, "failure", l.now)
		d.cause, l.broken = "status", d
	case 1:
		d.cause = "rollback"
		l.after(20 * time.Minute)
		back := &done{}
		l.deployCommit("production", before, "success")
		back.at, l.running = l.now, before
		l.add(back)
		l.repair(d, back)
	case 2:
		last := d.changes[len(d.changes)-1]
		if last.number == 0 {
			return
		}
		d.cause = "revert"
		body := fmt.Sprintf("Reverts %s#%d", l.r.fullName(), last.number)
		l.develop(fmt.Sprintf("Revert %q", last.title), body, fmt.Sprintf("revert-%d-work", last.number))
		l.takeToMain()
		l.repair(d, l.ship())
	default:
		d.cause = "hotfix"
		l.pull(pull{author: "eve", title: l.title(), branch: fmt.Sprintf("hotfix/%d", len(l.r.pulls)), base: mainBranch}, squashes, time.Hour)
		l.repair(d, l.ship())
	}
}
