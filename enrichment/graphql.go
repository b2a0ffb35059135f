package enrichment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dora-exporter/dora"
)

// routeGraphQL names the calls of the GraphQL API. https://docs.github.com/en/graphql
const routeGraphQL = "/graphql"

// queryTimeout limits one query. GitHub ends it after ten seconds itself, or answers 502.
const queryTimeout = 60 * time.Second

// Query makes a query of the GraphQL API, about the repositories of an owner, and decodes its data. What the token may not see is null in the data. The error has
// dora.ErrTooLarge if a smaller query may be answered, dora.ErrNoBulk if no query ever will, and is a *dora.LimitedError at a rate limit.
// Queries have a rate limit of their own, so that the gate of the other calls is not concerned.
func (g *GitHub) Query(ctx context.Context, _, query string, variables map[string]any, data any) error {
	if g.unavailable != nil {
		return g.unavailable
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	timed, cancel := context.WithTimeout(withRoute(ctx, routeGraphQL), queryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(timed, http.MethodPost, graphQLURL(g.base).String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	resp, err := g.http.Do(req)
	switch {
	case err != nil && ctx.Err() == nil && timed.Err() != nil:
		return fmt.Errorf("POST %s: no answer within %s: %w", req.URL, queryTimeout, dora.ErrTooLarge)
	case err != nil:
		return g.refusal(err, g.redact(fmt.Errorf("query GitHub: %w", err)))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return g.redact(fmt.Errorf("read the answer to a query: %w", err))
	}
	if resp.StatusCode != http.StatusOK {
		err := g.queryStatusError(req.URL, resp, answer)
		switch isRefused := resp.StatusCode == http.StatusUnauthorized; {
		case isRefused && g.isAnonymous():
			return fmt.Errorf("%w: %w", dora.ErrNoBulk, err)
		case isRefused:
			return &dora.RefusedError{Err: g.redact(err), Credential: g.gate.key}
		}
		return g.redact(err)
	}
	if err := g.decodeQuery(resp, answer, data); err != nil {
		return g.redact(err)
	}
	return nil
}

// refusal returns the error of a call that failed with err: a *dora.RefusedError if GitHub gives no token for it.
func (g *GitHub) refusal(err, redacted error) error {
	if refused := new(tokenError); errors.As(err, &refused) && refused.status == http.StatusUnauthorized {
		return &dora.RefusedError{Err: redacted, Credential: g.gate.key}
	}
	return redacted
}

// graphQLURL returns the URL of the GraphQL API that belongs to that of the REST API: on GitHub Enterprise Server /api/graphql beside
// /api/v3/.
func graphQLURL(base *url.URL) *url.URL {
	u := *base
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v3") + "/graphql"
	return &u
}

// queryStatusError returns the error of an answer with a status other than 200.
func (g *GitHub) queryStatusError(u *url.URL, resp *http.Response, body []byte) error {
	failed := &statusError{http.MethodPost, u, resp.StatusCode, message(body, g.credential.redact)}
	kind, wait := classifyError(resp.StatusCode, resp.Header, body, time.Now())
	switch {
	case kind == limited:
		return &dora.LimitedError{Wait: wait, Err: failed}
	case resp.StatusCode == http.StatusBadGateway, resp.StatusCode == http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %w", dora.ErrTooLarge, failed)
	case kind == denied, isNotFound(resp.StatusCode), resp.StatusCode == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: %w", dora.ErrNoBulk, failed)
	}
	return failed
}

// decodeQuery decodes an answer. Errors come with status 200, beside the data or without.
func (g *GitHub) decodeQuery(resp *http.Response, body []byte, data any) error {
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
			// Extensions say what is wrong with a query itself.
			Extensions struct {
				Code string `json:"code"`
			} `json:"extensions"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("this is not an answer of GitHub's GraphQL API: %w", err)
	}
	for _, e := range answer.Errors {
		failed := fmt.Errorf("GitHub's GraphQL API: %s: %.200s", e.Type, g.credential.redact(e.Message)) // before it is cut
		switch e.Type {
		case "NOT_FOUND", "FORBIDDEN":
			continue
		case "RATE_LIMITED", "RATE_LIMIT":
			return &dora.LimitedError{Wait: untilReset(resp.Header, time.Now()), Err: failed}
		case "MAX_NODE_LIMIT_EXCEEDED", "RESOURCE_LIMITS_EXCEEDED":
			return fmt.Errorf("%w: %w", dora.ErrTooLarge, failed)
		}
		if e.Extensions.Code != "" { // such as undefinedField: the server is older than the field
			return fmt.Errorf("%w: %w", dora.ErrNoBulk, failed)
		}
		if strings.Contains(e.Message, "Something went wrong") || strings.Contains(strings.ToLower(e.Message), "timeout") {
			return fmt.Errorf("%w: %w", dora.ErrTooLarge, failed)
		}
		return failed
	}
	if len(answer.Data) == 0 || string(answer.Data) == "null" {
		return errors.New("this is not an answer of GitHub's GraphQL API: it has no data")
	}
	return json.Unmarshal(answer.Data, data)
}
