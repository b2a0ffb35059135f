package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"dora-exporter/dora"
	"dora-exporter/dora/lineage"
)

const (
	// gapsAtOnce is how many commits are read at once, which costs one point.
	gapsAtOnce = pointRequests
	// minGapQueries and deploymentsPerGapQuery limit the queries for gaps. What is still missing then is asked for when it is evaluated.
	minGapQueries          = 5
	deploymentsPerGapQuery = 50
)

// readHistory reads the parents of commits where they are missing to tell what the deployments shipped: those of commits that were pushed
// or rebased, and of pull requests that bring others.
func (b *Backfill) readHistory(ctx context.Context, p *part, deployments []dora.ArchivedDeployment, pages []dora.ArchivePage) error {
	r := p.ArchivedRepository
	for _, page := range pages {
		r.Pulls, r.Commits = append(r.Pulls, page.Pulls...), append(r.Commits, page.Commits...)
	}
	gone := map[string]bool{}
	pairs := comparedPairs(deployments)
	for queries := minGapQueries + len(deployments)/deploymentsPerGapQuery; queries > 0; queries-- {
		missing := missingOf(&r, pairs, gone)
		if len(missing) == 0 {
			break
		}
		commits, err := b.readBehind(ctx, p, missing, gone)
		if err != nil {
			return err
		}
		r.Commits = append(r.Commits, commits...)
		p.Spent = b.spentOn(p)
		err = b.Store.Update(ctx, func(tx dora.Tx) error {
			if len(commits) > 0 {
				if err := tx.Backfill().AddPage(p.part(), dora.ArchivePage{Commits: commits}); err != nil {
					return err
				}
			}
			return tx.Backfill().SavePart(p.part(), p)
		})
		if err != nil {
			return err
		}
	}
	p.HistoryRead = true
	return nil
}

// pair is a deployed commit with the one that ran before it.
type pair struct{ base, head string }

// comparedPairs returns what the evaluations will compare: the commits of the successful deployments of an environment and task, in their
// order, each pair once.
func comparedPairs(deployments []dora.ArchivedDeployment) (all []pair) {
	type success struct {
		scope, sha string
		dora.Moment
	}
	var successes []success
	for _, a := range deployments {
		var d document
		if json.Unmarshal(a.Document, &d) != nil {
			continue
		}
		first := map[string]bool{}
		for _, s := range a.Statuses {
			environment := dora.FoldName(cmp.Or(s.Environment, d.Environment))
			if dora.OutcomeOf(s.State) == dora.Success && !first[environment] {
				first[environment] = true
				successes = append(successes, success{environment + "\x00" + d.Task, a.SHA, dora.Moment{At: s.At, ID: a.ID}})
			}
		}
	}
	slices.SortFunc(successes, func(a, b success) int { return a.Compare(b.Moment) })
	running, seen := map[string]string{}, map[pair]bool{}
	for _, s := range successes {
		next := pair{running[s.scope], s.sha}
		if running[s.scope] = s.sha; next.base != next.head && !seen[next] {
			seen[next] = true
			all = append(all, next)
		}
	}
	return all
}

// missingOf returns commits whose parents are missing to compare pairs, the newest pairs first: as many as are read behind at once.
func missingOf(r *dora.ArchivedRepository, pairs []pair, gone map[string]bool) (missing []string) {
	g, listed := lineage.Of(r), map[string]bool{}
	add := func(shas ...string) {
		for _, sha := range shas {
			if !gone[sha] && !listed[sha] && len(missing) < gapsAtOnce {
				listed[sha], missing = true, append(missing, sha)
			}
		}
	}
	for _, pair := range slices.Backward(pairs) {
		switch {
		case len(missing) == gapsAtOnce:
			return missing
		case pair.base == "":
			if !g.Has(pair.head) {
				add(pair.head)
			}
		default:
			add(g.Compare(pair.base, pair.head).Missing...)
		}
	}
	return missing
}

// readBehind reads commits with their parents and as many of their ancestors as cost no more, and notes that they are not asked for again.
func (b *Backfill) readBehind(ctx context.Context, p *part, shas []string, gone map[string]bool) (all []dora.ArchivedCommit, err error) {
	for each := historyOf(len(shas)); ; {
		var answer historyAnswer
		variables := map[string]any{"owner": p.Owner, "name": p.Name}
		if each > 1 {
			variables["each"] = each
		}
		err := b.query(ctx, p.Owner, historyQuery(shas, each), variables, &answer, &answer.RateLimit)
		if errors.Is(err, dora.ErrTooLarge) && len(shas)*each > 1 {
			shas, each = shas[:(len(shas)+1)/2], max(each/2, 1)
			continue
		}
		if err != nil {
			return nil, err
		}
		for i, sha := range shas {
			gone[sha] = true
			if found := answer.Repository[alias(i)]; found != nil {
				for _, node := range found.commits() {
					all = append(all, node.archived())
				}
			}
		}
		return all, nil
	}
}
