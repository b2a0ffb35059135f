package dora

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// How deployments, issues and series are written where people read and type them.

// DisplayName returns the name of a deployment for people: owner/repo#id.
func (d Deployment) DisplayName() string {
	return fmt.Sprintf("%s#%d", LabelValue(d.Owner+"/"+d.Repository), d.ID)
}

// deploymentName matches owner/repo#id.
var deploymentName = regexp.MustCompile(`^([^/#\s]+)/([^/#\s]+)#([0-9]+)$`)

// ParseDeploymentName reads owner/repo#id; ok is false if text is not of that form.
func ParseDeploymentName(text string) (owner, repository string, id int64, ok bool) {
	parts := deploymentName.FindStringSubmatch(text)
	if parts == nil {
		return "", "", 0, false
	}
	id, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return "", "", 0, false
	}
	return parts[1], parts[2], id, true
}

// issueKey matches what Jira may call an issue.
var issueKey = regexp.MustCompile(`^[^\s"/\\]+$`)

// IsIssueKey reports whether text can be the key of a Jira issue, such as INC-7.
func IsIssueKey(text string) bool { return issueKey.MatchString(text) }

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// SeriesName writes a series in the Prometheus text format, with its labels sorted by name.
func SeriesName(name string, labels Labels) string {
	pairs := make([]string, 0, len(labels))
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, label+`="`+labelEscapes.Replace(labels[label])+`"`)
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}
