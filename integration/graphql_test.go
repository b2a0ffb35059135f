package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// graphQLSchema is the package that has GitHub's published schema. That of 15.26.1 defines a field twice.
const graphQLSchema = "@octokit/graphql-schema@15.25.0"

// The queries of the backfill fit GitHub's schema.
func TestQueriesFitGitHubsSchema(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatal("npm is not installed: run integration/install")
	}
	folder := t.TempDir()
	install := exec.Command("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder, graphQLSchema)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(folder, "node_modules", "@octokit", "graphql-schema", "schema.graphql"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../history/testdata/*.graphql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d queries, %v", len(files), err)
	}
	for _, file := range files {
		query, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, errs := gqlparser.LoadQueryWithRules(schema, string(query), rules.NewDefaultRules()); errs != nil {
			t.Errorf("%s: %v", file, errs)
		}
	}
	if _, errs := gqlparser.LoadQueryWithRules(schema, "{ repository(owner: 1, name: true) { deploymentz { id } } }", rules.NewDefaultRules()); errs == nil {
		t.Error("a wrong query has no errors")
	}
}
