package receivers

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"dora-exporter/dora"
)

// senders knows which secrets may sign the events of which repositories, so that no organisation can sign for another.
type senders struct {
	// secrets has the indexes of the secrets of each account; none if its events need no signature.
	secrets   [][]int
	accountOf func(host, owner string) (int, bool)
}

// newSenders returns the senders of the accounts, and all their secrets.
func newSenders(o GitHubOptions) (*senders, [][]byte) {
	if len(o.Secrets) == 0 {
		return nil, nil
	}
	s := &senders{accountOf: o.AccountOf}
	var all []string
	for _, account := range o.Secrets {
		var indexes []int
		for _, secret := range account {
			if secret == "" {
				continue // anybody can sign with it
			}
			if !slices.Contains(all, secret) {
				all = append(all, secret)
			}
			indexes = append(indexes, slices.Index(all, secret))
		}
		s.secrets = append(s.secrets, indexes)
	}
	return s, nonEmpty(all)
}

// anyUnsigned reports whether there is an account whose events need no signature.
func (s *senders) anyUnsigned() bool {
	return s != nil && slices.ContainsFunc(s.secrets, func(account []int) bool { return len(account) == 0 })
}

// check refuses an event that is not signed with a secret of its repository's account; matches says with which it is. One of a repository
// without an account must be signed with secrets of all accounts, as it is if there is only one.
func (s *senders) check(e dora.Event, matches []bool) error {
	if s == nil || e.Status == nil && e.Deployment == nil {
		return nil // it is not stored
	}
	d := e.Deployment
	if e.Status != nil {
		d = &e.Status.Deployment
	}
	accounts := s.secrets
	if i, found := s.accountOf(d.Host, d.Owner); found {
		accounts = accounts[i : i+1]
	}
	for _, secrets := range accounts {
		if len(secrets) > 0 && !slices.ContainsFunc(secrets, func(i int) bool { return matches[i] }) {
			return s.refusal(d, matches)
		}
	}
	return nil
}

func (s *senders) refusal(d *dora.Deployment, matches []bool) error {
	err := errors.New("signature missing or wrong: X-Hub-Signature-256")
	if slices.Contains(matches, true) {
		err = fmt.Errorf("signed with the secret of an account that is not for owner %.40q on %.60q: set owners and webhook_secret of its account under github.accounts", d.Owner, d.Host)
	}
	return &refusal{http.StatusUnauthorized, unauthorized, err}
}
