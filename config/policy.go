package config

import (
	"regexp"
	"time"

	"gopkg.in/yaml.v3"

	"dora-exporter/dora"
)

// DefaultPolicy returns the settings of the measures for an empty configuration.
func DefaultPolicy() dora.Policy {
	return dora.Policy{
		Settle:          2 * time.Minute,
		UsualProduction: true,
		IgnoreAuthors:   []string{"dependabot[bot]", "renovate[bot]"},
	}
}

// fullMatch returns an expression that matches whole names, regardless of case.
func fullMatch(expression string) *regexp.Regexp {
	return regexp.MustCompile("(?i)^(?:" + expression + ")$")
}

// rewrites reads the rules that rename environments.
func (d *decoder) rewrites(to *dora.Environments) field {
	return d.list(`match: ^pr-\d+$`, func(n *yaml.Node, path string) {
		r := dora.Rewrite{}
		known := fields{"match": d.expression(&r.Match), "transient_environment": d.boolean(&r.Transient), "name": d.text(&r.Name)}
		if d.hasErrors(func() { d.mapping(n, path, known) }) {
			return
		}
		if r.Match == nil && !r.Transient {
			d.fail(n, "%s matches no environment: write match: with a regular expression, or transient_environment: true", path)
		}
		if r.Name == "" {
			d.fail(n, "%s has no name: write name: with the new name of these environments", path)
		}
		*to = append(*to, r)
	})
}

// production reads the expressions for whole names of environments, which replace the default.
func (d *decoder) production(to *dora.Policy) field {
	return func(n *yaml.Node, path string) {
		to.Production, to.UsualProduction = nil, false
		d.list("prod-.*", func(n *yaml.Node, path string) {
			to.Production = append(to.Production, d.fullMatchExpression(n, path))
		})(n, path)
	}
}

// fullMatchExpression reads an expression for a whole name; nil after an error.
func (d *decoder) fullMatchExpression(n *yaml.Node, path string) *regexp.Regexp {
	var e *regexp.Regexp
	if d.hasErrors(func() { d.expression(&e)(n, path) }) {
		return nil
	}
	if _, err := regexp.Compile("(?:" + e.String() + ")"); err != nil { // such as an open \Q, which quotes to the end
		d.fail(n, "%s is %s, which can't match a whole name (%v): close what it opens, such as \\Q with \\E", path, describe(n), err)
		return nil
	}
	return fullMatch(e.String())
}

// changes reads which changes count.
func (d *decoder) changes(to *dora.Policy) field {
	return d.section(fields{
		"ignore_authors": func(n *yaml.Node, path string) {
			to.IgnoreAuthors = nil
			d.stringList("dependabot[bot]", &to.IgnoreAuthors)(n, path)
		},
		"paths": d.list("repository: owner/name", func(n *yaml.Node, path string) {
			r := dora.RepositoryPaths{}
			known := fields{"repository": d.repository(&r.Repository), "environments": d.environmentPaths(&r.Environments)}
			if d.hasErrors(func() { d.mapping(n, path, known) }) {
				return
			}
			if r.Repository == "" || len(r.Environments) == 0 {
				d.fail(n, "%s needs repository and environments: write repository: owner/name, and environments: with a list of match and paths", path)
			}
			to.Paths = append(to.Paths, r)
		}),
	})
}

func (d *decoder) environmentPaths(to *[]dora.EnvironmentPaths) field {
	return d.list("match: api-.*", func(n *yaml.Node, path string) {
		e := dora.EnvironmentPaths{}
		known := fields{
			"match": func(n *yaml.Node, path string) { e.Match = d.fullMatchExpression(n, path) },
			"paths": d.stringList("services/api/**", &e.Paths),
		}
		if d.hasErrors(func() { d.mapping(n, path, known) }) {
			return
		}
		if e.Match == nil || len(e.Paths) == 0 {
			d.fail(n, "%s needs match and paths: write match: with an expression for the environment's name, and paths: with a list of patterns", path)
		}
		*to = append(*to, e)
	})
}

// failures reads the optional evidence for failed changes.
func (d *decoder) failures(to *dora.Policy) field {
	return d.section(fields{
		"incident_window": d.duration(&to.IncidentWindow),
		"hotfix":          d.section(fields{"branches": d.patterns("hotfix/*", &to.HotfixBranches), "labels": d.patterns("hotfix", &to.HotfixLabels)}),
	})
}

// patterns reads a list of filter patterns.
func (d *decoder) patterns(example string, to *dora.Filter) field {
	return d.list(example, func(n *yaml.Node, at string) {
		var pattern string
		if d.hasErrors(func() { d.text(&pattern)(n, at) }) {
			return
		}
		if err := to.Add(pattern); err != nil {
			d.fail(n, "%s is %s, must be a pattern (%v): write a name with * for any text without a slash and ** for any text, such as %s", at, describe(n), err, example)
		}
	})
}

// incidents reads which issues are incidents.
func (d *decoder) incidents(to *dora.IncidentFilter) field {
	return d.section(fields{
		"types": d.stringList("Incident", &to.Types), "labels": d.stringList("production", &to.Labels),
		"priorities": d.stringList("Highest", &to.Priorities), "statuses": d.stringList("In Progress", &to.Statuses),
	})
}
