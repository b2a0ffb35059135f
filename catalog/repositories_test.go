package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A repository is named by its annotation, else by the place of the sources, each once whoever owns it.
func TestRepositories(t *testing.T) {
	b := newBench(t, catalogOf(
		component("web", "shop", slugAnnotation, "Acme/Web"), component("web-api", "", slugAnnotation, "acme/web"),
		component("api", "shop", sourceAnnotation, "url:https://ghe.example.com/acme/api/tree/main/"),
		component("both", "shop", slugAnnotation, "acme/both", sourceAnnotation, "url:https://github.com/acme/other"),
		component("odd", "shop", slugAnnotation, "web"), component("odder", "shop", slugAnnotation, "a/b/c"), component("jira", "shop", projectAnnotation, "SHOP"),
	))
	got, err := b.Repositories(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acme/both", "acme/web", "ghe.example.com/acme/api"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
