package config

import (
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// checkOwners warns about repositories, projects and components of two teams, and rejects malformed repositories and components.
func (d *decoder) checkOwners(c *Config) {
	repositories, projects, components := map[string]string{}, map[string]string{}, map[string]string{}
	claim := func(claimed map[string]string, key, what, team string) {
		if first, ok := claimed[key]; ok && first != team {
			d.warnings = append(d.warnings, fmt.Sprintf("%s belongs to two teams, %s and %s: using the first", what, first, team))
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
				d.fail(d.nodes[path], "%s is %q, without an owner: write owner/%s, or set github.owner", path, r, r)
			case owner == "" || name == "" || strings.Contains(name, "/"):
				d.fail(d.nodes[path], "%s is %q, must be a repository: write owner/name, owner/* for all of an owner, or the name alone with github.owner set", path, r)
			}
			claim(repositories, strings.ToLower(full), "repository "+full, t.Name)
		}
		for _, p := range t.Projects {
			claim(projects, strings.ToUpper(p), "Jira project "+p, t.Name)
		}
		for j, component := range t.Components {
			if key, name, _ := strings.Cut(component, "/"); !dora.IsIssueKey(key+"-1") || strings.TrimSpace(name) != name || name == "" {
				path := fmt.Sprintf("teams[%d].jira_components[%d]", i, j)
				d.fail(d.nodes[path], "%s is %q, must be a component of a project: write KEY/name, such as INC/checkout", path, component)
			}
			claim(components, strings.ToLower(component), "component "+component, t.Name)
		}
	}
}
