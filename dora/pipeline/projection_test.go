package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/instrumentation"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/persistence/teststore"
)

// newProjection makes a projection with real instruments and a real checkpoint at path.
func newProjection(t *testing.T, store *teststore.Store, path string) (*pipeline.Projection, *instrumentation.Instruments) {
	t.Helper()
	instruments, err := instrumentation.New(instrumentation.Options{
		Families: dora.Families(), Started: store.Started, Now: time.Now,
		Backlog: func(context.Context) (b instrumentation.Backlog, err error) { return b, nil }, Series: store.Series,
	})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	return &pipeline.Projection{
		Store: store, Recorder: instruments, Rules: noLimit(), Logger: logger, Every: time.Second, OnCheckpoint: func(error) {},
		Checkpoint: checkpoint.New(path, store, dora.Families(), false, logger),
	}, instruments
}

// deployments returns the count of successful deployments in a state.
func deployments(s dora.State) int64 {
	labels := dora.Labels{"environment": "production", "repo": "web", "status": "success", "team": "Platform"}
	return s[dora.DeploymentsTotal][labels.Key()].Own
}

func TestProjectionRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, path := openStore(t), filepath.Join(t.TempDir(), "dora-exporter.prom")
		var last dora.State
		for round := range 3 {
			projection, instruments := newProjection(t, store, path)
			if err := projection.Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(last, instruments.State()); round > 0 && diff != "" {
				t.Errorf("round %d: the restored state is another: -want +got:\n%s", round, diff)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			go func() {
				time.Sleep(time.Second)
				accept(t, store, status(int64(round+1), "success", time.Duration(round)*time.Hour))
				process(t, store, platform{})
			}()
			projection.Run(ctx)
			cancel()
			if round == 1 { // a stop in order; the other rounds end as if killed
				if err := projection.Finish(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			last = instruments.State()
			if got := deployments(last); got != int64(round+1) {
				t.Errorf("round %d: %d deployments, want %d", round, got, round+1)
			}
		}
	})
}

// A checkpoint is not waited for after very many facts.
func TestCheckpointAfterManyFacts(t *testing.T) {
	for facts, want := range map[int]int{19_999: 0, 20_000: 1} {
		synctest.Test(t, func(t *testing.T) {
			store := openStore(t)
			projection, _ := newProjection(t, store, filepath.Join(t.TempDir(), "dora-exporter.prom"))
			if err := projection.Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			written := 0
			projection.Every, projection.OnCheckpoint = time.Hour, func(error) { written++ }
			update(t, store, func(tx dora.Tx) error {
				for n := range facts {
					f := dora.Fact{Family: dora.DeploymentsTotal, Labels: dora.Labels{"repo": "web"}, Value: 1, At: morning, Subject: fmt.Sprintf("deployment_status:%d", n)}
					if _, err := tx.Facts().Add(f); err != nil {
						return err
					}
				}
				return nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			projection.Run(ctx)
			if written != want {
				t.Errorf("%d checkpoints after %d facts, want %d", written, facts, want)
			}
		})
	}
}

// If the checkpoint can't be written, the start fails before anything is served.
func TestCheckpointUnwritableAtStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dora-exporter.prom")
	projection, instruments := newProjection(t, openStore(t), path)
	if err := os.MkdirAll(filepath.Join(path+".tmp", "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := projection.Restore(t.Context()); err == nil || !strings.Contains(err.Error(), path+".tmp") {
		t.Errorf("error %v does not name %s.tmp", err, path)
	}
	if instruments.Restored() {
		t.Error("the instruments are restored, so that the program says that it is ready")
	}
}

func TestCheckpointUnwritable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, path := openStore(t), filepath.Join(t.TempDir(), "dora-exporter.prom")
		projection, instruments := newProjection(t, store, path)
		if err := projection.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		inTheWay := path + ".tmp"
		if err := os.MkdirAll(filepath.Join(inTheWay, "folder"), 0o700); err != nil {
			t.Fatal(err)
		}
		run := func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			projection.Run(ctx)
		}
		accept(t, store, status(1, "success", 0))
		process(t, store, platform{})
		run()
		if err := projection.Err(); err == nil || !strings.Contains(err.Error(), inTheWay) {
			t.Errorf("error %v does not name %s", err, inTheWay)
		}
		if got := deployments(instruments.State()); got != 1 {
			t.Errorf("%d deployments while the checkpoint can't be written, want 1", got)
		}
		if err := os.RemoveAll(inTheWay); err != nil {
			t.Fatal(err)
		}
		run()
		if err := projection.Err(); err != nil {
			t.Errorf("still failing: %v", err)
		}
	})
}
