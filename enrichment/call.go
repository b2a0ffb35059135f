package enrichment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v62/github"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

const (
	// pageSize is the largest that GitHub accepts.
	pageSize = 100
	// maxPages limits how many pages of a list a look-up reads.
	maxPages = 100
	// concurrentCalls limits how many calls of look-ups are under way with a credential, besides that of a look-up which has the turn for large
	// answers: GitHub limits those that are made together.
	// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
	concurrentCalls = 16
)

// answer is a decoded answer of the API.
type answer interface {
	// check returns an error if something is missing that GitHub always sends: the answer comes from another server or proxy then,
	// and must not be mistaken for a repository without pull requests or a commit without a date.
	check() error
	// size returns approximately how many bytes the decoded answer needs.
	size() int
}

// page describes the position of an answer in a list.
type page struct {
	// next is the number of the next page, 0 after the last one.
	next int
	// cursor is that of the next page of a list without numbers of pages, empty after the last one.
	cursor string
	// moved is the URL that the call was redirected to, nil if it was not.
	moved *url.URL
	// body is the answer.
	body []byte
}

// get makes a call as soon as the gate lets it through. route is the template of the path; args replace its placeholders, each as a
// single escaped segment; the first two are the owner and the repository.
//
// The error is a *dora.UnansweredError if GitHub answers other calls, and a *dora.InaccessibleError if the token may not see the
// repository, which GitHub also says with 404.
func (l *lookUp) get(ctx context.Context, v answer, query, route string, args ...string) (page, error) {
	if err := l.checkNames(route, args...); err != nil {
		return page{}, err
	}
	if l.unavailable != nil {
		return page{}, l.unavailable
	}
	if repository := repositoryKey(args[0], args[1]); l.gate.isHidden(repository) {
		if err := l.checkAccess(ctx, args[0], args[1]); err != nil {
			return page{}, err
		}
	}
	p, o, err := l.call(ctx, v, query, route, args...)
	if o.notFound {
		if err := l.checkAccess(ctx, args[0], args[1]); err != nil {
			return page{}, err
		}
	}
	return p, err
}

// call makes a call and reports its outcome to the gate.
func (l *lookUp) call(ctx context.Context, v answer, query, route string, args ...string) (page, outcome, error) {
	client := l.client()
	req, err := client.NewRequest(http.MethodGet, fill(route, args)+query, nil)
	if err != nil {
		return page{}, outcome{}, l.redact(err)
	}
	repository, began := repositoryKey(args[0], args[1]), time.Now()
	if !l.answers.HasTurn() { // those that have all slots may wait for its turn to end
		if err := l.takeSlot(ctx); err != nil {
			return page{}, outcome{}, err
		}
		defer func() { <-l.slots }()
	}
	pass, err := l.gate.wait(ctx, waiter{repository: repository, route: route, url: req.URL.String(), goesFirst: l.answers.HasTurn()})
	l.waited += time.Since(began)
	if err != nil {
		return page{}, outcome{}, l.withWaited(err)
	}
	l.calls++
	began = time.Now()
	p, o := l.exchange(withRoute(ctx, route), client, req, v, l.answers)
	switch {
	case o.kind == failed, o.kind == denied:
		o.othersAnswered = l.answersOthers(ctx, began, o.kind)
	case o.notFound && route == routeRepository:
		o.kind = hidden
	}
	failing := l.gate.report(pass, o)
	switch {
	case o.kind == failed && o.othersAnswered, isLimitExceeded(o.err):
		return page{}, o, &dora.UnansweredError{Err: o.err, Call: pass.url, For: max(failing, time.Since(began)), Waited: l.waited}
	case o.kind == denied:
		return page{}, o, l.gate.inaccessibleError(repository, o.err)
	}
	return p, o, o.err
}

// takeSlot waits until fewer than concurrentCalls are under way or wait at the gate, so that the end of an outage releases few at once.
func (g *GitHub) takeSlot(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// withWaited adds the time that the look-up has waited at the gate to the error of a call.
func (l *lookUp) withWaited(err error) error {
	if u := new(dora.UnansweredError); errors.As(err, &u) {
		u.Waited = l.waited
	}
	return err
}

// fill replaces the placeholders of a route by args and makes it relative.
func fill(route string, args []string) string {
	var path strings.Builder
	for i, segment := range strings.Split(strings.TrimPrefix(route, "/"), "/") {
		if i > 0 {
			path.WriteByte('/')
		}
		if strings.HasPrefix(segment, "{") {
			segment, args = url.PathEscape(args[0]), args[1:]
		}
		path.WriteString(segment)
	}
	return path.String()
}

// send makes a call at once, without waiting at the gate. path includes the query; route is its template.
func (g *GitHub) send(ctx context.Context, route, path string, v answer, lease *bounds.Lease) (page, outcome) {
	client := g.client()
	req, err := client.NewRequest(http.MethodGet, strings.TrimPrefix(path, "/"), nil)
	if err != nil {
		return page{}, outcome{kind: failed, err: g.redact(err)}
	}
	return g.exchange(withRoute(ctx, route), client, req, v, lease)
}

// exchange makes the call and decodes its answer into v. The error of the outcome is also the error of the call.
func (g *GitHub) exchange(ctx context.Context, client *github.Client, req *http.Request, v answer, lease *bounds.Lease) (page, outcome) {
	timed, cancel := g.withTimeout(ctx, lease)
	defer cancel()
	resp, err := client.BareDo(timed, req)
	if resp == nil {
		return page{}, g.noAnswer(ctx, timed, req, err)
	}
	defer resp.Body.Close()
	body, readErr := lease.Read(ctx, resp.Body, maxBody)
	if err != nil {
		kind, wait := classifyError(resp.StatusCode, resp.Header, body, time.Now())
		return page{}, outcome{
			kind: kind, wait: wait, notFound: resp.StatusCode == http.StatusNotFound,
			err: g.redact(&statusError{req.Method, req.URL, resp.StatusCode, message(body, g.credential.redact)}),
		}
	}
	if isLimitExceeded(readErr) {
		return page{}, g.limitExceeded(ctx, req, readErr)
	}
	if readErr != nil {
		return page{}, g.noAnswer(ctx, timed, req, readErr)
	}
	err = decode(ctx, lease, body, v)
	switch {
	case ctx.Err() != nil:
		return page{}, g.noAnswer(ctx, timed, req, err)
	case isLimitExceeded(err):
		return page{}, g.limitExceeded(ctx, req, err)
	case err != nil:
		return page{}, outcome{kind: failed, err: g.redact(fmt.Errorf("GET %s: this is not an answer of GitHub: %w", req.URL, err))}
	}
	p := page{next: resp.NextPage, cursor: resp.Cursor, body: body}
	if last := resp.Request; last.Response != nil {
		p.moved = last.URL
	}
	return p, outcome{kind: answered, wait: exhaustedWait(resp.Header, time.Now())}
}

// noAnswer returns the outcome of a call without an answer, or with a partial one.
func (g *GitHub) noAnswer(ctx, timed context.Context, req *http.Request, err error) outcome {
	if ctx.Err() != nil {
		return outcome{kind: abandoned, err: ctx.Err()}
	}
	if refused := new(tokenError); errors.As(err, &refused) {
		return refused.outcome()
	}
	if timed.Err() != nil {
		return outcome{kind: failed, err: fmt.Errorf("%s %s: no answer within %s", req.Method, req.URL, g.timeout)}
	}
	var with *url.Error
	if errors.As(err, &with) {
		err = with.Err
	}
	return outcome{kind: failed, err: g.redact(fmt.Errorf("%s %s: %w", req.Method, req.URL, err))}
}

// nextAfter returns the number of the page after page number, 0 if that was the last one that is read. It ends at a link back to an earlier
// page, and after maxPages.
func (p page) nextAfter(number int) int {
	if p.next > maxPages {
		return 0
	}
	return p.following(number)
}

// following is nextAfter for a list that is read to its end, however long it is.
func (p page) following(number int) int {
	if p.next <= number {
		return 0
	}
	return p.next
}
