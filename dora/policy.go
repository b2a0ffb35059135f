package dora

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Policy is what an organisation decides about its measures.
type Policy struct {
	// Settle is how long after its arrival an event is looked at together with its neighbours.
	Settle time.Duration
	// Production matches the names of production environments, beside those that GitHub's payload flags. UsualProduction adds
	// those of IsProductionName.
	Production      []*regexp.Regexp
	UsualProduction bool
	// IgnoreAuthors are logins whose changes have no lead time.
	IgnoreAuthors []string
	// Paths are the patterns of paths that belong to an environment, of repositories that hold several things.
	Paths []RepositoryPaths
	// HotfixBranches and HotfixLabels match pull requests that repair the deployment before them.
	HotfixBranches, HotfixLabels Filter
	// IncidentWindow is how long after a deployment an incident of its team marks it; 0 for never.
	IncidentWindow time.Duration
	Incidents      IncidentFilter
}

// RepositoryPaths are the paths of one repository that belong to environments.
type RepositoryPaths struct {
	// Repository is owner/name.
	Repository   string
	Environments []EnvironmentPaths
}

// EnvironmentPaths are the paths that belong to the environments whose names match.
type EnvironmentPaths struct {
	Match *regexp.Regexp
	Paths []string
}

// IncidentFilter chooses which issues are incidents: those that match each of the lists that is not empty. Names are
// compared without regard to upper and lower case.
type IncidentFilter struct{ Types, Labels, Priorities, Statuses []string }

// Matches says whether an event shows its issue to be an incident.
func (f IncidentFilter) Matches(c IncidentChange) bool {
	return anyOf(f.Types, c.Type) && anyOf(f.Priorities, c.Priority) && anyOf(f.Statuses, c.StatusName) && anyOf(f.Labels, c.IssueLabels...)
}

// anyOf says whether one of the names is in a list; an empty list has all.
func anyOf(list []string, names ...string) bool {
	return len(list) == 0 || slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, name) })
	})
}

// IsProduction says whether a deployment's environment is one of production.
func (p Policy) IsProduction(d Deployment) bool {
	if p.UsualProduction && IsProductionName(d.Environment) {
		return true
	}
	return d.Production || slices.ContainsFunc(p.Production, func(e *regexp.Regexp) bool { return e.MatchString(d.Environment) })
}

// PathsFor are the patterns of what belongs to a deployment's environment; nil when all does.
func (p Policy) PathsFor(d Deployment) []string {
	for _, r := range p.Paths {
		if !strings.EqualFold(r.Repository, d.Owner+"/"+d.Repository) {
			continue
		}
		for _, e := range r.Environments {
			if e.Match.MatchString(d.Environment) {
				return e.Paths
			}
		}
	}
	return nil
}

// IgnoresAuthor reports whether changes of an author don't count.
func (p Policy) IgnoresAuthor(author string) bool {
	return author != "" && anyOf(p.IgnoreAuthors, author) && len(p.IgnoreAuthors) > 0
}

// IsHotfix says whether a change is made to repair what is deployed, by its branch or a label.
func (p Policy) IsHotfix(c Change) bool {
	return c.Branch != "" && p.HotfixBranches.Matches(c.Branch) || slices.ContainsFunc(c.PullLabels, p.HotfixLabels.Matches)
}

// EnabledCauses are the causes that can occur.
func (p Policy) EnabledCauses() []Cause {
	return slices.DeleteFunc(slices.Clone(Causes), func(c Cause) bool {
		return c == CauseHotfix && len(p.HotfixBranches.Patterns())+len(p.HotfixLabels.Patterns()) == 0 || c == CauseWindow && p.IncidentWindow == 0
	})
}
