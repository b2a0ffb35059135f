package pipeline_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// means reports whether a name stands for a change: #12, or one of its commits or the beginning of one.
func means(name string, c *oracleChange) bool {
	if strings.HasPrefix(name, "#") {
		return name == c.name()
	}
	return slices.ContainsFunc(c.commits(), func(sha string) bool { return strings.HasPrefix(sha, name) })
}

// meansCarrier reports whether a name stands for a pull request that brought others: its number, or its merge commit.
func meansCarrier(name string, p *graphPull) bool {
	if strings.HasPrefix(name, "#") {
		return name == fmt.Sprint("#", p.number)
	}
	return strings.HasPrefix(p.merge, name)
}

var (
	revertsPull   = regexp.MustCompile(`(?i)\breverts[ *:]+(?:(acme/\w+)?#|https://github\.com/(acme/\w+)/pull/)(\d+)`)
	revertsCommit = regexp.MustCompile(`(?i)\bthis reverts commit ([0-9a-f]{7,40})\b`)
	revertBranch  = regexp.MustCompile(`^revert-(\d+)-`)
	revertTitle   = regexp.MustCompile(`^Revert "(.+)"$`)
)

// reverts returns the names of the changes that a change says it reverts.
func (o *oracle) reverts(d *oracleDeployment, c *oracleChange) (names []string) {
	text := ""
	if c.pull != nil {
		text = c.pull.body
		for _, m := range revertsPull.FindAllStringSubmatch(text, -1) {
			if in := m[1] + m[2]; in == "" || in == "acme/"+d.repository {
				names = append(names, "#"+m[3])
			}
		}
		title, branch := revertTitle.FindStringSubmatch(c.pull.title), revertBranch.FindStringSubmatch(c.pull.branch)
		switch {
		case title != nil && branch != nil:
			names = append(names, "#"+branch[1])
		case title != nil && len(names) == 0:
			names = append(names, o.onlyChangeCalled(d, title[1])...)
		}
		if !c.lost {
			for _, sha := range c.pull.commits {
				text += "\n" + d.graph.commits[sha].message
			}
		}
	}
	if c.commit != nil {
		text += "\n" + c.commit.message
	}
	for _, m := range revertsCommit.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// onlyChangeCalled returns the name of the change with a title, if the scope shipped exactly one before d.
func (o *oracle) onlyChangeCalled(d *oracleDeployment, title string) (names []string) {
	for _, earlier := range o.before(d) {
		for _, c := range earlier.fresh {
			if c.pull != nil && c.pull.title == title || c.pull == nil && c.commit.message == title {
				names = append(names, c.name())
			}
		}
	}
	if len(names) != 1 {
		return nil
	}
	return names
}

// findReverts adds the evidence that d is by shipping reverts: the deployment that brought the reverted change first is bad. A revert
// of a revert shows nothing, nor does a change that ships together with its revert.
func (o *oracle) findReverts(d *oracleDeployment) {
	for _, c := range d.fresh {
		for _, name := range o.reverts(d, c) {
			if !slices.ContainsFunc(d.fresh, func(c *oracleChange) bool { return means(name, c) }) {
				o.findRevert(d, c, name)
			}
		}
	}
}

func (o *oracle) findRevert(d *oracleDeployment, revert *oracleChange, name string) {
	for _, bad := range o.before(d) {
		at := slices.IndexFunc(bad.fresh, func(c *oracleChange) bool { return means(name, c) })
		carried := slices.ContainsFunc(bad.carriers, func(p *graphPull) bool { return meansCarrier(name, p) })
		if at < 0 && !carried {
			continue
		}
		if at < 0 || len(o.reverts(bad, bad.fresh[at])) == 0 {
			o.evidence = append(o.evidence, &observation{bad: bad, cause: "revert", at: d.done, by: d, tie: fmt.Sprint(d.number, revert.name(), name)})
		}
		return
	}
}

// findHotfix adds the evidence that d is against the running deployment by bringing a pull request whose branch or label is that of a
// hotfix.
func (o *oracle) findHotfix(d *oracleDeployment) {
	running := o.running(d)
	hotfix := slices.ContainsFunc(d.fresh, func(c *oracleChange) bool {
		if c.pull == nil {
			return false
		}
		byLabel := slices.ContainsFunc(c.pull.labels, func(l string) bool { return matchesAny(o.policy.HotfixLabels.Patterns(), l) })
		return byLabel || matchesAny(o.policy.HotfixBranches.Patterns(), c.pull.branch)
	})
	if hotfix && running != nil {
		o.evidence = append(o.evidence, &observation{bad: running, cause: "hotfix", at: d.done, by: d, tie: fmt.Sprint(d.number)})
	}
}

// matchesAny reports whether a name matches a pattern without regard to case: * stands for any text without a slash, ** for any text.
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(strings.ToLower(p), strings.ToLower(name)) })
}

func matches(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case strings.HasPrefix(pattern, "**"):
		return matches(pattern[2:], name) || name != "" && matches(pattern, name[1:])
	case pattern[0] == '*':
		return matches(pattern[1:], name) || name != "" && name[0] != '/' && matches(pattern, name[1:])
	}
	return name != "" && name[0] == pattern[0] && matches(pattern[1:], name[1:])
}
