package enrichment

import (
	"context"
	"encoding/json"

	"dora-exporter/dora"
)

// Server makes the calls that read a history from one server, each with the account of the owner.
type Server struct {
	accounts *Accounts
	host     string
}

// Server returns the server with a host.
func (a *Accounts) Server(host string) Server { return Server{a, host} }

// Query is GitHub.Query with the account of an owner.
func (s Server) Query(ctx context.Context, owner, query string, variables map[string]any, data any) error {
	return s.client(ctx, owner, "").Query(ctx, owner, query, variables, data)
}

// Deployments is GitHub.Deployments with the account of the owner.
func (s Server) Deployments(ctx context.Context, owner, repository string, number int) (all []json.RawMessage, next int, err error) {
	return s.client(ctx, owner, repository).Deployments(ctx, owner, repository, number)
}

// DeploymentStatuses is GitHub.DeploymentStatuses with the account of the owner.
func (s Server) DeploymentStatuses(ctx context.Context, owner, repository string, deployment int64, number int) (all []json.RawMessage, next int, err error) {
	return s.client(ctx, owner, repository).DeploymentStatuses(ctx, owner, repository, deployment, number)
}

// OwnerRepositories is GitHub.OwnerRepositories with the account of the owner.
func (s Server) OwnerRepositories(ctx context.Context, owner string, number int) (names []string, next int, err error) {
	return s.client(ctx, owner, "").OwnerRepositories(ctx, owner, number)
}

func (s Server) client(ctx context.Context, owner, repository string) *GitHub {
	return s.accounts.client(ctx, dora.Commit{Host: s.host, Owner: owner, Repository: repository})
}
