package enrichment

import (
	"context"
	"errors"

	"dora-exporter/dora"
)

// Routes that list repositories: of an organization, of a user, and those that an installation of a GitHub App may see.
// https://docs.github.com/en/rest/repos/repos, https://docs.github.com/en/rest/apps/installations
const (
	routeOrgRepositories          = "/orgs/{owner}/repos"
	routeUserRepositories         = "/users/{owner}/repos"
	routeInstallationRepositories = "/installation/repositories"
)

// namedRepository is a repository in a list.
type namedRepository struct {
	FullName string `json:"full_name"`
}

type repositoryList []namedRepository

func (l *repositoryList) check() error {
	if *l == nil {
		return errors.New("a list is expected")
	}
	return nil
}

func (l *repositoryList) size() int { return 100 * len(*l) }

// installationRepositories is the answer to routeInstallationRepositories.
type installationRepositories struct {
	Repositories repositoryList `json:"repositories"`
}

func (r *installationRepositories) check() error { return r.Repositories.check() }
func (r *installationRepositories) size() int    { return r.Repositories.size() }

// OwnerRepositories returns a page of the repositories of an owner, as owner/name; next is 0 after the last page.
func (g *GitHub) OwnerRepositories(ctx context.Context, owner string, number int) (names []string, next int, err error) {
	if g.unavailable != nil {
		return nil, 0, g.unavailable
	}
	l := lookUp{GitHub: g, answers: g.answers.Lease()}
	defer l.answers.Release()
	var listed repositoryList
	var p page
	if g.gate.ofApp {
		var seen installationRepositories
		p, _, err = l.call(ctx, &seen, pageQuery(number), routeInstallationRepositories, owner, "")
		listed = seen.Repositories
	} else {
		p, _, err = l.call(ctx, &listed, pageQuery(number), routeOrgRepositories, owner, "")
		if missing := new(dora.NotFoundError); errors.As(notFound(err), &missing) {
			p, _, err = l.call(ctx, &listed, pageQuery(number), routeUserRepositories, owner, "")
		}
	}
	if err != nil {
		return nil, 0, notFound(err)
	}
	for _, r := range listed {
		names = append(names, r.FullName)
	}
	return names, p.following(number), nil
}
