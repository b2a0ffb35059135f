package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

const (
	owner        = "acme"
	repositories = 58
	teams        = 8
	// years is the span of a history, whatever its size.
	years = 3
)

// history is a made-up history of an organization: deployment i follows from i alone. Each release of a repository is deployed to staging
// and then to production; the repositories take turns.
type history struct {
	begin time.Time
	// distance is the time between two deployments.
	distance time.Duration
}

func newHistory(deployments int, end time.Time) history {
	span := end.Sub(end.AddDate(-years, 0, 0))
	return history{end.Add(-span), span / time.Duration(deployments)}
}

// deployment is a deployment of a history.
type deployment struct {
	index, repository   int
	environment, result string
	// commit is the number of the deployed commit on the default branch.
	commit int
	at     time.Time
}

// deployment returns deployment i. Of ten releases to production, one fails, and instead of another one the commit of the one before the last
// is deployed again, a rollback.
func (h history) deployment(i int) deployment {
	release := i / 2 / repositories
	d := deployment{
		index: i, repository: i / 2 % repositories, environment: "staging", result: "success", commit: newest(release),
		at: h.begin.Add(time.Duration(i) * h.distance),
	}
	if i%2 == 1 {
		d.environment = "production"
		switch release % 10 {
		case 3:
			d.result = "failure"
		case 7:
			d.commit = newest(release - 2)
		}
	}
	return d
}

// newest returns the number of the newest commit of a release, which brings one or two.
func newest(release int) int { return release + release/2 + 1 }

func repositoryName(repository int) string { return fmt.Sprintf("service-%02d", repository) }

func repositoryID(repository int) int { return 1000 + repository }

func teamName(team int) string { return fmt.Sprintf("Team %c", 'A'+rune(team)) }

// sha returns the SHA of a commit of a repository, from which commitNumber reads the number.
func sha(repository, number int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(repository) + " " + strconv.Itoa(number)))
	return fmt.Sprintf("%08x", number) + hex.EncodeToString(sum[:16])
}

func commitNumber(sha string) (number int, ok bool) {
	if len(sha) != 40 {
		return 0, false
	}
	n, err := strconv.ParseInt(sha[:8], 16, 64)
	return int(n), err == nil && n >= 0
}
