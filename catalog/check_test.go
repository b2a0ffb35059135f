package catalog

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		want   dora.Finding
	}{
		"answers":     {200, `[{"kind":"Group","metadata":{"name":"a"}}]`, dora.Finding{Status: "ok", Text: "Backstage answers"}},
		"empty":       {200, `[]`, dora.Finding{Status: "warning", Text: "the catalog is empty", Remedy: "register entities, or allow the token to read them"}},
		"web page":    {200, `<html>`, dora.Finding{Status: "failed", Text: "the answer is a web page, such as a sign-in: " + adviseBoth}},
		"not allowed": {403, ``, dora.Finding{Status: "failed", Text: "status 403: the token may not read the catalog: allow catalog.entity.read, or set another catalog.token"}},
		"down":        {502, ``, dora.Finding{Status: "failed", Text: "status 502", Remedy: "check catalog.endpoint and the network"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.answer))
			}))
			t.Cleanup(s.Close)
			b, err := NewBackstage(Options{Endpoint: s.URL, Token: "canary", Logger: slog.New(slog.DiscardHandler), OnLookup: func(string) {}})
			if err != nil {
				t.Fatal(err)
			}
			got := b.Check(t.Context())
			if prefix := "GET " + s.URL + "/api/catalog/entities?fields=kind%2Cmetadata.name&limit=1: "; test.want.Status == "failed" {
				test.want.Text = prefix + test.want.Text
			}
			test.want.Check = "backstage"
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
