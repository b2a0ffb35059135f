// Package demo stands in for GitHub and Jira: a REST API that answers from a git history in memory, and signed webhooks about
// deployments and incidents. The worked example of docs/dora.md, the month that is replayed to
// Prometheus (integration) and cmd/dora-demo use it.
package demo
