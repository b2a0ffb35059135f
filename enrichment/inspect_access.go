package enrichment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"dora-exporter/dora"
)

// probes are the calls that tell what a credential may read of a repository, and what needs it.
var probes = []struct {
	permission, path, feature string
	optional                  bool
}{
	{"contents", "commits?per_page=1", "durations, changes and lead times", false},
	{"pull requests", "pulls?state=all&per_page=1", "durations, changes and lead times", false},
	{"deployments", "deployments?per_page=1", "reading the history and what webhooks missed", true},
}

// inspectAccess checks the owners of an account: that they exist, what the credential may read of a repository, and their webhooks.
func (i *inspection) inspectAccess(ctx context.Context, g *GitHub, owners []string) {
	if len(owners) == 0 {
		owners = i.ownersOfRepositories()
	}
	if len(owners) == 0 {
		i.warn("no owner is known, permissions and webhooks were not checked", "list repositories under teams, or "+i.Account.Key+".owners")
		return
	}
	for _, owner := range owners {
		described, o := ask[struct{ Type string }](ctx, g, "/users/"+owner)
		if statusOf(o) == http.StatusNotFound {
			i.fail(fmt.Sprintf("there is no owner %s", owner), "correct the name in the configuration")
			continue
		}
		if o.err != nil {
			i.fail(o.err.Error(), "run the check again")
			continue
		}
		organisation := described.Type == "Organization"
		i.inspectPermissions(ctx, g, i.repositoryOf(ctx, g, owner, organisation), owner)
		i.inspectHooks(ctx, g, owner, organisation)
	}
}

// ownersOfRepositories returns the owners of the known repositories, each once.
func (i *inspection) ownersOfRepositories() (owners []string) {
	for _, repository := range i.Repositories {
		owner, _, _ := strings.Cut(repository, "/")
		if !(dora.Account{Owners: owners}).Lists(owner) {
			owners = append(owners, owner)
		}
	}
	return owners
}

// repositoriesOf returns the known repositories of an owner.
func (i *inspection) repositoriesOf(owner string) (all []string) {
	for _, repository := range i.Repositories {
		if of, _, _ := strings.Cut(repository, "/"); strings.EqualFold(of, owner) {
			all = append(all, repository)
		}
	}
	return all
}

// repositoryOf returns a repository of an owner to try permissions with; empty if none is known.
func (i *inspection) repositoryOf(ctx context.Context, g *GitHub, owner string, organisation bool) string {
	if known := i.repositoriesOf(owner); len(known) > 0 {
		return known[0]
	}
	kind := map[bool]string{true: "orgs", false: "users"}[organisation]
	listed, _ := ask[[]namedRepository](ctx, g, fmt.Sprintf("/%s/%s/repos?sort=pushed&per_page=1", kind, owner))
	if len(listed) == 0 {
		return ""
	}
	return listed[0].FullName
}

// inspectPermissions checks what the credential may read of a repository.
func (i *inspection) inspectPermissions(ctx context.Context, g *GitHub, repository, owner string) {
	if repository == "" {
		i.warn(fmt.Sprintf("the credential sees no repository of %s", owner), "give it access to the repositories, and list one under teams")
		return
	}
	if _, o := ask[struct{}](ctx, g, "/repos/"+repository); o.err != nil {
		i.fail(fmt.Sprintf("can't see %s: %v", repository, o.err), "give the credential read access to the repository, or correct its name under teams")
		return
	}
	var granted []string
	for _, p := range probes {
		_, o := ask[[]struct{}](ctx, g, "/repos/"+repository+"/"+p.path)
		switch status := statusOf(o); {
		case status == http.StatusOK, status == http.StatusConflict: // 409: the repository is empty
			granted = append(granted, p.permission)
		case o.kind == denied || o.notFound:
			status := map[bool]string{true: dora.FindingWarning, false: dora.FindingFailed}[p.optional]
			i.add(status, fmt.Sprintf("may not read %s of %s, which %s need", p.permission, repository, p.feature), "give the credential read access to "+p.permission)
		default:
			i.fail(o.err.Error(), "run the check again")
		}
	}
	if len(granted) > 0 {
		i.pass("may read %s of %s", strings.Join(granted, ", "), repository)
	}
}

func asStatus(err error, s **statusError) bool { return errors.As(err, s) }
