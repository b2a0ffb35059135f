package enrichment

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"dora-exporter/dora"
)

// Routes by which a history is read where GraphQL does not tell. https://docs.github.com/en/rest/deployments
const (
	routeDeployments        = "/repos/{owner}/{repo}/deployments"
	routeDeploymentStatuses = "/repos/{owner}/{repo}/deployments/{number}/statuses"
)

// rawList is a list of objects as they were sent.
type rawList []json.RawMessage

func (l *rawList) check() error {
	if *l == nil {
		return errors.New("a list is expected")
	}
	return nil
}

func (l *rawList) size() (n int) {
	for _, item := range *l {
		n += 24 + len(item)
	}
	return n
}

// Deployments returns a page of the deployments of a repository, the newest first, as GitHub sends them; next is 0 after the last page.
func (g *GitHub) Deployments(ctx context.Context, owner, repository string, number int) (all []json.RawMessage, next int, err error) {
	return g.list(ctx, number, routeDeployments, owner, repository)
}

// DeploymentStatuses returns a page of the statuses of a deployment likewise.
func (g *GitHub) DeploymentStatuses(ctx context.Context, owner, repository string, deployment int64, number int) (all []json.RawMessage, next int, err error) {
	return g.list(ctx, number, routeDeploymentStatuses, owner, repository, strconv.FormatInt(deployment, 10))
}

func (g *GitHub) list(ctx context.Context, number int, route string, args ...string) ([]json.RawMessage, int, error) {
	l := lookUp{GitHub: g, answers: g.answers.Lease()}
	defer l.answers.Release()
	if err := g.gate.refusedError(); err != nil {
		return nil, 0, err
	}
	var listed rawList
	p, err := l.get(ctx, &listed, pageQuery(number), route, args...)
	var s *statusError
	switch {
	case errors.As(err, &s) && s.status == http.StatusUnauthorized && !g.isAnonymous():
		return nil, 0, &dora.RefusedError{Err: err, Credential: g.gate.key}
	case err != nil:
		return nil, 0, notFound(err)
	}
	return listed, p.following(number), nil
}

// refusedError returns an error while the gate is closed because GitHub refuses the credential, and the next probe is not due: a history is not
// read until it is replaced.
func (g *gate) refusedError() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closedReason != pauseRefused || time.Until(g.until) <= 0 {
		return nil
	}
	return &dora.RefusedError{Err: errors.New("GitHub has refused the credential"), Credential: g.key}
}
