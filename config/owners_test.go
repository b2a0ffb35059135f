package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const repositoryForms = "owner/name, owner/* for all of an owner, or the name alone with github.owner set"

func TestRepositoryNames(t *testing.T) {
	for name, test := range map[string]struct{ text, shown, advice string }{
		"owner and name":                 {"acme/shop", "", ""},
		"all of an owner":                {"acme/*", "", ""},
		"name alone":                     {"shop", "", ""},
		"dots and underscores":           {"acme/.github_x.y", "", ""},
		"managed user":                   {"ann_acme/shop", "", ""},
		".git":                           {"acme/shop.git", "", "acme/shop"},
		"name alone with .git":           {"shop.git", "", "shop"},
		".Git":                           {"acme/shop.Git", "", repositoryForms},
		"blank at the end":               {"acme/web ", "", "acme/web"},
		"non-breaking space":             {"acme/web\u00a0", `"acme/web\u00a0"`, "acme/web"},
		"byte order mark":                {"\ufeffacme/web", `"\ufeffacme/web"`, "acme/web"},
		"blank inside":                   {"acme/my shop", "", "each repository as an item of its own"},
		"branch":                         {"acme/api@main", "", "acme/api"},
		"name alone with a tag":          {"api@v1.2", "", "api"},
		"pattern":                        {"acme/infra-*", "", "acme/* for all of acme, or the name of each repository; there are no other patterns"},
		"two asterisks":                  {"acme/**", "", "acme/* for all of acme, or the name of each repository; there are no other patterns"},
		"question mark":                  {"acme/ap?", "", "acme/* for all of acme, or the name of each repository; there are no other patterns"},
		"asterisk alone":                 {"*", "", repositoryForms},
		"any owner":                      {"*/api", "", repositoryForms},
		"list with commas":               {"acme/api, acme/web", "", "each repository as an item of its own"},
		"list without blanks":            {"acme/api,acme/web", "", "each repository as an item of its own"},
		"list of lines":                  {"acme/api\nacme/web", `"acme/api\nacme/web"`, "each repository as an item of its own"},
		"URL":                            {"https://github.com/acme/api", "", "acme/api"},
		"URL with a slash":               {"https://github.com/acme/api/", "", "acme/api"},
		"URL to clone":                   {"https://github.com/acme/api.git", "", "acme/api"},
		"URL of a folder":                {"https://ghe.example.com/acme/api/tree/main/x", "", "acme/api"},
		"URL of the API":                 {"https://ghe.example.com/api/v3/repos/acme/api", "", "acme/api"},
		"URL of a single name":           {"http://ghe/acme/api", "", "acme/api"},
		"URL of an owner":                {"https://github.com/acme", "", repositoryForms},
		"URL with a password":            {"https://ann:canary@github.com/acme/api", "a URL", "acme/api"},
		"remote with a password":         {"ann:canary@github.com/acme/api", "a URL", repositoryForms},
		"URL with a token":               {"https://github.com/acme/api?token=canary", "a URL", "acme/api"},
		"host and path":                  {"github.com/acme/api", "", "acme/api"},
		"remote over SSH":                {"git@github.com:acme/api.git", "", "acme/api"},
		"URL of SSH":                     {"ssh://git@github.com:22/acme/api.git", "a URL", "acme/api"},
		"path of three":                  {"acme/api/main", "", repositoryForms},
		"no name":                        {"acme/", "", repositoryForms},
		"no owner":                       {"/api", "", repositoryForms},
		"name of dots":                   {"acme/..", "", repositoryForms},
		"letters that GitHub has not":    {"acme/Läden", "", repositoryForms},
		"empty":                          {"", "", repositoryForms},
		"a blank around all of an owner": {"acme/* ", "", "acme/*"},
	} {
		t.Run(name, func(t *testing.T) {
			var want string
			if test.advice != "" {
				shown := test.shown
				if shown == "" {
					shown = `"` + test.text + `"`
				}
				want = fmt.Sprintf("config.yml:5: teams[0].github_repositories[0] is %s, must be a repository: write %s", shown, test.advice)
			}
			wantError(t, fmt.Sprintf("github:\n  owner: acme\nteams:\n- name: A\n  github_repositories: [%q]\n", test.text), want)
		})
	}
}

func TestRepositoriesWithPaths(t *testing.T) {
	for name, test := range map[string]struct{ text, advice string }{
		"owner and name":  {"acme/mono", ""},
		"URL":             {"https://github.com/acme/mono/", "acme/mono"},
		".git":            {"acme/mono.git", "acme/mono"},
		"all of an owner": {"acme/*", "owner/name"},
		"name alone":      {"mono", "owner/name"},
		"several":         {"acme/mono, acme/duo", "owner/name"},
	} {
		t.Run(name, func(t *testing.T) {
			var want string
			if test.advice != "" {
				want = fmt.Sprintf("config.yml:3: changes.paths[0].repository is %q, must be a repository: write %s", test.text, test.advice)
			}
			wantError(t, fmt.Sprintf("changes:\n  paths:\n  - repository: %q\n    environments: [{match: x, paths: [y]}]\n", test.text), want)
		})
	}
}

func TestProjectKeys(t *testing.T) {
	for name, test := range map[string]struct{ text, advice string }{
		"key":                     {"OPS", ""},
		"lower case":              {"ops", ""},
		"digits and underscores":  {"O2_X", ""},
		"one letter":              {"O", ""},
		"key of an issue":         {"OPS-17", "OPS"},
		"component":               {"OPS/Checkout", "OPS"},
		"blank":                   {" OPS", "OPS"},
		"issue's URL":             {"https://acme.atlassian.net/browse/OPS-17", "OPS"},
		"project's URL":           {"https://acme.atlassian.net/jira/software/c/projects/OPS/boards/1", "OPS"},
		"list":                    {"OPS, INC", "each key as an item of its own"},
		"list with semicolons":    {"OPS;INC", "each key as an item of its own"},
		"a name of two words":     {"Operations Desk", "each key as an item of its own"},
		"all":                     {"*", "the key, such as INC: the part of an issue's key before the dash"},
		"number of a project":     {"10010", "the key, such as INC: the part of an issue's key before the dash"},
		"letters that no key has": {"STÖR", "the key, such as INC: the part of an issue's key before the dash"},
		"empty":                   {"", "the key, such as INC: the part of an issue's key before the dash"},
	} {
		t.Run(name, func(t *testing.T) {
			var want string
			if test.advice != "" {
				want = fmt.Sprintf("config.yml:3: teams[0].jira_projects[0] is %q, must be the key of a Jira project: write %s", test.text, test.advice)
			}
			wantError(t, fmt.Sprintf("teams:\n- name: A\n  jira_projects: [%q]\n", test.text), want)
		})
	}
}

func TestTeamNames(t *testing.T) {
	for name, test := range map[string]struct {
		names []string
		want  string
	}{
		"different":                {[]string{"Shop", "Shops"}, ""},
		"the same name twice":      {[]string{"Shop", "Shop"}, ""},
		"words":                    {[]string{"Team Größe 1"}, ""},
		"joined emoji":             {[]string{"Web 👩‍💻"}, ""},
		"in case only":             {[]string{"Shop", "shop"}, `config.yml:3: teams[1].name is "shop", and another team is "Shop": write the same name in both, or names that differ in more than case`},
		"in case of other letters": {[]string{"ÄRA", "ära"}, `config.yml:3: teams[1].name is "ära", and another team is "ÄRA": write the same name in both, or names that differ in more than case`},
		"blank at the end":         {[]string{"Shop "}, `config.yml:2: teams[0].name is "Shop ", must be a name without blanks around it, and with single spaces inside: write Shop`},
		"non-breaking space":       {[]string{"Team\u00a0A"}, `config.yml:2: teams[0].name is "Team\u00a0A", must be a name without blanks around it, and with single spaces inside: write Team A`},
		"two spaces":               {[]string{"Team  A"}, `config.yml:2: teams[0].name is "Team  A", must be a name without blanks around it, and with single spaces inside: write Team A`},
		"line break":               {[]string{"Team\nA"}, `config.yml:2: teams[0].name is "Team\nA", must be a name without blanks around it, and with single spaces inside: write Team A`},
		"blank alone":              {[]string{" "}, `config.yml:2: teams[0].name is " ", must be a name: write one that people can see`},
		"Unknown":                  {[]string{"Unknown"}, `config.yml:2: teams[0].name is "Unknown", which is the team of whatever has no owner: write another name, or remove the team`},
		"unknown":                  {[]string{"unknown"}, `config.yml:2: teams[0].name is "unknown", which is the team of whatever has no owner: write another name, or remove the team`},
	} {
		t.Run(name, func(t *testing.T) {
			text := "teams:\n"
			for _, name := range test.names {
				text += fmt.Sprintf("- name: %q\n", name)
			}
			wantError(t, text, test.want)
		})
	}
}

func TestGitHubOwner(t *testing.T) {
	for name, test := range map[string]struct{ owner, advice string }{
		"a name":    {"acme-corp", ""},
		"a URL":     {"https://github.com/acme", "acme"},
		"a mention": {"@acme", "acme"},
		"a blank":   {"acme ", "acme"},
		"a host":    {"github.com/acme/", "acme"},
		"a path":    {"acme/api", "the owner's name, such as acme"},
	} {
		t.Run(name, func(t *testing.T) {
			var want string
			if test.advice != "" {
				want = fmt.Sprintf("config.yml:2: github.owner is %q, must be the name of an owner: write %s", test.owner, test.advice)
			}
			wantError(t, fmt.Sprintf("github:\n  owner: %q\nteams:\n- name: A\n  github_repositories: [api]\n", test.owner), want)
		})
	}
}

func TestOwnersOfTwoTeams(t *testing.T) {
	_, warnings, err := Parse("config.yml", []byte(`github: {owner: acme}
teams:
- {name: A, github_repositories: [acme/*, acme/api, api, ACME/API], jira_projects: [OPS, ops]}
- {name: B, github_repositories: [Acme/*, web], jira_projects: [Ops]}
- {name: A, github_repositories: [acme/*]}
`), noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"repository Acme/* belongs to two teams, A and B: using the first",
		"Jira project Ops belongs to two teams, A and B: using the first",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// wantError wants the error of a configuration, and none if want is empty.
func wantError(t *testing.T, text, want string) {
	t.Helper()
	_, _, err := Parse("config.yml", []byte(text), noEnvironment)
	got := ""
	if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if strings.Contains(got, "canary") {
		t.Error("a secret is in the message")
	}
}

func TestJiraComponents(t *testing.T) {
	for text, ok := range map[string]bool{
		"INC/checkout": true, "inc/Check out/2": true, "checkout": false, "/checkout": false, "INC/": false, "INC-7/checkout": false, "INC/ checkout": false,
		" INC/checkout": false, "https://jira.example.com/checkout": false,
	} {
		want := fmt.Sprintf("config.yml:3: teams[0].jira_components[0] is %q, must be a component of a project: write KEY/name, such as INC/checkout", text)
		if ok {
			want = ""
		}
		wantError(t, fmt.Sprintf("teams:\n- name: A\n  jira_components: [%q]\n", text), want)
	}
}
