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
	// minGapQueries and deploymentsPerGapQuery limit the queries for gaps of each repository. What is still missing then is asked for when it is
	// evaluated.
	minGapQueries          = 5
	deploymentsPerGapQuery = 50
)

// gaps are the commits of a repository whose parents are missing to tell what its deployments shipped: those that were pushed or rebased, and
// those of pull requests that bring others.
type gaps struct {
	*part

	repository dora.ArchivedRepository
	// pairs has the deployments that evaluations will compare, open those pairs of which commits were missing when they were looked at last, or that were not
	// looked at yet.
	pairs, open []pair
	// gone are commits that are not asked for again.
	gone map[string]bool
	// missing are the commits that the next query asks for, queries how many may be made.
	missing []string
	queries int
}

func gapsOf(p *part, deployments []dora.ArchivedDeployment, pages []dora.ArchivePage) *gaps {
	g := &gaps{part: p, repository: p.ArchivedRepository, pairs: comparedPairs(deployments), gone: map[string]bool{}}
	g.queries = minGapQueries + len(deployments)/deploymentsPerGapQuery
	for _, page := range pages {
		g.add(page)
	}
	g.open = g.pairs
	return g
}

// find sets the missing commits to some that are missing now: limit at most. A commit that was read may show that others are missing where none
// were, so in the end it looks at all pairs.
func (g *gaps) find(limit int) {
	graph := lineage.Of(&g.repository)
	g.missing, g.open = missingOf(graph, g.open, g.gone, limit)
	if len(g.missing) == 0 && len(g.open) < len(g.pairs) {
		g.missing, g.open = missingOf(graph, g.pairs, g.gone, limit)
	}
}

func (g *gaps) add(page dora.ArchivePage) {
	g.repository.Pulls, g.repository.Commits = append(g.repository.Pulls, page.Pulls...), append(g.repository.Commits, page.Commits...)
}

// readGaps reads what is missing of some repositories of an owner. One in which much is missing takes no queries from the others.
func (b *Backfill) readGaps(ctx context.Context, owner string, all []*gaps) error {
	for left := slices.Clone(all); ; {
		n := 0
		left = slices.DeleteFunc(left, func(g *gaps) bool {
			if n == gapsAtOnce {
				g.missing = nil
				return false
			}
			if g.queries == 0 {
				return true
			}
			g.find(gapsAtOnce - n)
			n += len(g.missing)
			return len(g.missing) == 0
		})
		if len(left) == 0 {
			break
		}
		asked := slices.DeleteFunc(slices.Clone(left), func(g *gaps) bool { return len(g.missing) == 0 })
		if err := b.readBehind(ctx, owner, asked); err != nil {
			return err
		}
	}
	return b.Store.Update(ctx, func(tx dora.Tx) error {
		for _, g := range all {
			g.HistoryRead = true
			if err := tx.Backfill().SavePart(g.part.part(), g.part); err != nil {
				return err
			}
		}
		return nil
	})
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

// missingOf returns commits whose parents are missing to compare pairs, the newest pairs first: limit at most, which is not 0. open are the
// pairs of which commits are missing, or that it did not look at.
func missingOf(g *lineage.Graph, pairs []pair, gone map[string]bool, limit int) (missing []string, open []pair) {
	listed := map[string]bool{}
	var unread []pair
	for i, pair := range slices.Backward(pairs) {
		if len(missing) == limit {
			open = slices.Clone(pairs[:i+1])
			break
		}
		lacks := false
		for _, sha := range missingOfPair(g, pair) {
			if gone[sha] {
				continue
			}
			lacks = true
			if !listed[sha] && len(missing) < limit {
				listed[sha], missing = true, append(missing, sha)
			}
		}
		if lacks {
			unread = append(unread, pair)
		}
	}
	slices.Reverse(unread)
	return missing, append(open, unread...)
}

func missingOfPair(g *lineage.Graph, p pair) []string {
	switch {
	case p.base != "":
		return g.Compare(p.base, p.head).Missing
	case !g.Has(p.head):
		return []string{p.head}
	}
	return nil
}

// readBehind reads the missing commits of repositories with their parents and as many of their ancestors as cost no more, and notes that they
// are not asked for again. If that is more than GitHub can answer, it reads some of them.
func (b *Backfill) readBehind(ctx context.Context, owner string, some []*gaps) error {
	commits := 0
	for _, g := range some {
		commits += len(g.missing)
	}
	for each := historyOf(commits); ; {
		query, variables := historyQuery(some, each)
		var answer aliasedAnswer[map[string]*gapNode]
		err := b.query(ctx, owner, query, variables, &answer, &answer.RateLimit)
		switch {
		case errors.Is(err, dora.ErrTooLarge) && len(some) > 1:
			some, each = some[:(len(some)+1)/2], max(each/2, 1)
			continue
		case errors.Is(err, dora.ErrTooLarge) && len(some[0].missing)*each > 1:
			some[0].missing, each = some[0].missing[:(len(some[0].missing)+1)/2], max(each/2, 1)
			continue
		case errors.Is(err, dora.ErrTooLarge): // it is asked for again when it is evaluated
			b.Logger.Info("GitHub could not answer for a commit, the backfill goes on without it", "repository", some[0].Owner+"/"+some[0].Name, "error", err)
			return b.addCommits(ctx, some[0], nil)
		case err != nil:
			return err
		}
		for i, g := range some {
			if err := b.addCommits(ctx, g, answer.Repositories[alias(i)]); err != nil {
				return err
			}
		}
		return nil
	}
}

// addCommits stores the answer for the missing commits of a repository.
func (b *Backfill) addCommits(ctx context.Context, g *gaps, answer *map[string]*gapNode) error {
	var read dora.ArchivePage
	g.queries--
	for i, sha := range g.missing {
		g.gone[sha] = true
		if answer == nil || (*answer)[alias(i)] == nil {
			continue
		}
		for _, node := range (*answer)[alias(i)].commits() {
			read.Commits = append(read.Commits, node.archived())
		}
	}
	g.add(read)
	g.Spent = b.spentOn(g.part)
	return b.Store.Update(ctx, func(tx dora.Tx) error {
		if len(read.Commits) > 0 {
			if err := tx.Backfill().AddPage(g.part.part(), read); err != nil {
				return err
			}
		}
		return tx.Backfill().SavePart(g.part.part(), g.part)
	})
}
