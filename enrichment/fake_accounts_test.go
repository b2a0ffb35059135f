package enrichment

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"

	"dora-exporter/dora"
)

var appKeys = sync.OnceValues(func() (key, other *rsa.PrivateKey) {
	for _, k := range []**rsa.PrivateKey{&key, &other} {
		var err error
		if *k, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	return key, other
})

// fakeServer is a GitHub server with repositories of any name, whose commits were written at 09:00 and have no pull request. It shows
// the repositories of an owner to the owner's tokens.
type fakeServer struct {
	// tokens are the owners, in lower case, by token, and expiry when the tokens of installations end.
	tokens map[string]string
	expiry map[string]time.Time
	// intercept may answer itself; it returns false to let the fake go on.
	intercept func(w http.ResponseWriter, r *http.Request) bool

	// key is the public key of the App with the ID 12; nil without one.
	key           *rsa.PublicKey
	installations []fakeInstallation
	// madeTokens counts the tokens of installations.
	madeTokens int

	calls []string
}

type fakeInstallation struct {
	id        int
	owner     string
	suspended bool
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls = append(s.calls, r.URL.Path)
	if s.intercept != nil && s.intercept(w, r) {
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if strings.HasPrefix(r.URL.Path, "/app/") {
		s.serveApp(w, r, token)
		return
	}
	if end, ends := s.expiry[token]; ends && !time.Now().Before(end) {
		delete(s.tokens, token)
	}
	owner, known := s.tokens[token]
	parts := strings.Split(r.URL.Path, "/")
	switch {
	case !known:
		serveJSON(w, http.StatusUnauthorized, object{"message": "Bad credentials"})
	case r.URL.Path == "/rate_limit":
		serveJSON(w, http.StatusOK, object{})
	case !strings.EqualFold(parts[2], owner):
		serveJSON(w, http.StatusNotFound, object{"message": "Not Found"})
	case parts[len(parts)-1] == "pulls":
		serveJSON(w, http.StatusOK, []object{})
	default:
		serveJSON(w, http.StatusOK, aCommit("09:00", "Work"))
	}
}

// serveApp answers the App, whose JSON Web Token must be valid.
func (s *fakeServer) serveApp(w http.ResponseWriter, r *http.Request, token string) {
	claims := &jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return s.key, nil })
	if err != nil || claims.Issuer != "12" || time.Until(claims.ExpiresAt.Time) > 10*time.Minute {
		serveJSON(w, http.StatusUnauthorized, object{"message": "A JSON web token could not be decoded"})
		return
	}
	if r.URL.Path == "/app/installations" {
		s.serveInstallations(w, r)
		return
	}
	id, _ := strconv.Atoi(strings.Split(r.URL.Path, "/")[3])
	at := slices.IndexFunc(s.installations, func(i fakeInstallation) bool { return i.id == id })
	switch {
	case at < 0:
		serveJSON(w, http.StatusNotFound, object{"message": "Not Found"})
	case s.installations[at].suspended:
		serveJSON(w, http.StatusForbidden, object{"message": "This installation has been suspended"})
	default:
		s.madeTokens++
		token := fmt.Sprintf("ghs_canary%d", s.madeTokens)
		s.tokens[token] = s.installations[at].owner
		s.expiry[token] = time.Now().Add(time.Hour)
		serveJSON(w, http.StatusCreated, object{"token": token, "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	}
}

func (s *fakeServer) serveInstallations(w http.ResponseWriter, r *http.Request) {
	var all []object
	for _, i := range s.installations {
		listed := object{"id": i.id, "account": object{"login": i.owner}, "suspended_at": nil}
		if i.suspended {
			listed["suspended_at"] = when("08:00")
		}
		all = append(all, listed)
	}
	(&fakeGitHub{}).servePage(w, r, all)
}

// accountsBench has the accounts of some servers, and what they report.
type accountsBench struct {
	*Accounts
	log bytes.Buffer
	// failing, paused and inaccessible are the last reports by account.
	failing      map[string]bool
	paused       map[string]string
	inaccessible map[string]int
	remaining    map[string]int
}

// newAccountsBench connects accounts with servers by host, without a network.
func newAccountsBench(t *testing.T, servers map[string]*fakeServer, accounts ...Account) *accountsBench {
	t.Helper()
	return newAccountsBenchAfter(t, servers, nil, accounts...)
}

// newAccountsBenchAfter is newAccountsBench after an earlier process found repositories inaccessible.
func newAccountsBenchAfter(t *testing.T, servers map[string]*fakeServer, inaccessible []string, accounts ...Account) *accountsBench {
	t.Helper()
	b := &accountsBench{failing: map[string]bool{}, paused: map[string]string{}, inaccessible: map[string]int{}, remaining: map[string]int{}}
	for i := range accounts {
		accounts[i].Key = fmt.Sprintf("github.accounts[%d]", i)
	}
	internet := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { servers[r.URL.Host].ServeHTTP(w, r) })
	var err error
	b.Accounts, err = NewAccounts(AccountsOptions{
		Accounts: accounts, Logger: logTo(&b.log), Transport: func(http.RoundTripper) http.RoundTripper { return inProcess{internet} },
		OnRequest: func(string, string, string) {}, OnRateLimit: func(account string, left, _ int) { b.remaining[account] = left },
		OnAuth:         func(account string, failing bool) { b.failing[account] = failing },
		OnInaccessible: func(account string, n int) { b.inaccessible[account] = n },
		OnPause:        func(account, reason string) { b.paused[account] = reason },
		Inaccessible:   inaccessible,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ask asks for the origin of a commit of a repository and returns the error.
func (b *accountsBench) ask(t *testing.T, host, owner, repository string) error {
	t.Helper()
	o, err := b.Origin(t.Context(), dora.Commit{Host: host, Owner: owner, Repository: repository, SHA: sha})
	if err == nil && !o.FirstCommit.Equal(at(t, "09:00")) {
		t.Errorf("%s/%s on %s: first commit at %s", owner, repository, host, o.FirstCommit)
	}
	if strings.Contains(fmt.Sprint(err)+b.log.String(), "canary") {
		t.Errorf("a token is in the error %v or in the log:\n%s", err, b.log.String())
	}
	return err
}

// works asks for the origin of a commit, which must be found.
func (b *accountsBench) works(t *testing.T, host, owner string) {
	t.Helper()
	if err := b.ask(t, host, owner, "web"); err != nil {
		t.Errorf("%s on %s: %v", owner, host, err)
	}
}
