package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
)

// failingShipments is a GitHub that fails for commits whose names begin with bad, for a while.
type failingShipments struct {
	*repository
	err  error
	over atomic.Bool
}

func (f *failingShipments) Ship(_ context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	if strings.HasPrefix(c.Head.SHA, "bad") && !f.over.Load() {
		return dora.Shipment{}, nil, f.err
	}
	return dora.Shipment{Relation: dora.First}, nil, nil
}

// The log warns once for each environment, not for each deployment or attempt, that nothing is evaluated there and why, and says when
// that ends. Other environments are evaluated meanwhile.
func TestFailingEvaluationLog(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		first time.Duration
		want  string
		// end are the lines after a restart, but for the first, which repeats the warning.
		end []string
	}{
		"GitHub fails": {
			errors.New("the comparison lists 100 of 251 commits"),
			time.Minute,
			`level=WARN msg="evaluating deployment keeps failing: it and all later deployments of the environment wait, will retry at least every minute" ` +
				`owner=acme repository=web environment=production deployment=1 sha=bad1 attempts=3 retry_in=4s error="the comparison lists 100 of 251 commits"`,
			[]string{`level=INFO msg="evaluating deployments of the environment works again" owner=acme repository=web environment=production deployment=1`},
		},
		"GitHub does not have it": {
			&dora.NotFoundError{Reason: dora.ReasonNotFound, Err: errors.New("404 Not Found")},
			12 * time.Minute,
			`level=WARN msg="deployed commit not found: the deployment and all later ones of the environment wait, will retry for 71 minutes and then evaluate without it" ` +
				`owner=acme repository=web environment=production deployment=1 sha=bad1 attempts=3 retry_in=1h0m0s error="404 Not Found"`,
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := openStoreAt(t, filepath.Join(memoryDir(t), "dora-exporter.db"))
				staging := func(id int64) dora.Event {
					e := deployed(id, "good", "success", int(id))
					e.Status.Deployment.Environment = "staging"
					return e
				}
				accept(t, store, deployed(1, "bad1", "success", 1), deployed(2, "good", "success", 2), staging(3), staging(4), deployed(5, "good", "success", 5))
				process(t, store, platform{})
				var log bytes.Buffer
				logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					switch a.Key {
					case slog.TimeKey:
						return slog.Attr{}
					case "retry_in": // a backoff is up to a fifth shorter
						if a.Value.Duration() > 3*time.Second && a.Value.Duration() <= 4*time.Second || a.Value.Duration() == 3*time.Second {
							return slog.Duration(a.Key, 4*time.Second)
						}
					}
					return a
				}}))
				github := &failingShipments{err: test.err}
				run := func(d time.Duration) (lines []string) {
					log.Reset()
					s := &pipeline.Evaluator{Store: store, Enricher: github, Rules: noLimit(), Logger: logger, Now: time.Now}
					ctx, cancel := context.WithTimeout(t.Context(), d)
					defer cancel()
					s.Run(ctx)
					for line := range strings.Lines(log.String()) {
						lines = append(lines, strings.TrimSpace(line))
					}
					return lines
				}
				if diff := cmp.Diff([]string{test.want}, run(test.first)); diff != "" {
					t.Errorf("log (-want +got):\n%s", diff)
				}
				if e, err := store.WaitingEvaluations(t.Context(), time.Now()); err != nil || e.Waiting != 3 || e.Due != 3 || time.Since(e.Oldest) < test.first {
					t.Errorf("%+v, error %v; want 3 of production to wait", e, err)
				}
				if test.end == nil {
					return
				}
				time.AfterFunc(time.Minute, func() { github.over.Store(true) })
				lines := run(3 * time.Minute) // a restart
				if e, err := store.WaitingEvaluations(t.Context(), time.Now()); err != nil || e.Waiting != 0 {
					t.Errorf("%+v, error %v; want nothing to wait", e, err)
				}
				if diff := cmp.Diff(test.end, lines[min(1, len(lines)):]); diff != "" {
					t.Errorf("log (-want +got):\n%s", diff)
				}
			})
		})
	}
}
