package receivers

import (
	"slices"
	"strconv"
	"strings"

	"dora-exporter/dora"
	"dora-exporter/internal/lazyregexp"
)

// maxReferences limits the references of one issue.
const maxReferences = 100

// The forms in which people name deployments, commits and pull requests in a text.
var (
	pullURL       = lazyregexp.New(`(?i)/([\w.-]{1,100})/([\w.-]{1,100})/pulls?/([1-9]\d{0,17})\b`)
	commitURL     = lazyregexp.New(`(?i)/([\w.-]{1,100})/([\w.-]{1,100})/commits?/([0-9a-f]{7,64})\b`)
	deploymentURL = lazyregexp.New(`(?i)/([\w.-]{1,100})/([\w.-]{1,100})/deployments/([1-9]\d{0,17})\b`)
	numbered      = lazyregexp.New(`(?:^|[^\w./-])([\w.-]{1,100})/([\w.-]{1,100})#([1-9]\d{0,17})\b`)
	atCommit      = lazyregexp.New(`(?i)(?:^|[^\w./-])([\w.-]{1,100})/([\w.-]{1,100})@([0-9a-f]{7,64})\b`)
	bareSHA       = lazyregexp.New(`(?i)(?:^|[^\w./@-])([0-9a-f]{7,64})\b(-?)`) // takes no character behind it: the next one may begin there
	deploymentID  = lazyregexp.New(`(?i)\bdeployment[ _-]?(?:id)?[ :#=]{1,3}([1-9]\d{4,17})\b`)
)

// references returns what a text refers to, without duplicates.
func references(text string) []dora.Reference {
	var all []dora.Reference
	find := func(form *lazyregexp.Regexp, read func(m []string) (dora.Reference, bool)) {
		for _, m := range form.FindAllStringSubmatch(text, maxReferences) {
			if r, ok := read(m); ok && !slices.Contains(all, r) && len(all) < maxReferences {
				all = append(all, r)
			}
		}
	}
	find(pullURL, func(m []string) (dora.Reference, bool) {
		return dora.Reference{Owner: m[1], Repository: m[2], PullRequest: number(m[3])}, true
	})
	find(commitURL, func(m []string) (dora.Reference, bool) {
		return dora.Reference{Owner: m[1], Repository: m[2], Commit: strings.ToLower(m[3])}, true
	})
	find(deploymentURL, func(m []string) (dora.Reference, bool) {
		return dora.Reference{Owner: m[1], Repository: m[2], Deployment: number(m[3])}, true
	})
	find(numbered, func(m []string) (dora.Reference, bool) { // owner/repo#12 may be either
		return dora.Reference{Owner: m[1], Repository: m[2], PullRequest: number(m[3]), Deployment: number(m[3])}, true
	})
	find(atCommit, func(m []string) (dora.Reference, bool) {
		return dora.Reference{Owner: m[1], Repository: m[2], Commit: strings.ToLower(m[3])}, true
	})
	find(deploymentID, func(m []string) (dora.Reference, bool) { return dora.Reference{Deployment: number(m[1])}, true })
	find(bareSHA, func(m []string) (dora.Reference, bool) {
		sha := strings.ToLower(m[1])
		isWord := m[2] != "" || len(sha) < 40 && !hasLettersAndDigits(sha) // one part of a longer one, or a number
		return dora.Reference{Commit: sha}, !isWord
	})
	return all
}

// hasLettersAndDigits reports whether a text has both hexadecimal letters and digits.
func hasLettersAndDigits(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.ContainsAny(s, "abcdef")
}

func number(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 64) // the expressions leave at most 18 digits
	return n
}
