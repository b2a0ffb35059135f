package org

import (
	"crypto/sha1" //nolint:gosec // git names commits so
	"encoding/hex"
	"fmt"
	"time"
)

// repository is a repository with all that happened in it.
type repository struct {
	id          int64
	owner, name string
	commits     []*commit
	bySHA       map[string]*commit
	tips        map[string]string
	// mains are the commits of the default branch, in their order.
	mains       []*commit
	pulls       []*pull
	deployments []*deployment
	truth       []*done
}

type commit struct {
	sha, author, message string
	parents              []string
	authored, committed  time.Time
	// order is that in which commits were made.
	order int
}

type pull struct {
	number                            int
	author, title, body, branch, base string
	opened, merged                    time.Time
	result                            *commit
	// own are its commits, rebased what a rebase made of them.
	own, rebased []*commit
}

type deployment struct {
	id               int64
	environment, sha string
	// tag is the tag that was deployed, main if it is empty; one that is gone has no ref in GraphQL.
	tag      string
	isGone   bool
	created  time.Time
	statuses []status
}

type status struct {
	id    int64
	state string
	at    time.Time
}

const mainBranch = "main"

func newRepository(id int64, owner, name string) *repository {
	return &repository{id: id, owner: owner, name: name, bySHA: map[string]*commit{}, tips: map[string]string{}}
}

func (r *repository) fullName() string { return r.owner + "/" + r.name }

// add makes a commit on top of its parents.
func (r *repository) add(c commit, parents ...string) *commit {
	c.order = len(r.commits)
	for _, p := range parents {
		if p != "" {
			c.parents = append(c.parents, p)
		}
	}
	if c.committed.IsZero() {
		c.committed = c.authored
	}
	sum := sha1.Sum([]byte(fmt.Sprint(r.id, c.order, c.message))) //nolint:gosec // likewise
	c.sha = hex.EncodeToString(sum[:])
	made := &c
	r.commits = append(r.commits, made)
	r.bySHA[c.sha] = made
	return made
}

// push makes a commit on a branch.
func (r *repository) push(branch string, c commit, others ...string) *commit {
	made := r.add(c, append([]string{r.tips[branch]}, others...)...)
	r.tips[branch] = made.sha
	if branch == mainBranch {
		r.mains = append(r.mains, made)
	}
	return made
}

// reachable returns a commit and its ancestors.
func (r *repository) reachable(sha string) map[string]bool {
	found, todo := map[string]bool{}, []string{sha}
	for len(todo) > 0 {
		c := r.bySHA[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		if c != nil && !found[c.sha] {
			found[c.sha] = true
			todo = append(todo, c.parents...)
		}
	}
	return found
}

// history returns at most n of the ancestors of a commit and itself, the newest first.
func (r *repository) history(sha string, n int) (all []*commit) {
	has := map[string]bool{sha: true}
	for i := r.bySHA[sha].order; i >= 0 && len(all) < n; i-- {
		c := r.commits[i]
		if !has[c.sha] {
			continue
		}
		all = append(all, c)
		for _, p := range c.parents {
			has[p] = true
		}
	}
	return all
}
