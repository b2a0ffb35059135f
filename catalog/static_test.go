package catalog

import (
	"testing"

	"dora-exporter/dora"
)

func TestStatic(t *testing.T) {
	s := NewStatic([]dora.Team{
		{Name: "All", Repositories: []string{"Acme/*"}, Projects: []string{"ops"}},
		{Name: "Web", Repositories: []string{"acme/Web", "tools"}, Projects: []string{"WEB"}},
		{Name: "Late", Repositories: []string{"ACME/web", "acme/*"}, Projects: []string{"web", "LATE"}},
	}, "Home")
	for name, test := range map[string]struct{ owner, repository, want string }{
		"the most specific wins, though it is listed later": {"acme", "web", "Web"},
		"case does not matter":                              {"ACME", "WEB", "Web"},
		"all of an owner, the first team among equals":      {"acme", "api", "All"},
		"a bare name is the default owner's":                {"home", "Tools", "Web"},
		"a bare name is no other owner's":                   {"acme", "tools", "All"},
		"the same name elsewhere":                           {"other", "web", dora.Unknown},
		"the default owner is not owned as a whole":         {"home", "web", dora.Unknown},
		"no names": {"", "", dora.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := s.RepositoryTeam(t.Context(), "api.github.com", test.owner, test.repository); err != nil || got != test.want {
				t.Errorf("%s/%s: %s, %v; want %s", test.owner, test.repository, got, err, test.want)
			}
		})
	}
	for name, test := range map[string]struct{ project, want string }{
		"as listed":                    {"WEB", "Web"},
		"the first team among equals":  {"web", "Web"},
		"case does not matter":         {"Ops", "All"},
		"of a later team":              {"LATE", "Late"},
		"nobody's":                     {"NOPE", dora.Unknown},
		"no project":                   {"", dora.Unknown},
		"part of a key is another key": {"WE", dora.Unknown},
	} {
		t.Run("project: "+name, func(t *testing.T) {
			if got, err := s.ProjectTeam(t.Context(), test.project); err != nil || got != test.want {
				t.Errorf("%s: %s, %v; want %s", test.project, got, err, test.want)
			}
		})
	}
}
