package dora

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// This file has all keys and subjects. Three kinds of strings identify things:
//
//   - a key names a thing at its source, such as api.github.com/123 for a deployment; it begins with the host, since the ids of two
//     servers overlap;
//   - a delivery key names an event, such as github/api.github.com/deployment_status/123; the store accepts each once;
//   - a subject names an observation about a thing, such as deployment:api.github.com/123/success; a family has a fact about each
//     subject at most once.

// Key returns the key of a deployment: host/id. Where a status has promoted it to, it is another deployment: host/id/environment.
func (d Deployment) Key() string {
	if d.Promoted {
		return DeploymentKey(d.Host, d.ID) + "/" + scopePart(d.Environment)
	}
	return DeploymentKey(d.Host, d.ID)
}

// DeploymentKey returns the key of the deployment with an id in the environment that it was created for.
func DeploymentKey(host string, id int64) string { return hostKey(host, strconv.FormatInt(id, 10)) }

// IssueKey returns the key of the issue that an event is about: site/id. It stays the same if the issue moves to another project.
func (c IncidentChange) IssueKey() string { return hostKey(c.Host, c.ID) }

func hostKey(host, id string) string { return host + "/" + id }

// SplitKey splits the key of a deployment, a status or an issue into its host or site, which may have a path, and the id.
func SplitKey(key string) (host, id string) {
	slash := strings.LastIndexByte(key, '/')
	return key[:max(slash, 0)], key[slash+1:]
}

// Key returns the key of a commit: host/owner/repository@sha, followed by #n if pull request n is its change.
func (c Commit) Key() string {
	key := fmt.Sprintf("%s/%s/%s@%s", c.Host, c.Owner, c.Repository, c.SHA)
	if c.Pull != 0 {
		key += "#" + strconv.Itoa(c.Pull)
	}
	return key
}

// SHAOf returns the SHA in the key of a commit.
func SHAOf(commit string) string {
	sha, _, _ := strings.Cut(commit[strings.LastIndexByte(commit, '@')+1:], "#")
	return sha
}

// RepositoryName returns owner/name of the deployment's repository as RepositoryName does.
func (d Deployment) RepositoryName() string { return RepositoryName(d.Owner, d.Repository) }

// RepositoryName returns owner/name, each part escaped, in lower case: GitHub compares names without regard to case.
func RepositoryName(owner, name string) string {
	return strings.ToLower(url.PathEscape(owner) + "/" + url.PathEscape(name))
}

// ScopeOf returns the scope of a repository's key, an environment and a task, in which deployments follow one another:
// repository/environment, and /task unless that is DefaultTask. Case does not matter.
func ScopeOf(repository, environment, task string) string {
	scope := repository + "/" + scopePart(environment)
	if task = scopePart(cmp.Or(task, DefaultTask)); task != DefaultTask {
		scope += "/" + task
	}
	return scope
}

// RepositoryOf returns the key of the repository in a scope; empty if it has none.
func RepositoryOf(scope string) string {
	end := 0
	for range 3 {
		part := strings.IndexByte(scope[end:], '/')
		if part < 0 {
			return ""
		}
		end += part + 1
	}
	return scope[:end-1]
}

// DeploymentDeliveryKey returns the delivery key of the creation of a deployment.
func DeploymentDeliveryKey(host string, id int64) string {
	return fmt.Sprintf("github/%s/deployment/%d", host, id)
}

// StatusDeliveryKey returns the delivery key of a deployment status.
func StatusDeliveryKey(host string, id int64) string {
	return fmt.Sprintf("github/%s/deployment_status/%d", host, id)
}

// maxUnnumbered is how many statuses of a deployment can be without a number.
const maxUnnumbered = 1 << 10

// UnnumberedStatus returns a negative number for the nth status of a deployment, from 0 in the order of time, whose own number is not
// known. The numbers of a deployment are in that order, and those of two deployments differ.
func UnnumberedStatus(deployment int64, n int) int64 {
	return -deployment*maxUnnumbered + int64(min(n, maxUnnumbered-1))
}

// StatusDeliveryKeyOf returns the delivery key of the status with a key, host/id, as in a StatusSubject.
func StatusDeliveryKeyOf(status string) string {
	host, id := SplitKey(status)
	return "github/" + host + "/deployment_status/" + id
}

// IssueDeliveryKey returns the delivery key of an event of an issue. change distinguishes the events of one kind: the id of the
// changelog, or the event's time and a hash of the payload.
func IssueDeliveryKey(c IncidentChange, change string) string {
	return IssueDeliveryPrefix(c.IssueKey()) + c.Event + "/" + change
}

// EarlierDeliveryKey returns the delivery key of an event of an issue whose key is taken by the same change at a later time.
func EarlierDeliveryKey(key string, at time.Time) string {
	return key + "@" + strconv.FormatInt(at.UnixMilli(), 10)
}

// IssueDeliveryPrefix returns the prefix, with the slash at its end, that the delivery keys of all events of an issue share.
func IssueDeliveryPrefix(issue string) string { return "jira/" + issue + "/" }

// RevertBy returns the Evidence.By of a deployment, by its key, in which one change reverts another, by their names.
func RevertBy(deployment, change, reverted string) string {
	return deployment + " " + change + " reverts " + reverted
}

// RunBy returns the Evidence.By of a run of a deployment, by its key, that is not its first and began at a time.
func RunBy(deployment string, at time.Time) string {
	return deployment + " " + strconv.FormatInt(at.UnixMilli(), 10)
}

// DeploymentOf returns the key of the deployment in an Evidence.By, which begins with it.
func DeploymentOf(by string) string {
	key, _, _ := strings.Cut(by, " ")
	return key
}

// The kinds of subjects: what precedes the colon.
const (
	SubjectStatus     = "deployment_status"
	SubjectDeployment = "deployment"
	SubjectChange     = "change"
	SubjectFailure    = "failure"
	SubjectRecovery   = "recovery"
	SubjectRework     = "rework"
	SubjectIncident   = "incident"
	SubjectZero       = "zero"
)

// Subject returns the subject of a kind about the thing with a key. Subjects about parts of the thing begin with it.
func Subject(kind, key string) string { return kind + ":" + key }

// StatusSubject returns the subject of a deployment status.
func StatusSubject(host string, id int64) string {
	return Subject(SubjectStatus, hostKey(host, strconv.FormatInt(id, 10)))
}

// OutcomeSubject returns the subject of an outcome of the deployment with a key.
func OutcomeSubject(deployment, outcome string) string {
	return Subject(SubjectDeployment, deployment) + "/" + outcome
}

// ChangeSubject returns the subject of a change that reached a scope.
func ChangeSubject(scope string, c Change) string { return Subject(SubjectChange, scope+"/"+c.Name()) }

// StageSubject returns the subject of a stage of the lead time of a change, which is given by its ChangeSubject.
func StageSubject(change, stage string) string { return change + stageDetail + stage }

// FailureSubject returns the subject of the failure of a deployment, by the key of the failed deployment.
func FailureSubject(deployment string) string { return Subject(SubjectFailure, deployment) }

// RecoverySubject returns the subject of the recovery from a failed deployment, by the key of the failed deployment.
func RecoverySubject(deployment string) string { return Subject(SubjectRecovery, deployment) }

// ReworkSubject returns the subject of a deployment as a repair, by the key of the repairing deployment.
func ReworkSubject(deployment string) string { return Subject(SubjectRework, deployment) }

// IncidentSubject returns the subject of an incident, by the key of the issue.
func IncidentSubject(issue string) string { return Subject(SubjectIncident, issue) }

// TeamSubject returns the subject of an incident of several teams for the nth of them, from 0.
func TeamSubject(issue string, n int) string {
	if n == 0 {
		return IncidentSubject(issue)
	}
	return IncidentSubject(issue) + teamDetail + strconv.Itoa(n)
}

// ResolutionSubject returns the subject of the nth change of the time that an incident took.
func ResolutionSubject(issue string, n int) string {
	return IncidentSubject(issue) + resolvedDetail + strconv.Itoa(n)
}

// OpenSubject returns the subject of the nth change between open and not open of an incident.
func OpenSubject(issue string, n int) string {
	return IncidentSubject(issue) + openDetail + strconv.Itoa(n)
}

// ZeroSubject returns the subject of the start of the series with some labels at 0.
func ZeroSubject(labels Labels) string { return Subject(SubjectZero, labels.Key()) }

// What separates the key in a subject from the part of the thing that is observed.
const (
	stageDetail    = "/stage="
	resolvedDetail = "/resolved="
	openDetail     = "/open="
	teamDetail     = "/team="
)

// StageOf returns the stage in the detail of a StageSubject, as CutSubject returns it; false for another detail.
func StageOf(detail string) (stage string, ok bool) {
	return strings.CutPrefix("/"+detail, stageDetail)
}

// CutSubject splits the subject of a fact into its kind, the key of the thing that it is about, and the detail that is observed
// of it, which may be empty.
func CutSubject(subject string) (kind, key, detail string) {
	kind, key, _ = strings.Cut(subject, ":")
	cut := func(at int) {
		if at >= 0 {
			key, detail = key[:at], key[at+1:]
		}
	}
	switch kind {
	case SubjectDeployment:
		cut(strings.LastIndexByte(key, '/'))
	case SubjectChange:
		cut(strings.LastIndex(key, stageDetail))
	case SubjectIncident:
		cut(max(strings.LastIndex(key, resolvedDetail), strings.LastIndex(key, openDetail), strings.LastIndex(key, teamDetail)))
	}
	return kind, key, detail
}
