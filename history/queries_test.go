package history

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dora-exporter/internal/golden"
)

// queries are all queries, as they are sent.
func queries() map[string]string {
	sizes, _ := sizesQuery([]string{"acme/api", "acme/web"})
	compared, _ := comparedQuery([]string{"acme/api", "acme/web"})
	small, _ := smallQuery([]target{{Name: "acme/api", Deployments: 7, Pulls: 12}, {Name: "acme/web", Deployments: 3}}, true)
	return map[string]string{
		"compared": compared, "small": small, "control": controlQuery,
		"repository": repositoryQuery, "owner": ownerQuery, "sizes": sizes,
		"history": behind(73, strings.Repeat("a", 40), strings.Repeat("b", 40)), "commits": behind(1, strings.Repeat("a", 40)),
	}
}

// behind returns the query for what is behind a commit of acme/api, and the others of acme/web.
func behind(each int, shas ...string) string {
	some := []*gaps{{part: &part{Owner: "acme", Name: "api"}, missing: shas[:1]}}
	if len(shas) > 1 {
		some = append(some, &gaps{part: &part{Owner: "acme", Name: "web"}, missing: shas[1:]})
	}
	query, _ := historyQuery(some, each)
	return query
}

// The integration tests check the files in testdata against GitHub's published schema.
func TestQueriesAreChecked(t *testing.T) {
	for name, query := range queries() {
		golden.Compare(t, filepath.Join("testdata", name+".graphql"), query+"\n")
	}
}

// What the queries cost, by the formula of GitHub's documentation, worked out by hand:
//
//	repository  deployments 1, their statuses 100, pull requests 1, the commits of 73 and the parents of their merges 146: 248 → 2
//	            with labels 82 pull requests, 1 and 246: 348 → 3
//	small       of each repository the deployments and pull requests 2, their statuses 7 and 3, commits and parents 24 and 2: 40 → 0, which
//	            GitHub makes 1; with labels 12 and 1 more
//	owner       repositories 1, of each the newest deployment 100 and a pull request 100: 201 → 2
//	history     of one commit 1, the parents of a hundred 100: 101 → 1; of five 5, the parents of 28 each 140: 145 → 1;
//	            of 49 49, the parents of two each 98: 147 → 1
//	commits     the parents of 149: 149 → 1
//	compared    of fifty repositories the deployments 1, and the statuses of 20 of these: 50 × 21 → 11
//	sizes       of fifty repositories a deployment and a pull request: 100 → 1
func TestCostOfQueries(t *testing.T) {
	numbers := map[string]int{
		"deploymentsFirst": pageSize, "pullsFirst": pullsSize, "commitsFirst": commitsSize, "first": pageSize, "newest": comparedSize,
		"d0": 7, "p0": 12, "d1": 3, "p1": 1,
	}
	history := func(commits int) string {
		return strings.ReplaceAll(behind(historyOf(commits), make([]string, commits)...), "$each", strconv.Itoa(historyOf(commits)))
	}
	sizes, _ := sizesQuery(slices.Repeat([]string{"acme/api"}, sizesAtOnce))
	compared, _ := comparedQuery(slices.Repeat([]string{"acme/api"}, comparedAtOnce))
	small, _ := smallQuery([]target{{Name: "acme/api", Deployments: 7, Pulls: 12}, {Name: "acme/web", Deployments: 3, Pulls: 1}}, false)
	for name, test := range map[string]struct {
		query    string
		labels   bool
		requests int
	}{
		"repository":             {repositoryQuery, false, 248},
		"repository with labels": {repositoryQuery, true, 348},
		"owner":                  {ownerQuery, false, 201},
		"small":                  {small, false, 40},
		"small with labels":      {small, true, 53},
		"history of one":         {history(1), false, 101},
		"history of five":        {history(5), false, 145},
		"history of 49":          {history(49), false, 147},
		"commits":                {history(gapsAtOnce), false, 149},
		"sizes":                  {sizes, false, 100},
		"compared":               {compared, false, 1050},
	} {
		numbers["pullsFirst"] = newPageSizes(test.labels).pulls
		if got := requestsOf(t, test.query, numbers, test.labels); got != test.requests {
			t.Errorf("%s are %d requests, want %d", name, got, test.requests)
		}
	}
}

// connection matches a connection with its size.
var connection = regexp.MustCompile(`\(([^()]*\b)?first: (\$?[a-zA-Z0-9]+)[^()]*\)`)

// requestsOf counts the requests that the connections of a query stand for.
func requestsOf(t *testing.T, query string, numbers map[string]int, labels bool) int {
	t.Helper()
	requests, elements := 0, []int{1} // how many elements each open brace is in
	_, body, _ := strings.Cut(query, ") {")
	next := 1
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{':
			elements = append(elements, elements[len(elements)-1]*next)
			next = 1
		case '}':
			elements = elements[:len(elements)-1]
		case '(':
			end := strings.IndexByte(body[i:], ')') + i
			m := connection.FindStringSubmatch(body[i : end+1])
			isOff := strings.HasPrefix(body[end:], ") @include(if: $labels)") && !labels
			if i = end; m == nil {
				continue
			}
			if strings.HasPrefix(body[i:], ") @include") {
				i += strings.IndexByte(body[i+1:], ')') + 1
			}
			if isOff {
				continue
			}
			size, err := strconv.Atoi(m[2])
			if err != nil {
				size = numbers[m[2][1:]]
			}
			requests += elements[len(elements)-1]
			next = size
		}
	}
	return requests
}
