package app

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/export"
	"dora-exporter/persistence/sqlite"
	"dora-exporter/persistence/sqlstore"
)

var (
	exportRepositories = flag.Int("export.repositories", 2, "repositories of BenchmarkExport")
	exportDays         = flag.Int("export.days", 100, "days of BenchmarkExport")
	exportEach         = flag.Int("export.each", 1, "days from one deployment of a repository to the next one")
	exportEvery        = flag.Duration("export.every", 6*time.Hour, "as -every of the command export")
	exportStore        = flag.String("export.store", "", "folder of the store of BenchmarkExport, which is kept and used again")
)

// BenchmarkExport exports a History in which each repository deploys to staging and to production on each working day, or with -export.each on some. docs/export.md has
// figures of such a store, whose deployments end after the first of three years. All three years take
//
//	go test ./app -run '^$' -bench Export -benchtime 1x -export.repositories 200 -export.days 1095
func BenchmarkExport(b *testing.B) {
	folder := *exportStore
	if folder == "" {
		folder = b.TempDir()
	}
	c := &config.Config{Policy: config.DefaultPolicy()}
	c.Storage.Database = filepath.Join(folder, "dora-exporter.db")
	addWorkingDays(b, c.Storage.Database)
	for b.Loop() {
		var made export.Summary
		began := time.Now()
		err := withReader(b.Context(), c, func(r *sqlstore.Reader) (err error) {
			size := &counter{}
			made, err = export.Run(b.Context(), r, export.Options{Every: *exportEvery, Policy: c.Policy}, export.NewOpenMetrics(size, dora.Labels{
				"job": "dora-exporter", "instance": "dora-exporter:8090",
			}))
			b.ReportMetric(float64(size.n)/1e6, "MB")
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(made.Series), "series")
		b.ReportMetric(float64(made.Samples), "samples")
		b.ReportMetric(float64(made.Samples)/time.Since(began).Seconds(), "samples/s")
	}
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return io.Discard.Write(p)
}

// addWorkingDays makes the store, unless it is there already.
func addWorkingDays(b testing.TB, path string) {
	b.Helper()
	s, err := sqlite.Open(b.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if last, err := s.LastPosition(b.Context()); err != nil || last > 0 {
		return
	}
	n := 0
	for day := *exportDays; day > 0; day-- {
		midnight := s.Created().Truncate(dora.Day).AddDate(0, 0, -day)
		if w := midnight.Weekday(); w == time.Saturday || w == time.Sunday {
			continue
		}
		err := s.Update(b.Context(), func(tx dora.Tx) error {
			for repository := range *exportRepositories {
				if (repository+day)%*exportEach != 0 {
					continue
				}
				at := midnight.Add(8*time.Hour + time.Duration(repository*217%500)*time.Minute)
				for _, f := range workingDay(repository, day, at) {
					n++
					f.Labels, f.ID, f.Subject = f.Labels.OfHistory(), int64(n), fmt.Sprintf("bench:%d", n)
					if _, err := tx.Facts().Add(f); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// workingDay returns the facts of a repository on a day: a deployment to staging and one to production with two changes. Of ten, one is a
// failed change; of twenty, one fails; of twenty, one has an incident.
func workingDay(repository, day int, at time.Time) (facts []dora.Fact) {
	const minute = 60_000
	team := fmt.Sprintf("Team %d", repository%20)
	add := func(family string, labels dora.Labels, value int64) {
		facts = append(facts, dora.Fact{Family: family, Labels: labels, At: at, Value: value})
	}
	chance := (repository*31 + day*17) % 60
	for _, environment := range []string{"staging", "production"} {
		scope := dora.Labels{"environment": environment, "owner": "acme", "repo": fmt.Sprintf("service-%03d", repository), "team": team}
		for _, state := range []string{"queued", "in_progress", "success"} {
			status := dora.Labels{"environment": environment, "repo": scope["repo"], "status": state, "team": team}
			add(dora.DeploymentsTotal, status, 1)
			add(dora.DeploymentsDurationSum, status, int64(1000+chance)*minute)
			add(dora.DeploymentsDuration, status, int64(1000+chance)*minute)
		}
		outcome := dora.Success
		if chance%20 == 1 {
			outcome = dora.Failure
		}
		add(dora.Deployments, scope.With("outcome", outcome), 1)
		add(dora.DeploymentRun, scope, int64(1+chance%9)*minute)
		if outcome != dora.Success {
			continue
		}
		add(dora.DeploymentTimestamp, scope, at.UnixMilli())
		for change := range 2 {
			add(dora.Changes, scope, 1)
			add(dora.LeadTime, scope, int64(100+chance*(50+change))*minute)
			for _, stage := range []string{"coding", "review", "deploy"} {
				if environment == "production" {
					add(dora.LeadTimeStage, scope.With("stage", stage), int64(30+chance*20)*minute)
				}
			}
		}
		if chance%10 == 0 && environment == "production" {
			add(dora.ChangeFailures, scope.With("cause", "rollback"), 1)
			add(dora.ReworkDeployments, scope.With("cause", "rollback"), 1)
			add(dora.Recovery, scope, int64(20+chance)*minute)
		}
		at = at.Add(20 * time.Minute)
	}
	if chance%20 == 2 {
		issue := dora.Labels{"priority": []string{"High", "Low"}[chance/20%2], "project": fmt.Sprintf("P%d", repository%20), "team": team}
		add(dora.IncidentsOpened, issue, 1)
		add(dora.IncidentRecovery, issue, int64(60+chance)*minute)
	}
	return facts
}
