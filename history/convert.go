package history

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// login returns the login of an actor as REST has it: a bot's ends in [bot].
func (a *actorNode) login() string {
	switch {
	case a == nil:
		return ""
	case a.Type == "Bot" && !strings.HasSuffix(a.Login, "[bot]"):
		return a.Login + "[bot]"
	}
	return a.Login
}

// botEmail matches the address with which bots commit, whose user GraphQL does not tell.
var botEmail = regexp.MustCompile(`^(?:[0-9]+\+)?([A-Za-z0-9-]+\[bot\])@users\.noreply\.`)

func (c commitNode) archived() dora.ArchivedCommit {
	a := dora.ArchivedCommit{SHA: c.OID, Message: c.Message}
	a.Authored, a.Committed = c.AuthoredDate.UTC(), c.CommittedDate.UTC()
	if c.Author != nil {
		a.Author = c.Author.User.login()
		if m := botEmail.FindStringSubmatch(c.Author.Email); m != nil && a.Author == "" {
			a.Author = m[1]
		}
	}
	if c.Parents != nil {
		for _, p := range c.Parents.Nodes {
			a.Parents = append(a.Parents, p.OID)
		}
	}
	return a
}

func (p pullNode) archived() dora.ArchivedPull {
	a := dora.ArchivedPull{
		Number: p.Number, Opened: p.CreatedAt.UTC(), Merged: p.MergedAt.UTC(), Author: p.Author.login(), Title: p.Title, Body: linesOfReverts(p.Body),
		Branch: p.HeadRefName, Head: p.HeadRefOID, Base: p.BaseRefName, Incomplete: p.Commits.TotalCount > len(p.Commits.Nodes),
	}
	if p.HeadRepository != nil {
		a.HeadRepository = p.HeadRepository.DatabaseID
	}
	if p.Labels != nil {
		for _, l := range p.Labels.Nodes {
			a.Labels = append(a.Labels, l.Name)
		}
	}
	if p.MergeCommit != nil {
		a.MergeCommit = p.MergeCommit.archived()
	}
	for _, c := range p.Commits.Nodes {
		a.Commits = append(a.Commits, c.Commit.archived())
	}
	return a
}

// linesOfReverts returns the lines of a text that may say what is reverted, each with the next one.
func linesOfReverts(text string) string {
	lines := strings.Split(text, "\n")
	var kept []string
	for i, line := range lines {
		if strings.Contains(strings.ToLower(line), "revert") || i > 0 && strings.Contains(strings.ToLower(lines[i-1]), "revert") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// document is a deployment as REST and webhooks have it.
type document struct {
	ID                  int64           `json:"id"`
	NodeID              string          `json:"node_id,omitempty"`
	SHA                 string          `json:"sha"`
	Ref                 string          `json:"ref,omitempty"`
	Task                string          `json:"task,omitempty"`
	Description         string          `json:"description,omitempty"`
	Creator             user            `json:"creator"`
	Environment         string          `json:"environment"`
	OriginalEnvironment string          `json:"original_environment,omitempty"`
	Production          bool            `json:"production_environment,omitempty"`
	Transient           bool            `json:"transient_environment,omitempty"`
	CreatedAt           time.Time       `json:"created_at"`
	Payload             json.RawMessage `json:"payload,omitempty"`
	// RepositoryURL is the address of the repository in the API; GraphQL does not have it.
	RepositoryURL string `json:"repository_url,omitempty"`
}

// archived returns a deployment as REST has it, without its statuses.
func (d document) archived() (dora.ArchivedDeployment, error) {
	a := dora.ArchivedDeployment{Node: d.NodeID, ID: d.ID, SHA: d.SHA, Created: d.CreatedAt, Incomplete: true}
	err := setDocument(&a, d)
	return a, err
}

type user struct {
	Login string `json:"login"`
}

func (d deploymentNode) archived() (dora.ArchivedDeployment, error) {
	doc := document{
		ID: d.DatabaseID, SHA: d.CommitOID, Task: d.Task, Description: d.Description, Creator: user{d.Creator.login()},
		Environment: d.Environment, OriginalEnvironment: d.OriginalEnvironment, CreatedAt: d.CreatedAt.UTC(),
	}
	if d.Ref != nil {
		doc.Ref = d.Ref.Name
		if d.Ref.Prefix != "" && d.Ref.Prefix != "refs/heads/" && d.Ref.Prefix != "refs/tags/" {
			doc.Ref = d.Ref.Prefix + d.Ref.Name
		}
	}
	var err error
	if doc.Payload, err = json.Marshal(d.Payload); err != nil {
		return dora.ArchivedDeployment{}, err
	}
	text, err := json.Marshal(doc)
	a := dora.ArchivedDeployment{
		Node: d.ID, ID: max(0, d.DatabaseID), SHA: d.CommitOID, Created: doc.CreatedAt, Document: text,
		Lacking: d.Ref == nil, Incomplete: d.Statuses.TotalCount > len(d.Statuses.Nodes),
	}
	for _, s := range d.Statuses.Nodes {
		a.Statuses = append(a.Statuses, dora.ArchivedStatus{State: strings.ToLower(s.State), Environment: s.Environment, At: s.CreatedAt.UTC()})
	}
	sortStatuses(a.Statuses)
	return a, err
}

// sortStatuses puts statuses into the order of their times. Of the same time, the order in which they came stays, or is reversed if the
// newest came first.
func sortStatuses(all []dora.ArchivedStatus) {
	if len(all) > 1 && all[0].At.After(all[len(all)-1].At) {
		slices.Reverse(all)
	}
	slices.SortStableFunc(all, func(a, b dora.ArchivedStatus) int { return a.At.Compare(b.At) })
}
