package history

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"dora-exporter/persistence/teststore"
)

// A search whose pages lead back to an earlier one ends with an error, instead of reading them for ever.
func TestSearchThatGoesInCircles(t *testing.T) {
	const most = 10
	next := map[string]string{"": "a", "a": "b", "b": "a"}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := next[r.URL.Query().Get("nextPageToken")]
		if asked++; asked == most {
			token = ""
		}
		_, _ = fmt.Fprintf(w, `{"issues": [], "nextPageToken": %q}`, token)
	}))
	defer server.Close()
	b, _ := newTestBackfill(&scriptedGitHub{})
	b.Store = teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db"))
	b.Issues = &Jira{BaseURL: server.URL, JQL: "project = INC", Client: server.Client(), Logger: b.Logger, Sleep: b.Sleep}
	err := b.readIssuesPart(t.Context(), site{cloud: true, zone: time.UTC}, "jira", issuesPart{})
	if !errors.Is(err, errEndlessSearch) || asked != 3 { // the third page leads back to the second one
		t.Errorf("%d pages, error %v", asked, err)
	}
}
