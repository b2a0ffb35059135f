package config

import (
	"fmt"
	"strings"

	"dora-exporter/dora"
	"dora-exporter/internal/lazyregexp"
)

var (
	// projectKey matches the keys of Jira projects.
	projectKey = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_]*$`)
	// keyInside matches what contains such a key: the key of an issue, a component, the URL of an issue or a project.
	keyInside = lazyregexp.New(`^(?:https?://.*/(?:browse|projects)/)?([A-Za-z][A-Za-z0-9_]*)(?:-\d+|/.*)?$`)
)

// checkOwners rejects names that no team, repository or project can have, and warns about repositories, projects and components of two
// teams.
func (d *decoder) checkOwners(c *Config) {
	d.checkGitHubOwner(c.GitHub.Owner)
	names, repositories, projects, components := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	claim := func(claimed map[string]string, key, what, team string) {
		if first, ok := claimed[key]; ok && first != team {
			d.warnings = append(d.warnings, fmt.Sprintf("%s belongs to two teams, %s and %s: using the first", what, first, team))
			return
		}
		claimed[key] = team
	}
	for i, t := range c.Teams {
		d.checkTeamName(fmt.Sprintf("teams[%d].name", i), t.Name, names)
		for j, r := range t.Repositories {
			path := fmt.Sprintf("teams[%d].github_repositories[%d]", i, j)
			full := r
			if !strings.Contains(r, "/") {
				full = c.GitHub.Owner + "/" + r
			}
			d.checkOwnedRepository(path, r, c.GitHub.Owner)
			claim(repositories, strings.ToLower(full), "repository "+full, t.Name)
		}
		for j, p := range t.Projects {
			d.checkProjectKey(fmt.Sprintf("teams[%d].jira_projects[%d]", i, j), p)
			claim(projects, strings.ToUpper(p), "Jira project "+p, t.Name)
		}
		for j, component := range t.Components {
			if key, name, _ := strings.Cut(component, "/"); !projectKey.MatchString(key) || strings.TrimSpace(name) != name || name == "" {
				path := fmt.Sprintf("teams[%d].jira_components[%d]", i, j)
				d.fail(d.nodes[path], "%s is %q, must be a component of a project: write KEY/name, such as INC/checkout", path, component)
			}
			claim(components, strings.ToLower(component), "component "+component, t.Name)
		}
	}
}

// checkGitHubOwner checks github.owner, which may be unset.
func (d *decoder) checkGitHubOwner(owner string) {
	if owner == "" || isOwner(owner) {
		return
	}
	d.failName(d.nodes["github.owner"], "github.owner", owner, "the name of an owner", ownerAdvice(owner))
}

// checkTeamName checks a team's name and that no earlier one differs from it in case only. Names has the earlier ones by their lower case.
func (d *decoder) checkTeamName(path, name string, names map[string]string) {
	n := d.nodes[path]
	plain := strings.Join(strings.FieldsFunc(name, isBlank), " ")
	first, taken := names[strings.ToLower(plain)]
	switch {
	case name == "": // reported already
	case plain == "":
		d.fail(n, "%s is %q, must be a name: write one that people can see", path, name)
	case plain != name:
		d.fail(n, "%s is %q, must be a name without blanks around it, and with single spaces inside: write %s", path, name, plain)
	case strings.EqualFold(plain, dora.Unknown):
		d.fail(n, "%s is %q, which is the team of whatever has no owner: write another name, or remove the team", path, name)
	case taken && first != name:
		d.fail(n, "%s is %q, and another team is %q: write the same name in both, or names that differ in more than case", path, name, first)
	}
	if !taken {
		names[strings.ToLower(plain)] = plain
	}
}

// checkProjectKey checks an item of jira_projects.
func (d *decoder) checkProjectKey(path, text string) {
	n := d.nodes[path]
	if empty(n) || projectKey.MatchString(text) { // an empty item is reported already
		return
	}
	advice := "the key, such as INC: the part of an issue's key before the dash"
	if meant := keyInside.FindStringSubmatch(strings.TrimFunc(text, isBlank)); meant != nil {
		advice = meant[1]
	}
	if isNameList(text) {
		advice = "each key as an item of its own"
	}
	d.failName(n, path, text, "the key of a Jira project", advice)
}
