package catalog

import (
	"testing"

	"dora-exporter/dora"
)

func TestStatic(t *testing.T) {
	s := NewStatic([]Team{
		{Name: "All", Repositories: []string{"Acme/*"}, Projects: []string{"ops"}},
		{Name: "Web", Repositories: []string{"acme/Web", "tools"}, Projects: []string{"WEB"}},
		{Name: "Late", Repositories: []string{"ACME/web", "acme/*"}, Projects: []string{"web", "LATE"}},
	}, "Home")
	for _, test := range []struct{ owner, repository, want string }{
		{"acme", "web", "Web"},
		{"ACME", "WEB", "Web"},
		{"acme", "api", "All"},
		{"home", "Tools", "Web"},
		{"acme", "tools", "All"},
		{"other", "web", dora.Unknown},
		{"", "", dora.Unknown},
		{"acme", "*", "All"},
	} {
		if got, err := s.RepositoryTeam(t.Context(), test.owner, test.repository); err != nil || got != test.want {
			t.Errorf("%s/%s: %s, %v; want %s", test.owner, test.repository, got, err, test.want)
		}
	}
	for project, want := range map[string]string{"WEB": "Web", "web": "Web", "Ops": "All", "LATE": "Late", "": dora.Unknown, "NOPE": dora.Unknown} {
		if got, err := s.ProjectTeam(t.Context(), project); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", project, got, err, want)
		}
	}
}
