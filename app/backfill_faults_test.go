package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/history"
	"dora-exporter/story/org"
)

// fault is what a server does wrong.
type fault struct {
	// answer answers a call instead of the server; it returns false to leave it to the server.
	answer func(w http.ResponseWriter, path, body string) bool
	// change changes the answer about acme/service-001 to a query for pages.
	change func(repository map[string]any)
	// failed is what can't be read, lost how many deployments are missing of how many repositories that are read.
	failed []string
	lost   int
	err    string
}

// faultyServer is a server with a fault.
type faultyServer struct {
	*org.GitHub
	fault
}

func (s *faultyServer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	if s.answer != nil && s.answer(w, q.URL.Path, string(body)) {
		return
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	if s.change == nil || q.URL.Path != "/graphql" {
		s.GitHub.ServeHTTP(w, q)
		return
	}
	recorded := httptest.NewRecorder()
	s.GitHub.ServeHTTP(recorded, q)
	var answer struct {
		Data map[string]any `json:"data"`
	}
	if json.Unmarshal(recorded.Body.Bytes(), &answer) != nil || answer.Data == nil {
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
		return
	}
	for _, member := range answer.Data {
		if r, ok := member.(map[string]any); ok && r["nameWithOwner"] == "acme/service-001" && r["databaseId"] != nil {
			s.change(r)
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// nullFirst makes the first element of a connection null, as GitHub does with what it does not show.
func nullFirst(connection any) {
	if c, ok := connection.(map[string]any); ok {
		if nodes := c["nodes"].([]any); len(nodes) > 0 {
			nodes[0] = nil
		}
	}
}

func with(status int, text string, when func(path, body string) bool) func(http.ResponseWriter, string, string) bool {
	return func(w http.ResponseWriter, path, body string) bool {
		if !when(path, body) {
			return false
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		return true
	}
}

// firstCalls are the first calls about something.
type firstCalls struct {
	left int
	// asks reports whether a call is about it.
	asks func(path, body string) bool
}

func (c *firstCalls) match(path, body string) bool {
	if c.left == 0 || !c.asks(path, body) {
		return false
	}
	c.left--
	return true
}

// times returns a function that reports whether a call is one of the first n for which f is true.
func times(n int, f func(path, body string) bool) func(path, body string) bool {
	return (&firstCalls{n, f}).match
}

// hiddenDeployment hides the first deployment of the first page.
type hiddenDeployment struct{ isHidden bool }

func (h *hiddenDeployment) change(r map[string]any) {
	if d := r["deployments"]; d != nil && !h.isHidden {
		h.isHidden = true
		nullFirst(d)
	}
}

// hideOfEach hides the first status of each deployment and the first commit of each pull request.
func hideOfEach(r map[string]any) {
	for list, of := range map[string]string{"deployments": "statuses", "pullRequests": "commits"} {
		if l, ok := r[list].(map[string]any); ok {
			for _, node := range l["nodes"].([]any) {
				nullFirst(node.(map[string]any)[of])
			}
		}
	}
}

func asksFor(text string) func(path, body string) bool {
	return func(_, body string) bool { return strings.Contains(body, text) }
}

// A server that does something wrong with one repository does not keep the others from being read, nor the backfill from ending. What is
// missing is named.
func TestBackfillFromFaultyServer(t *testing.T) {
	one, all := []string{"acme/service-001"}, []string{"acme/service-000", "acme/service-001", "acme/service-002"}
	const cut, notAnswered = `{"data": {"repository": {"databa`, "GitHub answers others but not for"
	for name, test := range map[string]fault{
		"an element is null":                           {change: new(hiddenDeployment).change, failed: []string{"acme/service-001: a deployment that GitHub does not show"}, lost: 1},
		"statuses and commits are null":                {change: hideOfEach},
		"no access to deployments":                     {change: func(r map[string]any) { r["deployments"] = nil }, failed: one},
		"no access to pull requests":                   {change: func(r map[string]any) { r["pullRequests"] = nil }, failed: one},
		"a cursor is repeated":                         {change: setPage("deployments", "the same"), failed: one, err: notAnswered},
		"there is no cursor":                           {change: setPage("pullRequests", ""), failed: one, err: notAnswered},
		"a repository is gone meanwhile":               {answer: gone, failed: one},
		"answers are cut":                              {answer: with(200, cut, times(3, asksFor("databaseId")))},
		"an answer about one repository is cut longer": {answer: with(200, cut, times(11, asksForOne))},
		"an answer about one repository is always cut": {answer: with(200, cut, asksForOne), failed: one, err: notAnswered},
		"an error that is about one repository": {
			answer: with(200, `{"data": {"c0": null}, "errors": [{"type": "INTERNAL", "message": "it broke"}]}`, asksForOne), failed: one, err: notAnswered,
		},
		"commits can't be read":         {answer: with(502, "", asksFor("object(oid"))},
		"long lists of repositories":    {answer: with(502, "", asksFor(`"first":100`))},
		"pages are too large":           {answer: with(502, "", asksFor(`"deploymentsFirst":100`))},
		"a secondary limit":             {answer: limit(times(2, asksFor("databaseId")))},
		"the token is refused once":     {answer: with(401, badCredentials, times(1, asksFor("databaseId")))},
		"REST fails for one repository": {answer: with(500, "", isRESTOfOne), failed: one, err: notAnswered},
		"REST refuses the token":        {answer: with(401, badCredentials, isREST), failed: all, err: "GitHub refuses github.token"},
	} {
		t.Run(name, func(t *testing.T) {
			end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
			g := org.NewGitHub(org.New(org.Plan{Repositories: 3, Releases: 60, Begin: end.AddDate(-2, 0, 0), End: end, Seed: 9}))
			made, err := readFaulty(t, &faultyServer{g, test}, end)
			test.check(t, g, made, err)
		})
	}
}

// check compares how a backfill from a server with the fault has ended.
func (f fault) check(t *testing.T, g *org.GitHub, made history.Progress, err error) {
	t.Helper()
	if got := fmt.Sprint(err); f.err == "" && err != nil || !strings.Contains(got, f.err) {
		t.Errorf("error %v, want %q", err, f.err)
	}
	if diff := cmp.Diff(f.failed, made.Failed); diff != "" {
		t.Errorf("what can't be read: -want +got:\n%s", diff)
	}
	want := -f.lost
	for index, name := range []string{"acme/service-000", "acme/service-001", "acme/service-002"} {
		if !slices.Contains(f.failed, name) {
			want += g.DeploymentsOf(index)
		}
	}
	if made.Deployments != want {
		t.Errorf("%d deployments, want %d", made.Deployments, want)
	}
}

const badCredentials = `{"message": "Bad credentials"}`

func isREST(path, _ string) bool { return strings.HasPrefix(path, "/repos/") }

func isRESTOfOne(path, _ string) bool { return strings.HasPrefix(path, "/repos/acme/service-001/") }

func setPage(list, cursor string) func(map[string]any) {
	return func(r map[string]any) {
		if l, ok := r[list].(map[string]any); ok {
			l["pageInfo"] = map[string]any{"hasNextPage": true, "endCursor": cursor}
		}
	}
}

// asksForOne reports whether a query asks for pages of acme/service-001.
func asksForOne(_, body string) bool {
	return strings.Contains(body, "databaseId") && strings.Contains(body, `"service-001"`)
}

func gone(w http.ResponseWriter, _, body string) bool {
	if !asksForOne("", body) {
		return false
	}
	data := map[string]any{"repository": nil}
	for i := range 9 {
		data[fmt.Sprint("c", i)] = nil
	}
	return json.NewEncoder(w).Encode(map[string]any{"data": data, "errors": []any{map[string]any{"type": "NOT_FOUND"}}}) == nil
}

func limit(when func(path, body string) bool) func(http.ResponseWriter, string, string) bool {
	return func(w http.ResponseWriter, path, body string) bool {
		if !when(path, body) {
			return false
		}
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message": "You have exceeded a secondary rate limit"}`)
		return true
	}
}

// readFaulty reads the history of a server without waiting.
func readFaulty(t *testing.T, s *faultyServer, end time.Time) (history.Progress, error) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	text := fmt.Sprintf("github: {owner: acme, base_url: %s, token: secret}\nstorage: {file: {path: %s}}\n", server.URL, filepath.Join(t.TempDir(), "dora-exporter.prom"))
	c, _, err := config.Parse("config.yml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := openParts(t.Context(), Options{Config: c, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	all, err := a.newBackfill(t.Context(), &a.options, BackfillRequest{Since: end.AddDate(-3, 0, 0), Sources: []string{dora.GitHub}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	waited, now := time.Duration(0), a.options.Machine.Wall
	for _, b := range all {
		b.Sleep = func(_ context.Context, d time.Duration) { waited += d }
		b.Now = func() time.Time { return now().Add(waited) }
	}
	made, err := all.Run(t.Context())
	deliveries, failed := a.store.DeliveryQueue().Claim(t.Context(), a.clock.Now(), time.Hour, made.Deliveries+1)
	if failed != nil || len(deliveries) != made.Deliveries {
		t.Errorf("%d deliveries are stored of %d, %v", len(deliveries), made.Deliveries, failed)
	}
	for _, d := range deliveries {
		if s := d.Event.Status; s.State == "" || s.CreatedAt.Before(end.AddDate(-3, 0, 0)) {
			t.Errorf("a status is %+v", s)
		}
	}
	return made, err
}
