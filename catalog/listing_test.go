package catalog

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// described is an entity as people write it into a catalog-info.yaml.
type described struct {
	kind, name, namespace, owner string
	annotations                  map[string]string
}

// catalogOf answers as Backstage does about the entities: with filters of which one must hold, limit and offset.
func catalogOf(all ...described) func(*http.Request) (int, string, error) {
	return func(r *http.Request) (int, string, error) {
		query := r.URL.Query()
		found := []map[string]any{}
		for _, d := range all {
			if slices.ContainsFunc(query["filter"], d.matches) {
				found = append(found, map[string]any{
					"kind": d.kind, "metadata": map[string]any{"name": d.name, "namespace": d.namespace, "annotations": d.annotations},
					"spec": map[string]any{"owner": d.owner},
				})
			}
		}
		if limit, err := strconv.Atoi(query.Get("limit")); err == nil {
			offset, _ := strconv.Atoi(query.Get("offset"))
			found = found[min(offset, len(found)):min(offset+limit, len(found))]
		}
		body, err := json.Marshal(found)
		return 200, string(body), err
	}
}

func (d described) matches(filter string) bool {
	name, value, exact := strings.Cut(strings.TrimPrefix(filter, "metadata.annotations."), "=")
	got, found := d.annotations[name]
	return found && (!exact || strings.EqualFold(got, value))
}

func component(name, owner string, annotations ...string) described {
	d := described{kind: "Component", name: name, owner: owner, annotations: map[string]string{}}
	for i := 0; i < len(annotations); i += 2 {
		d.annotations[annotations[i]] = annotations[i+1]
	}
	return d
}

func (d described) as(kind string) described {
	d.kind = kind
	return d
}

func (d described) in(namespace string) described {
	d.namespace = namespace
	return d
}

func TestRepositoryTeam(t *testing.T) {
	const slug, source, team = slugAnnotation, sourceAnnotation, teamAnnotation
	for name, test := range map[string]struct {
		entities []described
		want     string
		others   string
	}{
		"component before an API":        {[]described{component("a", "guild", slug, "acme/web").as("API"), component("z", "web", slug, "acme/web")}, "web", "[guild]"},
		"component without an owner":     {[]described{component("a", "guild", slug, "acme/web").as("API"), component("z", "", slug, "acme/web")}, "guild", ""},
		"no component, the first":        {[]described{component("b", "T", slug, "acme/web").as("Template"), component("a", "A", slug, "acme/web").as("API")}, "A", "[T]"},
		"other case of the slug":         {[]described{component("a", "web", slug, "Acme/Web")}, "web", ""},
		"group of another namespace":     {[]described{component("a", "group:acme/web", slug, "acme/web")}, "acme/web", ""},
		"relative to its own namespace":  {[]described{component("a", "web", slug, "acme/web").in("acme")}, "acme/web", ""},
		"default group, other namespace": {[]described{component("a", "group:default/web", slug, "acme/web").in("acme")}, "web", ""},
		"group without namespace":        {[]described{component("a", "group:web", slug, "acme/web")}, "web", ""},
		"team of GitHub":                 {[]described{component("a", "", slug, "acme/web", team, "acme/web-team")}, "web-team", ""},
		"team of GitHub, no slash":       {[]described{component("a", "", slug, "acme/web", team, "web-team")}, "web-team", ""},
		"owner before team of GitHub":    {[]described{component("a", "web", slug, "acme/web", team, "acme/other")}, "web", ""},
		"a group is not owned":           {[]described{component("a", "", source, "url:https://github.com/acme/web/", team, "acme/a").as("Group")}, dora.Unknown, ""},

		"source location":             {[]described{component("a", "web", source, "url:https://github.com/acme/web/")}, "web", ""},
		"source location of a folder": {[]described{component("a", "web", source, "url:https://github.com/acme/web/tree/main/services/a/")}, "web", ""},
		"source location of a file":   {[]described{component("a", "web", source, "url:https://github.com/Acme/Web/blob/main/catalog-info.yaml")}, "web", ""},
		"source location with .git":   {[]described{component("a", "web", source, "url:https://github.com/acme/web.git")}, "web", ""},
		"source location, no slash":   {[]described{component("a", "web", source, "url:https://github.com/acme/web")}, "web", ""},
		"source location with www":    {[]described{component("a", "web", source, "url:https://www.GitHub.com/acme/web/")}, "web", ""},
		"a longer name":               {[]described{component("a", "web", source, "url:https://github.com/acme/web-of-it/")}, dora.Unknown, ""},
		"another server":              {[]described{component("a", "web", source, "url:https://gitlab.com/acme/web/")}, dora.Unknown, ""},
		"a path of another server":    {[]described{component("a", "web", source, "url:https://github.com/acme/web/-/tree/main/")}, dora.Unknown, ""},
		"a file":                      {[]described{component("a", "web", source, "file:/acme/web")}, dora.Unknown, ""},
		"an owner's page":             {[]described{component("a", "web", source, "url:https://github.com/acme/")}, dora.Unknown, ""},
		"no URL":                      {[]described{component("a", "web", source, "url:::")}, dora.Unknown, ""},
		"sources here, another slug":  {[]described{component("a", "web", source, "url:https://github.com/acme/web/", slug, "acme/api")}, dora.Unknown, ""},
		"slug before source location": {[]described{component("a", "A", source, "url:https://github.com/acme/web/tree/main/a/"), component("z", "Z", slug, "acme/web")}, "Z", ""},
		"component's source before an API's slug": {
			[]described{component("a", "A", slug, "acme/web").as("API"), component("z", "Z", source, "url:https://github.com/acme/web/")}, "Z", "[A]",
		},
		"several components of one repository": {
			[]described{component("b", "B", source, "url:https://github.com/acme/web/tree/main/b/"), component("a", "A", source, "url:https://github.com/acme/web/tree/main/a/")}, "A", "[B]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, catalogOf(test.entities...))
			b.want(t, test.want)
			warned := strings.Contains(b.log.String(), "level=WARN") && strings.Contains(b.log.String(), `repository=acme/web`)
			if warned != (test.others != "") || !strings.Contains(b.log.String(), test.others) {
				t.Errorf("log %q, want a warning about %q", b.log.String(), test.others)
			}
		})
	}
}

// GitHub Enterprise Server has its API and its pages on one host, GitHub itself and GitHub Enterprise Cloud have api. before it.
func TestSourceLocationsOfSeveralServers(t *testing.T) {
	b := newBench(t, catalogOf(
		component("a", "cloud", sourceAnnotation, "url:https://github.com/acme/web/"),
		component("b", "server", sourceAnnotation, "url:https://ghe.example.com:8443/acme/web/tree/main/"),
		component("c", "resident", sourceAnnotation, "url:https://acme.ghe.com/acme/web/"),
	))
	for host, want := range map[string]string{
		"api.github.com": "cloud", "ghe.example.com:8443": "server", "api.acme.ghe.com": "resident", "ghe.example.com": dora.Unknown,
	} {
		if team, err := b.RepositoryTeam(t.Context(), host, "acme", "web"); err != nil || team != want {
			t.Errorf("%s: %s, %v; want %s", host, team, err, want)
		}
	}
}

func TestProjectTeam(t *testing.T) {
	const key, keys = projectAnnotation, projectsAnnotation
	for name, test := range map[string]struct {
		entities []described
		want     string
	}{
		"key":                         {[]described{component("a", "A", key, "WEB")}, "A"},
		"key with blanks":             {[]described{component("a", "A", key, " WEB ")}, "A"},
		"one of several as the key":   {[]described{component("a", "A", key, "OPS,web")}, "A"},
		"key of a site":               {[]described{component("a", "A", key, "cloud/WEB")}, "A"},
		"one of several":              {[]described{component("a", "A", keys, "OPS, WEB,INC")}, "A"},
		"the only one":                {[]described{component("a", "A", keys, "web")}, "A"},
		"of a site":                   {[]described{component("a", "A", keys, "cloud/WEB")}, "A"},
		"part of a key":               {[]described{component("a", "A", keys, "WEBSHOP,WE")}, dora.Unknown},
		"empty ones":                  {[]described{component("a", "A", keys, ",,")}, dora.Unknown},
		"both, the first by name":     {[]described{component("b", "B", key, "WEB"), component("a", "A", keys, "WEB,OPS")}, "A"},
		"both, the component":         {[]described{component("b", "B", key, "WEB"), component("a", "A", keys, "WEB,OPS").as("System")}, "B"},
		"both annotations of one":     {[]described{component("a", "A", key, "WEB", keys, "WEB,OPS")}, "A"},
		"only the source of a folder": {[]described{component("a", "A", sourceAnnotation, "url:https://github.com/acme/web/")}, dora.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, catalogOf(test.entities...))
			if team, err := b.ProjectTeam(t.Context(), "WEB"); err != nil || team != test.want {
				t.Errorf("team %s, %v; want %s", team, err, test.want)
			}
		})
	}
}

// A listing from before an entity got another owner does not matter where a filter finds the entity.
func TestProjectWithAnotherOwner(t *testing.T) {
	b := newBench(t, catalogOf(component("a", "A", projectAnnotation, "WEB")))
	if team, err := b.ProjectTeam(t.Context(), "OPS"); err != nil || team != dora.Unknown {
		t.Fatalf("%s, %v", team, err)
	}
	b.answer = catalogOf(component("a", "B", projectAnnotation, "WEB"))
	if team, err := b.ProjectTeam(t.Context(), "WEB"); err != nil || team != "B" || b.log.Len() > 0 {
		t.Errorf("%s, %v; want B; log %s", team, err, b.log.String())
	}
}

// 1,201 entities are on three pages.
func TestListingOfSeveralPages(t *testing.T) {
	var all []described
	for i := range 1201 {
		all = append(all, component(fmt.Sprintf("c%04d", i), fmt.Sprintf("T%d", i), sourceAnnotation, fmt.Sprintf("url:https://github.com/acme/web%d/", i)))
	}
	b := newBench(t, catalogOf(all...))
	for _, i := range []int{0, 499, 500, 1200} {
		if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", fmt.Sprintf("web%d", i)); err != nil || team != fmt.Sprintf("T%d", i) {
			t.Errorf("%d: %s, %v", i, team, err)
		}
	}
	if n := b.calls.Load(); n != 4+3 {
		t.Errorf("%d calls, want one for each repository and three for the listing", n)
	}
}

// What is added to Backstage is seen a minute later, whatever the cache lifetime of answers.
func TestListingIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, catalogOf())
		b.want(t, dora.Unknown)
		b.answer = catalogOf(component("a", "A", sourceAnnotation, "url:https://github.com/acme/other/"))
		time.Sleep(listingTTL)
		if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "other"); err != nil || team != "A" {
			t.Errorf("%s, %v; want A", team, err)
		}
	})
}

func TestAServerThatNeverEndsItsPages(t *testing.T) {
	var page []described
	for i := range pageSize {
		page = append(page, component(strconv.Itoa(i), "A", sourceAnnotation, "file:"))
	}
	_, body, _ := catalogOf(page...)(&http.Request{URL: must(http.NewRequest(http.MethodGet, "/?filter=metadata.annotations."+sourceAnnotation, http.NoBody)).URL})
	b := newBench(t, func(r *http.Request) (int, string, error) {
		if r.URL.Query().Get("limit") == "" {
			return 200, "[]", nil
		}
		return 200, body, nil
	})
	if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err == nil {
		t.Errorf("team %s", team)
	}
}

func TestFallback(t *testing.T) {
	static := NewStatic([]dora.Team{
		{Name: "Tools", Repositories: []string{"acme/tool", "acme/web"}}, {Name: "Desk", Projects: []string{"INC", "WEB"}},
	}, "")
	b := newBench(t, catalogOf(component("a", "A", slugAnnotation, "acme/web", projectAnnotation, "WEB"), component("b", "", slugAnnotation, "acme/tool")))
	both := Fallback{b.Backstage, static}
	for repository, want := range map[string]string{"web": "A", "tool": "Tools", "other": dora.Unknown} {
		if team, err := both.RepositoryTeam(t.Context(), "api.github.com", "acme", repository); err != nil || team != want {
			t.Errorf("%s: %s, %v; want %s", repository, team, err, want)
		}
	}
	for project, want := range map[string]string{"WEB": "A", "INC": "Desk", "X": dora.Unknown} {
		if team, err := both.ProjectTeam(t.Context(), project); err != nil || team != want {
			t.Errorf("%s: %s, %v; want %s", project, team, err, want)
		}
	}
	down := Fallback{newBench(t, replies(500, "")).Backstage, static}
	if team, err := down.RepositoryTeam(t.Context(), "api.github.com", "acme", "tool"); err == nil {
		t.Errorf("team %s while Backstage does not answer", team)
	}
	if team, err := down.ProjectTeam(t.Context(), "INC"); err == nil {
		t.Errorf("team %s while Backstage does not answer", team)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
