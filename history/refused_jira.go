package history

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// Keys of the configuration that Jira may refuse.
const (
	jiraTokenKey   = "jira.token"
	jiraQueryKey   = "jira.jql"
	jiraAddressKey = "jira.base_url"
)

// refusedByJira makes an error of a call that Jira refuses for good a *dora.RefusedError, if a change of the configuration helps, and says how
// to go on. It returns any other error as it is.
func refusedByJira(err error) error {
	refused := new(refusedError)
	if !errors.As(err, &refused) {
		return err
	}
	var key, what string
	switch refused.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		key, what = jiraTokenKey, "jira.token"
	case http.StatusBadRequest:
		key, what = jiraQueryKey, "jira.jql, or without it the query for the configured projects"
	case http.StatusNotFound: // a project that is gone, or hidden, is a 400
		key, what = jiraAddressKey, "jira.base_url (there is no Jira at this address, or its site is suspended)"
	default:
		return err
	}
	return fmt.Errorf("Jira refuses %s, so that not all issues were read. Correct it, restart the server, and repeat the backfill: it reads only what is left. "+
		"The answer was: %w", what, &dora.RefusedError{Err: err, Credential: key})
}

// isHidden reports whether Jira does not have what a call is about, or does not show it to the user.
func isHidden(err error) bool {
	refused := new(refusedError)
	return errors.As(err, &refused) && refused.status == http.StatusNotFound
}

// confirmHidden returns an error if Jira, after it has hidden an issue, does not answer the user either. Then the issue is not the reason: a
// suspended site answers all calls with 404, and Jira may take a user whose token has expired for an anonymous one, from whom it hides issues.
func (j *Jira) confirmHidden(ctx context.Context, key string) error {
	if err := j.get(ctx, userPath, nil, &struct{}{}); err != nil {
		return fmt.Errorf("after issue %s was not found: %w", key, err)
	}
	return nil
}

// OnlyJiraRefuses reports whether all that a backfill has failed with is that Jira refuses a key.
func OnlyJiraRefuses(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(one error) bool { return !OnlyJiraRefuses(one) })
	}
	refused := new(dora.RefusedError)
	return errors.As(err, &refused) && strings.HasPrefix(refused.Credential, dora.Jira+".")
}
