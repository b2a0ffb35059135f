package dora

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Fact is one observation of one series. Facts are only added, each once: Family and Subject are unique together.
type Fact struct {
	// Position orders all facts: 1, 2, 3, without gaps. The store assigns it.
	Position int64
	Family   string
	Labels   Labels
	// Value is a whole number in the family's unit: a count, or milliseconds.
	Value int64
	// At is the event's own time and ID its number at the source; together they order the facts of a Last family.
	At time.Time
	ID int64
	// Subject names the observation, such as deployment_status:api.github.com/123; see keys.go. That of a change follows its repository
	// (RepositoryTx.Merge).
	Subject string
}

// Starts reports whether the fact only starts its series at 0 and is no observation.
func (f Fact) Starts() bool { return strings.HasPrefix(f.Subject, Subject(SubjectZero, "")) }

// Newer reports whether f is newer than the fact with time at and number id.
func (f Fact) Newer(at time.Time, id int64) bool {
	if f.At.Equal(at) {
		return f.ID > id
	}
	return f.At.After(at)
}

// Labels are the label names and values of a series.
type Labels map[string]string

// Key returns the labels in the Prometheus text format, sorted by name. Different label sets have different keys.
func (l Labels) Key() string {
	names := make([]string, 0, len(l))
	for name := range l {
		names = append(names, name)
	}
	slices.Sort(names)
	key := make([]byte, 0, 128)
	for i, name := range names {
		if i > 0 {
			key = append(key, ',')
		}
		key = append(append(key, name...), '=')
		key = strconv.AppendQuote(key, l[name])
	}
	return string(key)
}

// ParseLabels returns the labels with a key. The key must be from Key; the values share its memory.
func ParseLabels(key string) Labels {
	l := Labels{}
	for key != "" {
		name, rest, _ := strings.Cut(key, "=")
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return l
		}
		l[name], _ = strconv.Unquote(quoted)
		key = strings.TrimPrefix(rest[len(quoted):], ",")
	}
	return l
}

// With returns a copy of the labels with another label.
func (l Labels) With(name, value string) Labels {
	more := make(Labels, len(l)+1)
	for n, v := range l {
		more[n] = v
	}
	more[name] = LabelValue(value)
	return more
}

// maxLabelBytes bounds a label value: names come from outside, and every series keeps them in memory.
const maxLabelBytes = 200

// LabelValue returns s as valid UTF-8, cut to at most maxLabelBytes between two characters.
func LabelValue(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxLabelBytes {
		return s
	}
	end := maxLabelBytes
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// DeploymentLabels returns the labels of the github_deployments_* families.
func DeploymentLabels(d Deployment, state, team string) Labels {
	return Labels{
		"environment": LabelValue(d.Environment), "repo": LabelValue(d.Repository),
		"status": LabelValue(state), "team": LabelValue(team),
	}
}

// IncidentLabels returns the labels of the jira_incidents* families.
func IncidentLabels(project, team string) Labels {
	return Labels{"project": LabelValue(project), "team": LabelValue(team)}
}

// ScopeLabels returns the labels of the dora_* families about a repository and environment.
func ScopeLabels(d Deployment, team string) Labels {
	return Labels{
		"environment": LabelValue(d.Environment), "owner": LabelValue(d.Owner), "repo": LabelValue(d.Repository), "team": LabelValue(team),
	}
}
