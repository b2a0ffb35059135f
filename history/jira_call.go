package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// get makes a call again until it is answered. A *refusedError is wrapped in the error if Jira refuses it for good.
func (j *Jira) get(ctx context.Context, path string, query url.Values, to any) error {
	for failures := 1; ; failures++ {
		wait, err := j.try(ctx, path, query, to)
		if refused := new(refusedError); errors.As(err, &refused) {
			return fmt.Errorf("%w; check jira.base_url, jira.user, jira.token and jira.jql", err)
		}
		if err == nil || wait < 0 || ctx.Err() != nil {
			return err
		}
		if failures == j.MaxFailures {
			return &outageError{err}
		}
		if wait == 0 {
			wait = dora.Backoff(failures)
		}
		j.Logger.Warn("a call of Jira failed, will retry", "in", wait, "error", err)
		j.Sleep(ctx, wait)
	}
}

// refusedError is the error of a call that Jira refuses for good.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string { return e.text }

// try makes a call. wait is how long to wait before the next attempt, 0 if Jira does not say, negative if there is to be none.
func (j *Jira) try(ctx context.Context, path string, query url.Values, to any) (wait time.Duration, err error) {
	address := strings.TrimRight(j.BaseURL, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return -1, err
	}
	q.Header.Set("Accept", "application/json")
	switch {
	case j.User != "":
		q.SetBasicAuth(j.User, j.Token)
	case j.Token != "":
		q.Header.Set("Authorization", "Bearer "+j.Token)
	}
	answer, err := j.Client.Do(q)
	if err != nil {
		return 0, fmt.Errorf("ask Jira: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case err != nil:
		return 0, fmt.Errorf("GET %s%s: %w", j.BaseURL, path, err)
	case answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode >= 500:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return time.Duration(max(seconds, 0)) * time.Second, fmt.Errorf("GET %s%s: %s", j.BaseURL, path, answer.Status)
	case answer.StatusCode != http.StatusOK:
		return -1, &refusedError{answer.StatusCode, fmt.Sprintf("GET %s%s: %s: %.300s", j.BaseURL, path, answer.Status, body)}
	}
	if err := unmarshal(body, to); err != nil {
		return -1, fmt.Errorf("GET %s%s: this is not an answer of Jira: %w", j.BaseURL, path, err)
	}
	return 0, nil
}

// unmarshal decodes an answer, which is not null.
func unmarshal(body []byte, to any) error {
	if string(bytes.TrimSpace(body)) == "null" {
		return errors.New("it is null")
	}
	return json.Unmarshal(body, to)
}
