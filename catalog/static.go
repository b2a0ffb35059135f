// Package catalog finds the team that owns a repository or a Jira project, in a list in the configuration or in Backstage.
package catalog

import (
	"context"
	"strings"

	"dora-exporter/dora"
)

// Static is the list of teams in the configuration. Names are case-insensitive, as on GitHub and Jira.
type Static struct {
	repositories, projects map[string]string
}

var _ dora.Catalog = (*Static)(nil)

// NewStatic returns a catalog of the teams. If several own the same repository or project, the first one does.
func NewStatic(teams []dora.Team, defaultOwner string) *Static {
	s := &Static{repositories: map[string]string{}, projects: map[string]string{}}
	for _, t := range teams {
		for _, r := range t.Repositories {
			if !strings.Contains(r, "/") {
				r = defaultOwner + "/" + r
			}
			addOwner(s.repositories, strings.ToLower(r), t.Name)
		}
		for _, p := range t.Projects {
			addOwner(s.projects, strings.ToLower(p), t.Name)
		}
	}
	return s
}

func addOwner(owners map[string]string, name, team string) {
	if _, taken := owners[name]; !taken {
		owners[name] = team
	}
}

// RepositoryTeam returns the team that owns the repository, else the team of owner/*, else dora.Unknown.
func (s *Static) RepositoryTeam(_ context.Context, _, owner, repository string) (string, error) {
	owner = strings.ToLower(owner)
	for _, entry := range []string{owner + "/" + strings.ToLower(repository), owner + "/*"} {
		if team, ok := s.repositories[entry]; ok {
			return team, nil
		}
	}
	return dora.Unknown, nil
}

// ProjectTeam returns the team that owns the Jira project, else dora.Unknown.
func (s *Static) ProjectTeam(_ context.Context, project string) (string, error) {
	if team, ok := s.projects[strings.ToLower(project)]; ok {
		return team, nil
	}
	return dora.Unknown, nil
}
