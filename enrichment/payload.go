package enrichment

import (
	"encoding/json"
	"errors"
	"time"

	"dora-exporter/dora"
)

// What is read of GitHub's answers. go-github's own types have all fields, any of which could make an answer unreadable.

// pulls answers GET /repos/{owner}/{repo}/commits/{sha}/pulls.
type pulls []pull

// pull answers GET /repos/{owner}/{repo}/pulls/{number}.
type pull struct {
	Number         int     `json:"number"`
	State          string  `json:"state"`
	CreatedAt      date    `json:"created_at"`
	MergedAt       date    `json:"merged_at"`
	MergeCommitSHA string  `json:"merge_commit_sha"`
	User           account `json:"user"`
	Title          string  `json:"title"`
	Body           string  `json:"body"`
	Labels         []label `json:"labels"`
	Head           branch  `json:"head"`
	Base           branch  `json:"base"`
}

// label is one of a pull request's.
type label struct {
	Name string `json:"name"`
}

// branch is one end of a pull request. Repo is null if the repository was deleted.
type branch struct {
	Ref  string            `json:"ref"`
	SHA  string            `json:"sha"`
	Repo *branchRepository `json:"repo"`
}

// branchRepository is the repository that a branch is in.
type branchRepository struct {
	ID            int64  `json:"id"`
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch"`
}

func (p pull) merged() bool { return !p.MergedAt.IsZero() }

// commits answers GET /repos/{owner}/{repo}/pulls/{number}/commits.
type commits []commit

// commit answers GET /repos/{owner}/{repo}/commits/{sha}.
type commit struct {
	SHA     string   `json:"sha"`
	Author  account  `json:"author"`
	Commit  *content `json:"commit"`
	Parents []parent `json:"parents"`
	Files   []file   `json:"files"`
}

// parent is a commit that another one follows.
type parent struct {
	SHA string `json:"sha"`
}

// content has the fields of a commit that git stores.
type content struct {
	Message   string `json:"message"`
	Author    signed `json:"author"`
	Committer signed `json:"committer"`
}

// signed is when somebody wrote or committed a commit.
type signed struct {
	Date date `json:"date"`
}

// account is a user, a bot or an organisation; null when GitHub does not know who it was.
type account struct {
	Login string `json:"login"`
}

// files answers GET /repos/{owner}/{repo}/pulls/{number}/files.
type files []file

// file is one that a commit or pull request touches.
type file struct {
	Name string `json:"filename"`
	// Previous is the name before a file was renamed.
	Previous string `json:"previous_filename"`
}

// dates returns the dates of all commits.
func (c commits) dates() (all []dora.CommitDates) {
	for _, commit := range c {
		all = append(all, commit.dates())
	}
	return all
}

func (c commit) dates() dora.CommitDates {
	if c.Commit == nil { // nothing but its SHA is known
		return dora.CommitDates{}
	}
	return dora.CommitDates{Authored: c.authorDate(), Committed: c.Commit.Committer.Date.Time}
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

// What is stored of an answer is limited: no text is longer than a reference's name, in bytes, and a pull request has at most
// 100 labels on GitHub.
const (
	maxName   = 1024
	maxLabels = 1000
)

func (p *pulls) check() error {
	if *p == nil {
		return errors.New("a list of pull requests is expected")
	}
	for _, listed := range *p {
		if err := listed.check(); err != nil {
			return err
		}
	}
	return nil
}

func (p pull) check() error {
	if p.Number <= 0 {
		return errors.New("a pull request has no number")
	}
	for _, label := range p.Labels {
		if len(label.Name) > maxName {
			return errors.New("a label is longer than GitHub allows")
		}
	}
	if max(len(p.MergeCommitSHA), len(p.Head.SHA), len(p.User.Login), len(p.Head.Ref), len(p.Base.Ref)) > maxName || len(p.Labels) > maxLabels {
		return errors.New("a pull request has more in it than GitHub allows")
	}
	return nil
}

func (c *commits) check() error {
	if *c == nil {
		return errors.New("a list of commits is expected")
	}
	for _, listed := range *c {
		if err := listed.check(); err != nil {
			return err
		}
	}
	return nil
}

func (c commit) check() error {
	if c.Commit == nil {
		return errors.New("a commit has no content")
	}
	if max(len(c.SHA), len(c.Author.Login)) > maxName {
		return errors.New("a commit has more in it than GitHub allows")
	}
	return nil
}

func (f *files) check() error {
	if *f == nil {
		return errors.New("a list of files is expected")
	}
	return nil
}
