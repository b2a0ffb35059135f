// Package org makes up an organisation that has deployed for years, with the right values of what it did, behind a stand-in for GitHub's APIs
// that counts calls and points.
package org

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Owner is the login of the organisation.
const Owner = "acme"

// Plan says how large an organisation is.
type Plan struct {
	Repositories int
	// Releases are how many a repository makes on average, evenly from Begin to End.
	Releases int
	// Skew is the exponent of Zipf's law, by which repositories differ in their releases: 0 if they don't. Each makes one at least.
	Skew       float64
	Begin, End time.Time
	Seed       uint64
}

// Org is an organisation. Its repositories are made up when they are asked for, always the same; the last ones are kept.
type Org struct {
	Plan

	mu     sync.Mutex
	recent []*repository
}

// maxRecent is how many repositories are kept.
const maxRecent = 24

// New returns an organisation.
func New(p Plan) *Org { return &Org{Plan: p} }

func (o *Org) nameOf(index int) string { return fmt.Sprintf("service-%03d", index) }

// repository returns a repository by its name; nil if there is none.
func (o *Org) repository(owner, name string) *repository {
	var index int
	if _, err := fmt.Sscanf(strings.ToLower(name), "service-%d", &index); err != nil || !strings.EqualFold(owner, Owner) || index >= o.Repositories {
		return nil
	}
	return o.at(index)
}

func (o *Org) at(index int) *repository {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := int64(index + 1)
	if i := slices.IndexFunc(o.recent, func(r *repository) bool { return r.id == id }); i >= 0 {
		r := o.recent[i]
		o.recent = append(slices.Delete(o.recent, i, i+1), r)
		return r
	}
	random := rand.New(rand.NewPCG(o.Seed, uint64(id))) //nolint:gosec // not for secrets
	l := &life{Rand: random, r: newRepository(id, Owner, o.nameOf(index)), style: styleOf(index), end: o.End}
	l.live(o.Begin, o.releasesOf(index))
	if len(o.recent) == maxRecent {
		o.recent = o.recent[1:]
	}
	o.recent = append(o.recent, l.r)
	return l.r
}

// releasesOf returns how many releases a repository makes.
func (o *Org) releasesOf(index int) int {
	sum := 0.0
	for i := range o.Repositories {
		sum += math.Pow(float64(i+1), -o.Skew)
	}
	share := math.Pow(float64(index+1), -o.Skew) / sum
	return max(1, int(math.Round(share*float64(o.Releases*o.Repositories))))
}

// teams is how many teams the organisation has.
const teams = 6

func teamOf(index int) string { return fmt.Sprintf("Team %d", index%teams) }

// Config returns the teams and rules of the exporter's configuration.
func (o *Org) Config() string {
	var b strings.Builder
	b.WriteString("changes: {ignore_authors: [\"dependabot[bot]\"]}\nfailures: {hotfix: {branches: [\"hotfix/*\"]}}\nteams:\n")
	for team := range min(teams, o.Repositories) {
		var names []string
		for index := team; index < o.Repositories; index += teams {
			names = append(names, Owner+"/"+o.nameOf(index))
		}
		fmt.Fprintf(&b, "- {name: %s, github_repositories: [%s]}\n", teamOf(team), strings.Join(names, ", "))
	}
	return b.String()
}
