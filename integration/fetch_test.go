package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The published dashboard gets the provisioned data source. What can't be had is told, leaves what is there, and stops nothing.
func TestFetchDashboard(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			_, _ = fmt.Fprint(w, `{"__inputs":[{"name":"DS_PROMETHEUS"}],"panels":[{"datasource":{"type":"prometheus","uid":"${DS_PROMETHEUS}"}},{"datasource":"${DS_MY-PROM_2}"}]}`)
		case "/page":
			_, _ = fmt.Fprint(w, `<html> "panels" </html>`)
		case "/half":
			_, _ = fmt.Fprint(w, `{"__inputs":[{"name":"DS_PROMETHEUS"}],"panels":[{"datasource":`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "20889.json")
	for _, test := range []struct{ path, told string }{
		{"/good", "fetched"}, {"/page", "something else than a dashboard"}, {"/half", "something else than a dashboard"}, {"/nope", "could not fetch"},
	} {
		out, err := exec.Command("sh", "../deploy/grafana/fetch-dashboard.sh", server.URL+test.path, "prometheus", file).CombinedOutput()
		if err != nil || !strings.Contains(string(out), test.told) {
			t.Errorf("%s: %v, it told %s", test.path, err, out)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"__inputs":[{"name":"DS_PROMETHEUS"}],"panels":[{"datasource":{"type":"prometheus","uid":"prometheus"}},{"datasource":"prometheus"}]}`
		if string(text) != want {
			t.Errorf("%s: the file is %s", test.path, text)
		}
	}
	left, err := filepath.Glob(file + ".*")
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %s, %v", left, err)
	}
}
