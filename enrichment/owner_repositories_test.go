package enrichment

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// The repositories of an organization, of a user and of an installation are listed page by page.
func TestOwnerRepositories(t *testing.T) {
	for _, test := range []struct {
		name  string
		pages map[string]string
		ofApp bool
		want  []string
		calls []string
	}{
		{
			"organization",
			map[string]string{"/orgs/acme/repos 1": `[{"full_name": "acme/web"}]`, "/orgs/acme/repos 2": `[{"full_name": "acme/api"}]`},
			false,
			[]string{"acme/web", "acme/api"},
			[]string{"/orgs/acme/repos 1", "/orgs/acme/repos 2"},
		},
		{
			"user",
			map[string]string{"/users/acme/repos 1": `[{"full_name": "acme/web"}]`},
			false,
			[]string{"acme/web"},
			[]string{"/orgs/acme/repos 1", "/users/acme/repos 1"},
		},
		{
			"installation",
			map[string]string{"/installation/repositories 1": `{"repositories": [{"full_name": "acme/web"}]}`},
			true,
			[]string{"acme/web"},
			[]string{"/installation/repositories 1"},
		},
		{"nobody", nil, false, nil, []string{"/orgs/acme/repos 1", "/users/acme/repos 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var calls []string
			g := newServed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				number := max(1, len(r.URL.Query().Get("page"))*2)
				at := fmt.Sprint(r.URL.Path, " ", number)
				calls = append(calls, at)
				body, known := test.pages[at]
				if _, more := test.pages[fmt.Sprint(r.URL.Path, " ", number+1)]; more {
					w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=2>; rel="next"`, r.Host, r.URL.Path))
				}
				if !known {
					w.WriteHeader(http.StatusNotFound)
					body = `{"message": "Not Found"}`
				}
				_, _ = w.Write([]byte(body))
			}), Options{Token: "secret"})
			g.gate.ofApp = test.ofApp
			var got []string
			for number := 1; number != 0; {
				var names []string
				var err error
				if names, number, err = g.OwnerRepositories(t.Context(), "acme", number); err != nil {
					if missing := new(dora.NotFoundError); !errors.As(err, &missing) || test.want != nil {
						t.Fatal(err)
					}
				}
				got = append(got, names...)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.calls, calls); diff != "" {
				t.Errorf("calls: -want +got:\n%s", diff)
			}
		})
	}
}
