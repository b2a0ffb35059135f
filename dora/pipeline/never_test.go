package pipeline_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// One answer never comes, of a comparison or of the commits of a pull request. Everything else counts.
func TestAnswerThatNeverComes(t *testing.T) {
	eachHistory(t, func(t *testing.T, p *history) {
		o := p.oracle()
		if !p.lose(o) {
			return
		}
		want, durations := o.expected(), o.durations()
		x := &exporter{t: t, world: p, store: openStore(t), durations: true}
		x.scatter(p)
		x.settle()
		compare(t, want, x.factsInLowerCase())
		compare(t, durations, x.statusFacts())
		if t.Failed() {
			t.Logf("%s never comes\n%s", p.hub.never, x.describeChanges())
		}
	})
}

// lose makes GitHub never answer a comparison, or with the commits of a squashed pull request; false if there is none.
func (p *history) lose(o *oracle) bool {
	o.gather()
	deployments := o.deployments
	o.deployments = nil
	if len(deployments) == 0 || !p.plain {
		return false
	}
	d := pick(p, deployments...)
	if p.chance(50) {
		squashed := slices.DeleteFunc(slices.Clone(d.graph.pulls), func(q *graphPull) bool {
			merge := d.graph.commits[q.merge]
			inner := slices.ContainsFunc(d.graph.pulls, func(r *graphPull) bool { return r.merge != "" && slices.Contains(q.commits, r.merge) })
			for _, c := range d.graph.commits { // whether one with its number belongs to it can't be told
				inner = inner || c != merge && strings.HasSuffix(c.message, fmt.Sprintf("(#%d)", q.number))
			}
			return merge == nil || len(merge.parents) > 1 || merge.message != fmt.Sprintf("%s (#%d)", q.title, q.number) || inner
		})
		if len(squashed) == 0 {
			return false
		}
		number := pick(p, squashed...).number
		p.hub.never = regexp.MustCompile(fmt.Sprintf("^/(repos/acme/%s|repositories/%d)/pulls/%d/commits$", d.graph.name, d.graph.id, number))
		o.lostPull = func(g *graph, n int) bool { return g == d.graph && n == number }
		return true
	}
	var before *oracleDeployment
	for _, earlier := range deployments {
		if earlier.graph == d.graph && earlier.sha != d.sha && !earlier.done.IsZero() && earlier.done.Before(d.done) {
			before = earlier
		}
	}
	if before == nil {
		return false
	}
	base, head := before.sha, d.sha
	p.hub.never = regexp.MustCompile(fmt.Sprintf(`/compare/%s\.\.\.%s$`, base, head))
	o.lostComparison = func(b, h string) bool { return b == base && h == head }
	return true
}
