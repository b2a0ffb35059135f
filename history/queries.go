package history

import (
	"fmt"
	"strings"
)

// The queries of GitHub's GraphQL API, and what they cost: one call each, and one point of the hourly limit for each 100 requests
// that their connections stand for, where a connection in the elements of another one is requested once for each of these.
// https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api

// Sizes of connections: of what is read in pages, the largest that GitHub allows.
const (
	pageSize    = 100
	commitsSize = 100 // of a pull request
	// pullsSize is how many pull requests are read with a page of deployments: as many as cost 2 points. With their labels they cost more, and
	// labelledSize is how many cost 3.
	pullsSize    = 73
	labelledSize = 82
)

// pointRequests is how many requests cost one point, since GitHub rounds to the nearest number.
const pointRequests = 149

// smallRequests is how many requests a query of small repositories stands for at most. They cost 2 points, as a page of a large repository does, and
// hardly more than those of queries for a point each, of which there would be nearly twice as many.
const smallRequests = 249

// rateLimit has the fields that each query asks for besides.
const rateLimit = `rateLimit { cost remaining resetAt }`

// controlQuery tells whether GitHub answers any query.
const controlQuery = `query { ` + rateLimit + ` }`

// commitFields are the fields of a commit without its parents.
const commitFields = `oid message authoredDate committedDate author { email user { login } }`

// deploymentFields are the fields of a deployment with its statuses.
const deploymentFields = `id databaseId environment originalEnvironment task description payload commitOid createdAt
				creator { __typename login }
				ref { name prefix }
				statuses(first: 50) { totalCount nodes { state environment createdAt } }`

const parentsField = `parents(first: 3) { nodes { oid } }`

// identityFields are the fields of a repository that tell which one it is.
const identityFields = `databaseId nameWithOwner url
		defaultBranchRef { name target { oid } }`

// pullFields are the fields of a merged pull request with its commits. A connection within one of these would be a request for each, so the
// parents are those of the commit that it was merged as.
const pullFields = `number title body createdAt mergedAt updatedAt headRefName headRefOid baseRefName
				author { __typename login }
				headRepository { databaseId }
				labels(first: 100) @include(if: $labels) { nodes { name } }
				mergeCommit { ` + commitFields + ` ` + parentsField + ` }
				commits(first: $commitsFirst) { totalCount nodes { commit { ` + commitFields + ` } } }`

// repositoryQuery reads a page of the deployments and a page of the merged pull requests of a repository. 100 deployments with their statuses
// and 73 pull requests with their commits and parents are 1 + 100 + 1 + 73 + 73 requests, 2 points.
const repositoryQuery = `query(
	$owner: String!, $name: String!, $labels: Boolean!,
	$deployments: Boolean!, $deploymentsFirst: Int!, $deploymentsAfter: String,
	$pulls: Boolean!, $pullsFirst: Int!, $pullsAfter: String, $commitsFirst: Int!
) {
	` + rateLimit + `
	repository(owner: $owner, name: $name) {
		` + identityFields + `
		deployments(first: $deploymentsFirst, after: $deploymentsAfter, orderBy: {field: CREATED_AT, direction: DESC}) @include(if: $deployments) {
			pageInfo { hasNextPage endCursor }
			nodes {
				` + deploymentFields + `
			}
		}
		pullRequests(first: $pullsFirst, after: $pullsAfter, states: [MERGED], orderBy: {field: UPDATED_AT, direction: DESC}) @include(if: $pulls) {
			pageInfo { hasNextPage endCursor }
			nodes {
				` + pullFields + `
			}
		}
	}
}`

// smallFields are the fields of a small repository, with the variables for how many of its deployments and pull requests are read.
const smallFields = `
		` + identityFields + `
		deployments(first: $d%d, orderBy: {field: CREATED_AT, direction: DESC}) {
			pageInfo { hasNextPage endCursor }
			nodes {
				` + deploymentFields + `
			}
		}
		pullRequests(first: $p%d, states: [MERGED], orderBy: {field: UPDATED_AT, direction: DESC}) {
			pageInfo { hasNextPage endCursor }
			nodes {
				` + pullFields + `
			}
		}
	`

// historyOf returns how many commits to read behind each of some, from itself on, for one point: each is then a request, besides the one
// for its parents. It is 1 if there are so many that only themselves can be read, without a request for their histories.
func historyOf(commits int) int {
	return min(max(pointRequests/commits-1, 1), pageSize)
}

// historyQuery reads the missing commits of some repositories with their parents: so many from each of them on.
func historyQuery(some []*gaps, each int) (query string, variables map[string]any) {
	parameter, before, after := "", "", ""
	if each > 1 {
		parameter, before, after = ", $each: Int!", "history(first: $each) { nodes { ", " } }"
	}
	var names []string
	for _, g := range some {
		names = append(names, g.Owner+"/"+g.Name)
	}
	query, variables = aliasedQuery(names, parameter, func(i int) string {
		var objects strings.Builder
		for j, sha := range some[i].missing {
			fmt.Fprintf(&objects, "\n\t\t%s: object(oid: %q) { ...on Commit { %s%s %s%s } }", alias(j), sha, before, commitFields, parentsField, after)
		}
		return objects.String() + "\n\t"
	})
	if each > 1 {
		variables["each"] = each
	}
	return query, variables
}

// alias returns the name of the ith commit or repository in the answer to a query of several.
func alias(i int) string { return fmt.Sprintf("c%d", i) }

// ownerQuery reads a page of the repositories of an owner, and how much there is of each. 100 are 1 + 100 + 100 requests, 2 points.
const ownerQuery = `query($owner: String!, $first: Int!, $after: String) {
	` + rateLimit + `
	repositoryOwner(login: $owner) {
		repositories(first: $first, after: $after, ownerAffiliations: [OWNER]) {
			pageInfo { hasNextPage endCursor }
			nodes { ` + sizeFields + ` }
		}
	}
}`

// sizeFields tell which repository it is, how much there is of it, and when something was deployed last.
const sizeFields = `databaseId nameWithOwner pullRequests(first: 1, states: [MERGED]) { totalCount }
	deployments(first: 1, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount nodes { createdAt } }`

// sizesQuery reads how much there is of some repositories. 100 are 200 requests, 2 points.
func sizesQuery(names []string) (query string, variables map[string]any) {
	return aliasedQuery(names, "", func(int) string { return " " + sizeFields + " " })
}

// aliasedQuery reads fields of some repositories, each by the alias of its index, with more parameters than their names.
func aliasedQuery(names []string, parameters string, fields func(i int) string) (query string, variables map[string]any) {
	var declared []string
	var repositories strings.Builder
	variables = map[string]any{}
	for i, name := range names {
		owner, repository, _ := strings.Cut(name, "/")
		variables[fmt.Sprintf("o%d", i)], variables[fmt.Sprintf("n%d", i)] = owner, repository
		declared = append(declared, fmt.Sprintf("$o%d: String!, $n%d: String!", i, i))
		fmt.Fprintf(&repositories, "\n\t%s: repository(owner: $o%d, name: $n%d) {%s}", alias(i), i, i, fields(i))
	}
	return "query(" + strings.Join(declared, ", ") + parameters + ") {\n\t" + rateLimit + repositories.String() + "\n}", variables
}

// comparedSize is how many of the newest deployments of a repository are compared, and comparedAtOnce of how many repositories in a query.
const (
	comparedSize   = 20
	comparedAtOnce = 50
)

// comparedQuery reads the newest deployments of some repositories with their statuses. 20 each of 50 are 50 × (1 + 20) requests, 11 points.
func comparedQuery(names []string) (query string, variables map[string]any) {
	return aliasedQuery(names, ", $newest: Int!", func(int) string { return comparedFields })
}

// comparedFields are the fields of a repository whose newest deployments are compared.
const comparedFields = `
		` + identityFields + `
		deployments(first: $newest, orderBy: {field: CREATED_AT, direction: DESC}) {
			pageInfo { hasNextPage endCursor }
			nodes {
				` + deploymentFields + `
			}
		}
	`
