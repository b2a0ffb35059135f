package config

import (
	"fmt"
	"strings"
)

// checkOwners warns of what two teams own, and refuses a repository without an owner.
func (d *decoder) checkOwners(c *Config) {
	repositories, projects := map[string]string{}, map[string]string{}
	claim := func(claimed map[string]string, key, what, team string) {
		if first, ok := claimed[key]; ok && first != team {
			d.warnings = append(d.warnings, fmt.Sprintf("%s belongs to two teams, %s and %s: the first one wins", what, first, team))
			return
		}
		claimed[key] = team
	}
	for i, t := range c.Teams {
		for j, r := range t.Repositories {
			path := fmt.Sprintf("teams[%d].github_repositories[%d]", i, j)
			full := r
			if !strings.Contains(r, "/") {
				full = c.GitHub.Owner + "/" + r
			}
			owner, name, _ := strings.Cut(full, "/")
			switch {
			case owner == "" && !strings.Contains(r, "/"):
				d.fail(d.nodes[path], "%s is %q, which has no owner: write owner/%s, or set github.owner", path, r, r)
			case owner == "" || name == "" || strings.Contains(name, "/"):
				d.fail(d.nodes[path], "%s is %q, not a repository: write owner/name, owner/* for all of an owner, or the name alone with github.owner set", path, r)
			}
			claim(repositories, strings.ToLower(full), "repository "+full, t.Name)
		}
		for _, p := range t.Projects {
			claim(projects, strings.ToUpper(p), "Jira project "+p, t.Name)
		}
	}
}
