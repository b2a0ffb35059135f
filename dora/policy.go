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

// IncidentFilter selects the issues that are incidents, and what resolves them. Names are compared without regard to case, blanks
// around them, and the prefix [System] of service management.
type IncidentFilter struct {
	// An issue must match each of these lists that is not empty. Projects are keys.
	Types, Projects, Labels, Priorities, Statuses []string
	// IgnoredResolutions are resolutions that are no recovery. ResolvedStatuses resolve an incident whatever their category.
	IgnoredResolutions, ResolvedStatuses []string
}

// Matches reports whether an issue with these properties may be an incident, whatever its status.
func (f IncidentFilter) Matches(issueType, project, priority string, labels []string) bool {
	return listsAny(f.Types, issueType) && listsAny(f.Projects, project) && listsAny(f.Priorities, priority) && listsAny(f.Labels, labels...)
}

// MatchesStatus reports whether a status makes an issue that Matches an incident.
func (f IncidentFilter) MatchesStatus(name string) bool { return listsAny(f.Statuses, name) }

// Ignores reports whether a resolution is no recovery.
func (f IncidentFilter) Ignores(resolution string) bool {
	return len(f.IgnoredResolutions) > 0 && listsAny(f.IgnoredResolutions, resolution)
}

// Resolves reports whether a status resolves an incident whatever its category.
func (f IncidentFilter) Resolves(status string) bool {
	return len(f.ResolvedStatuses) > 0 && listsAny(f.ResolvedStatuses, status)
}

// listsAny reports whether one of Jira's names is in a list. An empty list contains all names.
func listsAny(list []string, names ...string) bool {
	return len(list) == 0 || slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(list, func(listed string) bool { return strings.EqualFold(plainName(listed), plainName(name)) })
	})
}

// plainName returns a name of Jira without blanks around it and without service management's prefix.
func plainName(name string) string {
	const prefix = "[System] "
	name = strings.TrimSpace(name)
	if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		name = strings.TrimSpace(name[len(prefix):])
	}
	return name
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
	return author != "" && slices.ContainsFunc(p.IgnoreAuthors, func(ignored string) bool { return strings.EqualFold(ignored, author) })
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
