package dora

import (
	"slices"
	"strings"
)

// IssueTeams finds the teams that an issue names itself: in jira.team_field, or by its components.
type IssueTeams struct {
	names, components map[string]string
}

// NewIssueTeams returns the IssueTeams of the configuration. If several teams have the same component, the first one owns it.
func NewIssueTeams(teams []Team) IssueTeams {
	t := IssueTeams{map[string]string{}, map[string]string{}}
	for _, team := range teams {
		addFirst(t.names, team.Name, team.Name)
		for _, component := range team.Components {
			addFirst(t.components, component, team.Name)
		}
	}
	return t
}

func addFirst(teams map[string]string, key, team string) {
	if _, taken := teams[strings.ToLower(key)]; !taken {
		teams[strings.ToLower(key)] = team
	}
}

// Assign sets the teams of the event of an issue: those of its field as the configuration spells them, without regard to case, and
// those of its components.
// It reports whether there are any, so that the team of the project is not needed.
func (t IssueTeams) Assign(c *IncidentChange) bool {
	var named, owners []string
	for _, name := range c.Teams {
		if known, ok := t.names[strings.ToLower(name)]; ok {
			name = known
		}
		if !slices.ContainsFunc(named, func(n string) bool { return strings.EqualFold(n, name) }) {
			named = append(named, name)
		}
	}
	for _, component := range c.Components {
		owner, ok := t.components[strings.ToLower(c.Project+"/"+component)]
		if ok && !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	c.Teams, c.ComponentTeams = named, owners
	return len(named)+len(owners) > 0
}
