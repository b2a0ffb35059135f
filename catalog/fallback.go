package catalog

import (
	"context"

	"dora-exporter/dora"
)

// Fallback asks a catalog, and a second one about what the first does not know. Its error is the first's: who owns a repository is
// not known before the first has answered.
type Fallback struct{ First, Second dora.Catalog }

var _ dora.Catalog = Fallback{}

// RepositoryTeam implements dora.Catalog.
func (f Fallback) RepositoryTeam(ctx context.Context, host, owner, repository string) (string, error) {
	if team, err := f.First.RepositoryTeam(ctx, host, owner, repository); err != nil || team != dora.Unknown {
		return team, err
	}
	return f.Second.RepositoryTeam(ctx, host, owner, repository)
}

// ProjectTeam implements dora.Catalog.
func (f Fallback) ProjectTeam(ctx context.Context, project string) (string, error) {
	if team, err := f.First.ProjectTeam(ctx, project); err != nil || team != dora.Unknown {
		return team, err
	}
	return f.Second.ProjectTeam(ctx, project)
}
