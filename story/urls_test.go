package story

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// trap is a server that nobody is to call, neither by its own address nor as the proxy on the way to any other.
type trap struct {
	*httptest.Server

	mu     sync.Mutex
	called []string
}

func newTrap(t *testing.T) *trap {
	p := &trap{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.called = append(p.called, r.Method+" "+r.Host+" "+r.RequestURI)
		http.Error(w, "caught", http.StatusTeapot)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *trap) calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.called...)
}

var numbered = regexp.MustCompile(`(?:c0ffee|pulls/)(\d)`)

// No address in a payload, or in what the GitHub API answers, is called: not that of a cloud's metadata, not one on this machine.
func TestForeignAddressesAreNotCalled(t *testing.T) {
	t.Parallel()
	caught := newTrap(t)
	addresses := []string{caught.URL, "http://169.254.169.254/latest/meta-data/", "https://metadata.google.internal/", "http://[::1]:80/", "file:///etc/passwd"}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named := numbered.FindStringSubmatch(r.URL.Path)
		if named == nil { // the control call
			answer(w, r, true, object{})
			return
		}
		number, _ := strconv.Atoi(named[1])
		evil, sha := addresses[number-1], fmt.Sprintf("c0ffee%d", number)
		w.Header().Set("Link", fmt.Sprintf(`<%s?page=2>; rel="next", <%s?page=2>; rel="last"`, evil, evil))
		repository := object{"full_name": "acme/web", "name": "web", "url": evil, "commits_url": evil}
		switch {
		case r.URL.Query().Get("page") == "2":
			answer(w, r, true, []object{})
		case strings.HasPrefix(r.URL.Path, "/repos/acme/moved/"):
			http.Redirect(w, r, evil, http.StatusMovedPermanently)
		case strings.HasSuffix(r.URL.Path, "/commits/"+sha+"/pulls"):
			answer(w, r, true, []object{{
				"number": number, "state": "closed", "merged_at": newYear, "merge_commit_sha": sha, "url": evil, "commits_url": evil,
				"base": object{"ref": "main", "repo": repository}, "_links": object{"commits": object{"href": evil}},
			}})
		default:
			answer(w, r, true, []object{{
				"sha": sha, "url": evil, "comments_url": evil, "parents": []object{{"url": evil}},
				"commit": object{"url": evil, "message": "see " + evil, "author": object{"date": newYear.Add(-time.Minute)}},
			}})
		}
	}))
	t.Cleanup(api.Close)
	e := newExporter(t, api.URL)
	e.env = []string{"HTTP_PROXY=" + caught.URL, "HTTPS_PROXY=" + caught.URL} // Go asks the proxy for all but this machine
	e.start()
	want := numbers{}
	id := 0
	for _, repo := range []string{"web", "moved"} {
		for i, evil := range addresses {
			id++
			e.mustPost(fullOf(evil, id, repo, fmt.Sprintf("c0ffee%d", i+1)))
			want[deploymentSeries("github_deployments_total", "production", repo, "success", "Platform")]++
			if repo == "web" {
				want[deploymentSeries("github_deployments_duration_sum", "production", repo, "success", "Platform")] += 60
				want[deploymentSeries("github_deployments_duration", "production", repo, "success", "Platform")] = 60
			}
			e.mustPost(jira(encode(object{
				"timestamp": id, "webhookEvent": "jira:issue_created", "user": object{"self": evil},
				"issue": object{"id": "1", "key": "INC-1", "self": evil, "fields": object{"project": object{"key": "INC", "self": evil}, "status": object{"self": evil, "iconUrl": evil}}},
			})))
		}
		e.becomes(want)
	}
	e.eventually("the redirects are refused", func() error {
		if !strings.Contains(e.log.String(), "which is another server") {
			return fmt.Errorf("the log says nothing of them")
		}
		return nil
	})
	if calls := caught.calls(); len(calls) > 0 {
		t.Errorf("called: %q", calls)
	}

	// The trap does catch: an exporter whose API is elsewhere falls into it.
	e.terminate()
	e.write("config.yml", strings.Replace(e.read("config.yml"), api.URL, "http://api.invalid/", 1))
	e.start()
	e.eventually("the trap catches", func() error {
		if len(caught.calls()) == 0 {
			return fmt.Errorf("nothing")
		}
		return nil
	})
}

// fullOf is a status with an address wherever GitHub has one. The host that tells servers apart is that of one of them.
func fullOf(address string, id int, repo, sha string) webhook {
	person := object{"login": "x", "url": address, "avatar_url": address, "repos_url": address, "events_url": address}
	with := func(more object) object {
		for _, name := range []string{
			"url", "html_url", "deployments_url", "statuses_url", "repository_url", "hooks_url", "commits_url", "contents_url", "git_url",
			"clone_url", "archive_url", "target_url", "environment_url", "log_url", "deployment_url",
		} {
			more[name] = address
		}
		return more
	}
	return gitHub("deployment_status", encode(object{
		"sender": person, "organization": person, "workflow_run": with(object{}), "installation": with(object{"id": 1}),
		"deployment_status": with(object{"id": id, "state": "success", "created_at": newYear, "creator": person}),
		"deployment":        with(object{"id": id, "sha": sha, "ref": "main", "environment": "production", "creator": person, "payload": with(object{})}),
		"repository":        with(object{"name": repo, "full_name": "acme/" + repo, "owner": object{"login": "acme", "url": address}}),
	}))
}
