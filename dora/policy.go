package dora

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Policy is the part of the configuration that decides about measures.
type Policy struct {
	// Settle is how long to wait for late or out-of-order events before an event is evaluated (deployments.settle).
	Settle time.Duration
	// Tasks matches the tasks of the deployments that count in dora_* families (deployments.tasks); without
	// patterns all do.
	Tasks Filter
	// Ignore selects deployments that count in no dora_* family (deployments.ignore).
	Ignore []IgnoreRule
	// Production matches the names of production environments, in addition to those that GitHub's payload flags. UsualProduction
	// adds the names of IsProductionName.
	Production      []*regexp.Regexp
	UsualProduction bool
	// IgnoreAuthors are logins whose changes have no lead time.
	IgnoreAuthors []string
	// Paths are the paths that belong to an environment, for repositories that hold several applications.
	Paths []RepositoryPaths
	// HotfixBranches and HotfixLabels match pull requests that are hotfixes.
	HotfixBranches, HotfixLabels Filter
	// IncidentWindow is how long after a deployment an incident of its team is evidence against it; 0 for never.
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

// IncidentFilter selects the issues that are incidents: an issue must match each list that is not empty. Names are compared without
// regard to case.
type IncidentFilter struct{ Types, Labels, Priorities, Statuses []string }

// Matches reports whether an event shows that its issue is an incident.
func (f IncidentFilter) Matches(c IncidentChange) bool {
	return anyOf(f.Types, c.Type) && anyOf(f.Priorities, c.Priority) && anyOf(f.Statuses, c.StatusName) && anyOf(f.Labels, c.IssueLabels...)
}

// anyOf reports whether one of the names is in a list. An empty list contains all names.
func anyOf(list []string, names ...string) bool {
	return len(list) == 0 || slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(list, func(listed string) bool { return strings.EqualFold(listed, name) })
	})
}

// IsProduction reports whether a deployment's environment is a production environment.
func (p Policy) IsProduction(d Deployment) bool {
	if p.UsualProduction && IsProductionName(d.Environment) {
		return true
	}
	return d.Production || slices.ContainsFunc(p.Production, func(e *regexp.Regexp) bool { return e.MatchString(d.Environment) })
}

// PathsFor returns the patterns of the paths that belong to a deployment's environment; nil if all do.
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

// IsHotfix reports whether a change is a hotfix, by its branch or a label.
func (p Policy) IsHotfix(c Change) bool {
	return c.Branch != "" && p.HotfixBranches.Matches(c.Branch) || slices.ContainsFunc(c.PullLabels, p.HotfixLabels.Matches)
}

// EnabledCauses returns the causes that can occur under the policy.
func (p Policy) EnabledCauses() []Cause {
	return slices.DeleteFunc(slices.Clone(Causes), func(c Cause) bool {
		return c == CauseHotfix && len(p.HotfixBranches.Patterns())+len(p.HotfixLabels.Patterns()) == 0 || c == CauseWindow && p.IncidentWindow == 0
	})
}
