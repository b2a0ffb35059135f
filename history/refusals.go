package history

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"dora-exporter/dora"
)

// refusals are what was not read because GitHub refuses credentials, by their keys in the configuration.
type refusals map[string]*refusal

type refusal struct {
	err error
	// unread are repositories as owner/name, or owner/* for all of an owner.
	unread []string
}

// maxNamed is how many names of what was not read an error lists.
const maxNamed = 5

// note notes what was not read because of an error, if that has refused credentials, and returns their keys.
func (r refusals) note(err error, unread ...string) (credentials []string) {
	for _, refused := range refusedErrors(err) {
		if r[refused.Credential] == nil {
			r[refused.Credential] = &refusal{err: refused}
		}
		r[refused.Credential].unread = append(r[refused.Credential].unread, unread...)
		credentials = append(credentials, refused.Credential)
	}
	return credentials
}

// refusedErrors returns the errors of refused credentials in an error that may be several joined ones.
func refusedErrors(err error) (all []*dora.RefusedError) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			all = append(all, refusedErrors(part)...)
		}
		return all
	}
	if refused := new(dora.RefusedError); errors.As(err, &refused) {
		all = append(all, refused)
	}
	return all
}

// err returns the error of a backfill that has left something out, which says how to go on; nil if it has not.
func (r refusals) err() error {
	var all []error
	for _, credential := range slices.Sorted(maps.Keys(r)) {
		all = append(all, fmt.Errorf("GitHub refuses %s, so that not all was read. Not read: %s. Replace the credential, restart the server, and repeat the backfill: "+
			"it reads only what is left. The answer was: %w", credential, someOf(r[credential].unread), r[credential].err))
	}
	return errors.Join(all...)
}
