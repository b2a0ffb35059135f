package history

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Request says what a backfill reads.
type Request struct {
	// Since and Until limit the time of what is read; Until is zero for now.
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
	// Repositories are owner/name, or owner/* for all of an owner, with host/ before it if there are several servers.
	Repositories []string `json:"repositories,omitempty"`
	// Sources are dora.GitHub and dora.Jira.
	Sources []string `json:"sources,omitempty"`
	// MaxRate limits the calls per hour; 0 for no limit but GitHub's.
	MaxRate int `json:"max_rate,omitempty"`
}

// SetRepositories sets Repositories to those in a list, separated by commas. An error says what to write instead, like those of the
// other methods.
func (r *Request) SetRepositories(list string) error {
	r.Repositories = strings.Split(list, ",")
	if slices.ContainsFunc(r.Repositories, func(name string) bool { n := strings.Count(name, "/"); return n < 1 || n > 2 }) {
		return errors.New("must be owner/name, or several separated by commas; owner/* for all of an owner, with host/ before it if there are several servers")
	}
	return nil
}

// SetSources sets Sources to those in a list, separated by commas.
func (r *Request) SetSources(list string) error {
	r.Sources = strings.Split(list, ",")
	if slices.ContainsFunc(r.Sources, func(name string) bool { return name != dora.GitHub && name != dora.Jira }) {
		return errors.New("must be one of: github, jira, or both separated by a comma")
	}
	return nil
}

// SetMaxRate sets MaxRate to a rate such as 1000/h.
func (r *Request) SetMaxRate(text string) error {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "/h"))
	if err != nil || n < 1 {
		return errors.New("must be a number of calls per hour, such as 1000/h")
	}
	r.MaxRate = n
	return nil
}
