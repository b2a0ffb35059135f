package history

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// published answers with the examples of GitHub's published description of its REST API (https://github.com/octokit/openapi, MIT license).
type published struct{ GitHub }

func (published) read(name string) (all []json.RawMessage, next int, err error) {
	text, err := os.ReadFile(filepath.Join("testdata", "published", name))
	if err != nil {
		return nil, 0, err
	}
	return all, 0, json.Unmarshal(text, &all)
}

func (p published) Deployments(context.Context, string, string, int) ([]json.RawMessage, int, error) {
	return p.read("deployments.json")
}

func (p published) DeploymentStatuses(context.Context, string, string, int64, int) ([]json.RawMessage, int, error) {
	return p.read("statuses.json")
}

// The deployments and statuses that GitHub publishes are read as they are meant.
func TestPublishedAnswers(t *testing.T) {
	b := &Backfill{GitHub: published{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Sleep: func(context.Context, time.Duration) {}}
	b.prepare()
	p := &part{Owner: "octocat", Name: "example"}
	page, next, err := b.deploymentsPage(t.Context(), p, 1)
	if err != nil || next != 0 || len(page) != 1 {
		t.Fatal(page, next, err)
	}
	at := time.Date(2012, 7, 20, 1, 19, 13, 0, time.UTC)
	want := document{
		ID: 1, NodeID: "MDEwOkRlcGxveW1lbnQx", SHA: "a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d", Ref: "topic-branch", Task: "deploy",
		Description: "Deploy request from hubot", Creator: user{"octocat"}, Environment: "production", OriginalEnvironment: "staging", Production: true,
		CreatedAt: at, Payload: json.RawMessage("{}"), RepositoryURL: "https://api.github.com/repos/octocat/example",
	}
	if diff := cmp.Diff(want, page[0]); diff != "" {
		t.Errorf("the deployment: -want +got:\n%s", diff)
	}
	a, err := page[0].archived()
	must(t, err)
	must(t, b.numberStatuses(t.Context(), p, &a))
	if diff := cmp.Diff([]dora.ArchivedStatus{{ID: 1, State: "success", Environment: "production", At: at}}, a.Statuses); diff != "" || a.Incomplete {
		t.Errorf("its statuses: -want +got:\n%s", diff)
	}
}
