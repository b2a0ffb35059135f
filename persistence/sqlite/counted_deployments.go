package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Counted returns the successes in production since a time with what was counted of them, in the order of time: those of the first
// teams by name, and of these the newest, at most limit. It reads nothing older, so its duration does not depend on the length of the
// history.
func (r *Reader) Counted(ctx context.Context, since time.Time, teams, limit int) (c dora.Counted, err error) {
	c.From = since
	err = r.Snapshot(ctx, func(r *Reader) error {
		names, err := r.teams(ctx)
		if err != nil {
			return err
		}
		c.Teams = len(names)
		var found []dora.DeploymentRecord
		for _, team := range names[:min(len(names), teams)] {
			first, err := r.deployments(ctx, "WHERE team = ? AND production = 1 AND success IS NOT NULL ORDER BY success LIMIT 1", team)
			if err != nil || len(first) == 0 {
				return err
			}
			if at := first[0].Succeeded(); c.First.IsZero() || at.Before(c.First) {
				c.First = at
			}
			all, err := r.deployments(ctx, "WHERE team = ? AND production = 1 AND success >= ? ORDER BY success DESC, number DESC LIMIT ?",
				team, since.UnixMilli(), limit+1)
			if err != nil {
				return err
			}
			if found = newestSuccesses(append(found, all...), limit+1); len(found) > limit {
				since = found[limit].Succeeded() // older ones of the remaining teams are left out, too
			}
		}
		if len(found) > limit {
			// There may be more deployments at that instant, so the result begins after it.
			c.From = since.Add(time.Millisecond)
			found = slices.DeleteFunc(found, func(t dora.DeploymentRecord) bool { return t.Succeeded().Before(c.From) })
		}
		slices.Reverse(found)
		return r.addCounted(ctx, &c, found)
	})
	if err != nil {
		return dora.Counted{}, fmt.Errorf("read what was counted: %w", err)
	}
	return c, nil
}

// newestSuccesses returns the newest successes, at most limit, the newest first.
func newestSuccesses(all []dora.DeploymentRecord, limit int) []dora.DeploymentRecord {
	slices.SortFunc(all, func(a, b dora.DeploymentRecord) int {
		return cmp.Or(b.Succeeded().Compare(a.Succeeded()), cmp.Compare(b.ID, a.ID))
	})
	return all[:min(len(all), limit)]
}

// teams returns the names of all teams with a success in production. It makes one index look-up per team.
func (r *Reader) teams(ctx context.Context) ([]string, error) {
	return readAll(ctx, r, "teams", `WITH RECURSIVE teams (team) AS (
			SELECT min(team) FROM deployments WHERE production = 1 AND success IS NOT NULL
			UNION ALL SELECT (SELECT min(team) FROM deployments WHERE production = 1 AND success IS NOT NULL AND team > teams.team) FROM teams WHERE team IS NOT NULL
		) SELECT team FROM teams WHERE team IS NOT NULL`, nil, scanText)
}

// addCounted adds deployments with what was counted of each.
func (r *Reader) addCounted(ctx context.Context, c *dora.Counted, found []dora.DeploymentRecord) error {
	for chunk := range slices.Chunk(found, maxQueryValues) {
		var keys, repairs, changes []string
		for _, t := range chunk {
			keys, repairs = append(keys, t.Key()), append(repairs, dora.ReworkSubject(t.Key()))
			for _, change := range t.Changes() {
				changes = append(changes, dora.ChangeSubject(t.Scope(), change))
			}
		}
		marks, err := r.failedChangesOf(ctx, keys)
		if err != nil {
			return err
		}
		repaired, err := r.FactsBySubject(ctx, dora.ReworkDeployments, repairs)
		if err != nil {
			return err
		}
		shipped, err := r.FactsBySubject(ctx, dora.Changes, changes)
		if err != nil {
			return err
		}
		for _, t := range chunk {
			counted := dora.CountedDeployment{DeploymentRecord: t, Repaired: dora.Cause(repaired[dora.ReworkSubject(t.Key())].Labels["cause"])}
			if mark, bad := marks[t.Key()]; bad {
				counted.Mark = &mark
			}
			for _, change := range t.Changes() {
				if shipped[dora.ChangeSubject(t.Scope(), change)].ID == t.ID {
					counted.Changes = append(counted.Changes, change)
				}
			}
			c.Deployments = append(c.Deployments, counted)
		}
	}
	return nil
}

// maxQueryValues limits how many values one query has.
const maxQueryValues = 500

func (r *Reader) failedChangesOf(ctx context.Context, deployments []string) (map[string]dora.FailedChange, error) {
	found := map[string]dora.FailedChange{}
	all, err := r.failedChanges(ctx, "WHERE target IN ("+placeholders(len(deployments))+")", toAny(deployments)...)
	for _, m := range all {
		found[m.Target] = m
	}
	return found, err
}

// FactsBySubject returns the facts of a family with one of the subjects.
func (r *Reader) FactsBySubject(ctx context.Context, family string, subjects []string) (map[string]dora.Fact, error) {
	byStem := map[string][]string{}
	for _, subject := range subjects {
		stem, rest := cutStem(subject)
		byStem[stem] = append(byStem[stem], rest)
	}
	found := map[string]dora.Fact{}
	for stem, rests := range byStem {
		for chunk := range slices.Chunk(rests, maxQueryValues) {
			where := "WHERE facts.family = " + textID + " AND stem = " + textID + " AND rest IN (" + placeholders(len(chunk)) + ")"
			err := r.facts(ctx, where, append([]any{family, stem}, toAny(chunk)...), func(f dora.Fact) error {
				found[f.Subject] = f
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("read the facts of %s: %w", family, err)
			}
		}
	}
	return found, nil
}

// placeholders returns n comma-separated SQL placeholders.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func toAny(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}
