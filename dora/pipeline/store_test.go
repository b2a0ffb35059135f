package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/persistence/teststore"
)

// The tests use the real store and compare its facts, one a line.

// morning is the start of the day on which the tests' events happen.
var morning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// openStore opens a store on a file system in memory, which needs no fsync, if there is one.
func openStore(t testing.TB) *teststore.Store {
	t.Helper()
	return openStoreAt(t, filepath.Join(memoryDir(t), "dora-exporter.db"))
}

func openStoreAt(t testing.TB, path string) *teststore.Store {
	t.Helper()
	return teststore.At(t, path)
}

// accept stores events as deliveries with different keys.
func accept(t testing.TB, store *teststore.Store, events ...dora.Event) {
	t.Helper()
	for i, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		d := dora.Delivery{Source: dora.GitHub, Key: fmt.Sprintf("%d/%s", i, text), Received: time.Now(), Event: e}
		if _, err := store.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

// process runs the processor until nothing is pending.
func process(t testing.TB, store *teststore.Store, c dora.Catalog) {
	t.Helper()
	p := &pipeline.Processor{
		Store: store, Catalog: c, Rules: noLimit(), Logger: slog.New(slog.DiscardHandler), MaxWait: time.Minute, Now: time.Now, OnTeamGivenUp: func() {},
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// noLimit returns rules with a limit on series that is far away.
func noLimit() *rules.Rules {
	return &rules.Rules{MaxSeries: 20_000, Logger: slog.New(slog.DiscardHandler), OnFolded: func(string, int) {}, OnLate: func(int) {}}
}

// facts returns the facts of github_* and jira_* without zeros, sorted.
func facts(t *testing.T, store *teststore.Store) []string {
	t.Helper()
	return slices.DeleteFunc(allFacts(t, store), func(f string) bool { return strings.HasPrefix(f, "dora_") })
}

// measures returns the facts of dora_* without zeros, sorted.
func measures(t *testing.T, store *teststore.Store) []string {
	t.Helper()
	return slices.DeleteFunc(allFacts(t, store), func(f string) bool { return !strings.HasPrefix(f, "dora_") })
}

func allFacts(t *testing.T, store *teststore.Store) []string {
	t.Helper()
	all, err := store.Facts(context.Background(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range all {
		if f.Value != 0 {
			lines = append(lines, fmt.Sprintf("%s{%s} %d", f.Family, f.Labels.Key(), f.Value))
		}
	}
	sort.Strings(lines)
	return lines
}

// wantFacts compares the facts of github_* and jira_* without zeros.
func wantFacts(t *testing.T, store *teststore.Store, when string, want ...string) {
	t.Helper()
	sort.Strings(want)
	if diff := cmp.Diff(want, facts(t, store), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: -want +got:\n%s", when, diff)
	}
}

// platform is a catalog in which everything belongs to one team.
type platform struct{}

func (platform) RepositoryTeam(context.Context, string, string, string) (string, error) {
	return "Platform", nil
}
func (platform) ProjectTeam(context.Context, string) (string, error) { return "Platform", nil }
