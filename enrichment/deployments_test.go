package enrichment

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
)

// A repository may have more than 10,000 deployments. A link back to an earlier page ends the list.
func TestPagesOfDeployments(t *testing.T) {
	for name, test := range map[string]struct{ number, linked, want int }{
		"the next page":       {1, 2, 2},
		"more than a hundred": {100, 101, 101},
		"the last page":       {3, 0, 0},
		"a link back":         {3, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newInProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if test.linked > 0 {
						w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=%d>; rel="next"`, r.Host, r.URL.Path, test.linked))
					}
					_, _ = io.WriteString(w, `[{"id": 1}]`)
				}), Options{})
				all, next, err := g.Deployments(t.Context(), "acme", "web", test.number)
				if err != nil || len(all) != 1 || next != test.want {
					t.Errorf("%d deployments, next page %d, error %v; want page %d", len(all), next, err, test.want)
				}
			})
		})
	}
}
