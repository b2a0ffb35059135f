package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/story/org"
)

// withApps adds Apps to a server: 1 is installed for the organisation, and 2, whose key may be refused, nowhere.
func withApps(t *testing.T, g *org.GitHub, refused *bool) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/app/installations":
			switch appOf(t, r) {
			case "1":
				_, _ = fmt.Fprint(w, `[{"id":5,"account":{"login":"acme"}}]`)
			case "2":
				if *refused {
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = fmt.Fprint(w, `{"message":"A JSON web token could not be decoded"}`)
					return
				}
				_, _ = fmt.Fprint(w, `[]`)
			}
		case "/app/installations/5/access_tokens":
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprintf(w, `{"token":"ghs_5","expires_at":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
		default:
			g.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// appOf returns the ID of the App that has signed the token of a call.
func appOf(t *testing.T, r *http.Request) string {
	t.Helper()
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	var of struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(claims, &of) != nil {
		t.Errorf("not a token of an App: %s", claims)
	}
	return of.Issuer
}

// One of two Apps on a server has a key that GitHub refuses. The repositories of the other one are read, and the request ends with an error
// that names the key. When it is replaced, the same request reads what is left.
func TestBackfillWithRefusedKey(t *testing.T) {
	for name, test := range map[string]struct{ first, second, unread string }{
		"of listed owners":             {"", "owners: [beta], ", "beta/*"},
		"of owners that are not known": {"owners: [acme], ", "", "all of its owners"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
			g := org.NewGitHub(org.New(org.Plan{Repositories: 3, Releases: 20, Begin: end.AddDate(-1, 0, 0), End: end, Seed: 5}))
			isRefused := true
			server := withApps(t, g, &isRefused)
			o := twoApps(t, server.URL, test.first, test.second)
			a := startApp(t, o, withoutWaits)
			request := BackfillRequest{Since: end.AddDate(-2, 0, 0)}
			first, err := RequestBackfill(t.Context(), o, request, func(BackfillProgress) {})
			want := "GitHub refuses github.accounts[1].app.private_key_file, so that not all was read. Not read: " + test.unread +
				". Replace the credential, restart the server, and repeat"
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
			if first.Deployments != g.Deployments() || first.Done != 3 || len(first.Failed) != 1 {
				t.Errorf("%+v, want %d deployments of 3 repositories", first, g.Deployments())
			}
			stopApp(t, a)
			isRefused = false
			startApp(t, o)
			again, err := RequestBackfill(t.Context(), o, request, func(BackfillProgress) {})
			if err != nil || again.Deliveries != 0 || again.Deployments > first.Deployments/4 {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

// What backfill.since asks for is read again until no credential is refused: after an hour, or by the next start.
func TestConfiguredBackfillWithRefusedKey(t *testing.T) {
	t.Parallel()
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	g := org.NewGitHub(org.New(org.Plan{Repositories: 3, Releases: 20, Begin: end.AddDate(-1, 0, 0), End: end, Seed: 5}))
	isRefused := true
	server := withApps(t, g, &isRefused)
	o := twoApps(t, server.URL, "", "owners: [beta], ")
	o.Config.Backfill.Since = end.AddDate(-2, 0, 0)
	await := func(what string, holds func(backfillState) bool) {
		a := startApp(t, o, withoutWaits)
		defer stopApp(t, a)
		a.awaitRequest(t, holds)
		if _, found, err := a.claimBackfill(t.Context(), &o); found || err != nil {
			t.Errorf("%s: it begins again at once, %v", what, err)
		}
	}
	await("refused", func(s backfillState) bool {
		return !s.Done && strings.Contains(s.Error, "GitHub refuses github.accounts[1].app.private_key_file")
	})
	isRefused = false
	await("replaced", func(s backfillState) bool { return s.Done && s.Error == "" })
}

// twoApps returns the options of a server with the Apps 1 and 2, each for the owners that its text lists.
func twoApps(t *testing.T, url, first, second string) Options {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	path := writePEM(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	text := fmt.Sprintf("server: {host: 127.0.0.1}\ngithub: {webhook_secret: s, accounts: [{base_url: %s, %sapp: {id: 1, private_key_file: %s}}, "+
		"{base_url: %[1]s, %[4]sapp: {id: 2, private_key_file: %[3]s}}]}\nstorage: {file: {path: %[5]s}}\n",
		url, first, path, second, filepath.Join(t.TempDir(), "dora-exporter.prom"))
	return parsedOptions(t, text)
}
