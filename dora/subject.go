package dora

import (
	"fmt"
	"strings"
)

// What the subject of a fact begins with, before a colon and the key of what it is about.
const (
	SubjectStatus     = "deployment_status" // the key is host/id of the status
	SubjectDeployment = "deployment"        // of the deployment; then its outcome
	SubjectChange     = "change"            // scope/name; then perhaps a stage
	SubjectFailure    = "failure"           // of the deployment that turned out bad, as for recovery
	SubjectRecovery   = "recovery"
	SubjectRework     = "rework"   // of the deployment that repaired another
	SubjectIncident   = "incident" // of the issue; then perhaps a resolution or the number of a change between open and not
	SubjectZero       = "zero"     // the labels of the series that starts
)

// Subject begins the subjects of the facts of a kind about something.
func Subject(kind, key string) string { return kind + ":" + key }

// CutSubject divides the subject of a fact into its kind, the key of what it is about, and what is observed of it, which
// may be empty.
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
		cut(strings.LastIndex(key, "/stage="))
	case SubjectIncident:
		cut(max(strings.LastIndex(key, "/resolved="), strings.LastIndex(key, "/open=")))
	}
	return kind, key, detail
}

// StatusKey returns the key of the delivery of a deployment's status.
func StatusKey(host string, id int64) string {
	return fmt.Sprintf("github/%s/deployment_status/%d", host, id)
}

// StatusKeyOf returns the key of the delivery of the status that the key in a fact's subject names.
func StatusKeyOf(key string) string {
	slash := strings.LastIndexByte(key, '/')
	return "github/" + key[:max(slash, 0)] + "/deployment_status/" + key[slash+1:]
}
