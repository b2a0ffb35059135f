package enrichment

import (
	"encoding/json"
	"errors"
	"time"
)

// What is read of GitHub's answers. go-github's own types have all fields, any of which could make an answer unreadable.

// pulls answers GET /repos/{owner}/{repo}/commits/{sha}/pulls.
type pulls []pull

// pull answers GET /repos/{owner}/{repo}/pulls/{number}.
type pull struct {
	Number         int    `json:"number"`
	State          string `json:"state"`
	MergedAt       date   `json:"merged_at"`
	MergeCommitSHA string `json:"merge_commit_sha"`
	Base           struct {
		Repo *struct {
			ID       int64  `json:"id"`
			FullName string `json:"full_name"`
		} `json:"repo"`
	} `json:"base"`
}

func (p pull) merged() bool { return !p.MergedAt.IsZero() }

// commits answers GET /repos/{owner}/{repo}/pulls/{number}/commits.
type commits []commit

// commit answers GET /repos/{owner}/{repo}/commits/{sha}.
type commit struct {
	Commit *struct {
		Message string `json:"message"`
		Author  struct {
			Date date `json:"date"`
		} `json:"author"`
	} `json:"commit"`
}

func (c commit) authorDate() time.Time { return c.Commit.Author.Date.Time }

// date is a time that may be absent. One that can't be read counts as absent: anybody can put any date into a commit.
type date struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (d *date) UnmarshalJSON(data []byte) error {
	var at time.Time
	if json.Unmarshal(data, &at) == nil {
		d.Time = at
	}
	return nil
}

func (p *pulls) check() error {
	if *p == nil {
		return errors.New("a list of pull requests is expected")
	}
	for _, one := range *p {
		if err := one.check(); err != nil {
			return err
		}
	}
	return nil
}

func (p pull) check() error {
	if p.Number <= 0 {
		return errors.New("a pull request has no number")
	}
	return nil
}

func (c *commits) check() error {
	if *c == nil {
		return errors.New("a list of commits is expected")
	}
	for _, one := range *c {
		if err := one.check(); err != nil {
			return err
		}
	}
	return nil
}

func (c commit) check() error {
	if c.Commit == nil {
		return errors.New("a commit has no content")
	}
	return nil
}
