package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence"
)

// aLargeStore has so many deployments of 20 teams over three years, each with a change, and a delivery for each.
func aLargeStore(tb testing.TB, deployments int) (path string, newest time.Time) {
	path = filepath.Join(tb.TempDir(), "dora-exporter.db")
	store, err := persistence.Open(tb.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	step := 3 * 365 * 24 * time.Hour / time.Duration(deployments)
	one := func(n int) dora.Tracked {
		at := monday.Add(time.Duration(n) * step)
		d := dora.Deployment{
			Host: "api.github.com", ID: int64(n), Owner: "acme", Repository: fmt.Sprintf("service-%d", n%200), Environment: "production",
			SHA: fmt.Sprintf("%040x", n), Ref: "main", CreatedAt: at.Add(-time.Minute),
		}
		return dora.Tracked{
			Deployment: d, Team: fmt.Sprintf("Team %d", n%20), InProduction: true, Outcomes: []dora.Outcome{{ID: int64(n), State: "success", At: at}},
			Shipment: &dora.Shipment{Relation: dora.Ahead, Changes: []dora.Change{{SHA: d.SHA, Commits: []string{d.SHA}, Origin: dora.Origin{
				PullRequest: n, Author: "ann", FirstCommit: at.Add(-30 * time.Hour), Opened: at.Add(-20 * time.Hour), Merged: at.Add(-time.Hour),
			}}}},
		}
	}
	for n := 1; n <= deployments; n += 1000 {
		err := store.Update(tb.Context(), func(tx dora.Tx) error {
			for i := n; i < n+1000 && i <= deployments; i++ {
				t := one(i)
				if err := tx.SaveTracked(t); err != nil {
					return err
				}
				_, err := tx.AddFact(dora.Fact{
					Family: dora.Changes, Value: 1, At: t.Succeeded(), ID: t.ID,
					Subject: dora.Subject(dora.SubjectChange, t.Scope()+"/"+t.Shipment.Changes[0].Name()),
					Labels:  dora.Labels{"environment": t.Environment, "repo": t.Repository, "owner": t.Owner, "team": t.Team},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return path, one(deployments).Succeeded()
}

// BenchmarkMeasures is the whole of the measures with 100,000 deployments.
func BenchmarkMeasures(b *testing.B) {
	path, now := aLargeStore(b, 100_000)
	r, err := persistence.OpenReader(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.ReportAllocs()
	for b.Loop() {
		counted, err := r.Counted(b.Context(), now.Add(-measuredOver), mostTeams, mostDeployments)
		if err != nil {
			b.Fatal(err)
		}
		report := defaultPolicy().CountedReport(counted, dora.ReportOptions{Now: now, Since: measuredOver, Weeks: weeksShown})
		if len(report.Rows) != 20 {
			b.Fatal(len(report.Rows))
		}
	}
}
