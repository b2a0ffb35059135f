package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"dora-exporter/dora"
)

// past reads what came before a deployment.
type past struct {
	reader *Reader
	of     dora.DeploymentRecord
}

// Past returns what came before a deployment.
func (r *Reader) Past(t dora.DeploymentRecord) dora.Past { return past{r, t} }

// Shipped reports whether the scope had a change or commit already.
func (p past) Shipped(ctx context.Context, name string) (bool, error) {
	shipped, err := p.has(ctx, "SELECT 1 FROM shipped CROSS JOIN deployments ON id = deployment WHERE shipped.scope = "+textID+
		" AND name = ? AND (success, number) < (?, ?) LIMIT 1", p.of.Scope(), name)
	if err != nil || shipped {
		return shipped, err
	}
	return p.Ran(ctx, name)
}

// Ran reports whether a commit was deployed in the scope.
func (p past) Ran(ctx context.Context, sha string) (bool, error) {
	return p.has(ctx, "SELECT 1 FROM deployments INDEXED BY deployments_sha WHERE scope = "+textID+" AND sha = ? AND (success, number) < (?, ?) LIMIT 1", p.of.Scope(), sha)
}

func (p past) has(ctx context.Context, query, scope, name string) (found bool, err error) {
	err = p.reader.query(ctx, query, p.before(scope, name), func(Rows) error {
		found = true
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read what came before deployment %s: %w", p.of.Key(), err)
	}
	return found, nil
}

// FirstChanges returns, by commit, the change of the repository that was shipped first with it.
func (p past) FirstChanges(ctx context.Context, shas []string) (map[string]string, error) {
	first := map[string]string{}
	at := p.of.Succeeded().UnixMilli()
	for chunk := range slices.Chunk(shas, maxQueryValues) {
		list, values := listOf(chunk)
		args := slices.Concat([]any{p.of.RepositoryKey()}, values, []any{at, at, p.of.ID, p.of.Scope()})
		err := p.reader.query(ctx, "SELECT name, change FROM shipped CROSS JOIN deployments ON id = deployment WHERE repository = "+textID+
			" AND name IN "+list+" AND (success < ? OR success = ? AND number < ? AND shipped.scope = "+textID+") ORDER BY success DESC, number DESC", args, func(rows Rows) error {
			var name, change string
			err := rows.Scan(&name, &change)
			first[name] = change
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the first changes before deployment %s: %w", p.of.Key(), err)
		}
	}
	return first, nil
}

// maxFromBranch is one more than a pull request can have commits.
const maxFromBranch = 251

// DeployedFrom returns SHAs that were deployed from a branch of the repository.
func (p past) DeployedFrom(ctx context.Context, branch string) ([]string, error) {
	return readAll(ctx, p.reader, "what was deployed from a branch before deployment "+p.of.Key(),
		"SELECT DISTINCT sha FROM deployments INDEXED BY deployments_branch WHERE repository = "+textID+
			" AND branch = ? AND success IS NOT NULL AND (success, number) < (?, ?) LIMIT "+strconv.Itoa(maxFromBranch),
		p.before(p.of.RepositoryKey(), branch), scanText)
}

// Called reports whether an event has called the repository by a name.
func (p past) Called(ctx context.Context, owner, repository string) (called bool, err error) {
	args := []any{p.of.RepositoryKey(), dora.RepositoryName(owner, repository)}
	err = p.reader.query(ctx, "SELECT 1 FROM repository_names WHERE repository = ? AND name = ?", args, func(Rows) error {
		called = true
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read the names of repository %s: %w", p.of.RepositoryKey(), err)
	}
	return called, nil
}

// before returns the parameters of a query about a place and a name before the deployment.
func (p past) before(place, name string) []any {
	return []any{place, name, p.of.Succeeded().UnixMilli(), p.of.ID}
}
