package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
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
	all, err := p.texts(ctx, query, scope, name)
	return len(all) > 0, err
}

// FirstChange returns the change of the repository that was shipped first with a commit.
func (p past) FirstChange(ctx context.Context, sha string) (string, error) {
	change, _, err := firstRow(p.texts(ctx, `SELECT change FROM shipped INDEXED BY shipped_name CROSS JOIN deployments ON id = deployment
		WHERE repository = (SELECT id FROM texts WHERE text = ?1) AND name = ?2
		AND (success < ?3 OR success = ?3 AND number < ?4 AND shipped.scope = (SELECT id FROM texts WHERE text = ?5)) ORDER BY success, number LIMIT 1`, p.of.RepositoryKey(), sha, p.of.Scope()))
	return change, err
}

// maxFromBranch is one more than a pull request can have commits.
const maxFromBranch = 251

// DeployedFrom returns SHAs that were deployed from a branch of the repository.
func (p past) DeployedFrom(ctx context.Context, branch string) ([]string, error) {
	return p.texts(ctx, "SELECT DISTINCT sha FROM deployments INDEXED BY deployments_branch WHERE repository = "+textID+
		" AND branch = ? AND success IS NOT NULL AND (success, number) < (?, ?) LIMIT "+strconv.Itoa(maxFromBranch), p.of.RepositoryKey(), branch)
}

// Called reports whether an event has called the repository by a name.
func (p past) Called(ctx context.Context, owner, repository string) (called bool, err error) {
	args := []any{p.of.RepositoryKey(), dora.RepositoryName(owner, repository)}
	err = p.reader.query(ctx, "SELECT 1 FROM repository_names WHERE repository = ? AND name = ?", args, func(*sql.Rows) error {
		called = true
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read the names of repository %s: %w", p.of.RepositoryKey(), err)
	}
	return called, nil
}

// texts returns the rows of a query about a place and a name before the deployment.
func (p past) texts(ctx context.Context, query, place, name string, more ...any) ([]string, error) {
	args := append([]any{place, name, p.of.Succeeded().UnixMilli(), p.of.ID}, more...)
	return readAll(ctx, p.reader, "what came before deployment "+p.of.Key(), query, args, scanText)
}
