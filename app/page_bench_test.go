package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/page"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/story/shop"
)

// aLargeStore has so many deployments of 20 teams over three years, each with a change, and a delivery for each.
func aLargeStore(tb testing.TB, deployments int) (path string, newest time.Time) {
	path = filepath.Join(tb.TempDir(), "dora-exporter.db")
	store, err := sqlite.Open(tb.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	step := 3 * 365 * 24 * time.Hour / time.Duration(deployments)
	one := func(n int) dora.DeploymentRecord {
		at := shop.Monday.Add(time.Duration(n) * step)
		d := dora.Deployment{
			Host: "api.github.com", ID: int64(n), Owner: "acme", Repository: fmt.Sprintf("service-%d", n%200), Environment: "production",
			SHA: fmt.Sprintf("%040x", n), Ref: "main", CreatedAt: at.Add(-time.Minute),
		}
		return dora.DeploymentRecord{
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
				if err := tx.Deployments().Save(t); err != nil {
					return err
				}
				_, err := tx.Facts().Add(dora.Fact{
					Family: dora.Changes, Value: 1, At: t.Succeeded(), ID: t.ID,
					Subject: dora.ChangeSubject(t.Scope(), t.Shipment.Changes[0]),
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
	var arriving sync.WaitGroup
	for part := range 100 { // together, since each waits for the disk
		arriving.Go(func() {
			for n := part + 1; n <= deployments; n += 100 {
				t := one(n)
				_, err := store.Accept(tb.Context(), dora.Delivery{
					Source: dora.GitHub, Key: fmt.Sprintf("github/api.github.com/deployment_status/%d", n), Received: t.Succeeded(),
					Event: dora.Event{Status: &dora.Status{ID: t.ID, State: "success", CreatedAt: t.Succeeded(), Deployment: t.Deployment}},
				})
				if err != nil {
					tb.Error(err)
				}
			}
		})
	}
	arriving.Wait()
	days := &pipeline.Days{Store: store, Policy: config.DefaultPolicy(), Logger: slog.New(slog.DiscardHandler), AtOnce: 1000}
	if err := errors.Join(days.Make(tb.Context()), store.Close()); err != nil {
		tb.Fatal(err)
	}
	return path, one(deployments).Succeeded()
}

// BenchmarkPages asks for each page when nothing of it is kept, with 100,000 deployments over three years.
func BenchmarkPages(b *testing.B) {
	path, now := aLargeStore(b, 100_000)
	r, err := sqlite.OpenReader(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for _, url := range []string{
		"/", "/explain/deployment/acme/service-0/100000", "/explain/incident/INC-7",
		"/explain/metric?series=dora_changes_total%7Brepo%3D%22service-7%22%7D",
	} {
		b.Run(url, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := newPages(r.Reader, config.DefaultPolicy(), &page.Requests{}, func() page.State { return page.State{} }, func() time.Time { return now }, slog.New(slog.DiscardHandler))
				engine := newEngine(endpoints{metrics: http.NotFoundHandler(), page: p}.pages(), nil, slog.New(slog.DiscardHandler))
				answer := httptest.NewRecorder()
				engine.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, url, http.NoBody))
				if answer.Code >= http.StatusInternalServerError {
					b.Fatal(answer.Code, answer.Body)
				}
			}
		})
	}
}
