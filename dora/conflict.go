package dora

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Conflict is a field in which two events with the same key differ.
type Conflict struct{ Field, Stored, Received string }

// Conflicts compares a redelivery with the stored event of the same key. It returns the differing fields among those that are fixed for
// a deployment status or a deployment. A field that either event lacks does not conflict, nor does the name of the repository, which
// may have been renamed in between. Jira's events are snapshots of an issue, which may differ, so they never conflict.
func Conflicts(stored, received Event) []Conflict {
	var all []Conflict
	compare := func(field, a, b string) {
		if a != b && a != "" && b != "" {
			all = append(all, Conflict{field, a, b})
		}
	}
	compareNames := func(field, a, b string) {
		if FoldName(a) != FoldName(b) {
			compare(field, a, b)
		}
	}
	if a, b := stored.Status, received.Status; a != nil && b != nil {
		compare("state", a.State, b.State)
		compare("created_at", instant(a.CreatedAt), instant(b.CreatedAt))
		compareNames("environment", stored.Environment(), received.Environment())
		compareDeployments(compare, a.Deployment, b.Deployment)
	}
	if a, b := stored.Deployment, received.Deployment; a != nil && b != nil {
		compareNames("environment", cmp.Or(a.OriginalEnvironment, a.Environment), cmp.Or(b.OriginalEnvironment, b.Environment))
		compareDeployments(compare, *a, *b)
	}
	return all
}

// IsEarlier reports whether a redelivery of a change of an issue has an earlier time than the stored event: the senders of two hooks take
// the time one after another, and the change is not later than either.
func IsEarlier(stored, received Event) bool {
	if stored.Incident == nil || received.Incident == nil {
		return false
	}
	a, b := stored.Incident.OwnTime(), received.Incident.OwnTime()
	return !b.IsZero() && (a.IsZero() || b.Before(a))
}

func compareDeployments(compare func(field, a, b string), a, b Deployment) {
	if a.ID != b.ID {
		compare("deployment", strconv.FormatInt(a.ID, 10), strconv.FormatInt(b.ID, 10))
	}
	if !strings.EqualFold(a.SHA, b.SHA) {
		compare("sha", a.SHA, b.SHA)
	}
}

// instant formats a time in whole milliseconds; empty if it is zero.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
}
