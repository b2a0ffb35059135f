// Package workload has a made-up organization for measurements of the built exporter: the history of its deployments, the webhooks that it
// sends, and a stand-in for the GitHub API that knows its commits.
package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// Owner is the organization.
	Owner = "acme"
	// Repositories is how many repositories it has.
	Repositories = 58
	// Teams is how many teams own them.
	Teams = 8
	// Years is the span of a history, whatever its size.
	Years = 3
)

// History is a made-up history of an organization: deployment i follows from i alone. Each release of a repository is deployed to staging
// and then to production; the repositories take turns.
type History struct {
	begin time.Time
	// distance is the time between two deployments.
	distance time.Duration
}

// NewHistory returns a history of a number of deployments, which ends at a time.
func NewHistory(deployments int, end time.Time) History {
	span := end.Sub(end.AddDate(-Years, 0, 0))
	return History{end.Add(-span), span / time.Duration(deployments)}
}

// Deployment is a deployment of a history.
type Deployment struct {
	Environment string
	// Repository is the number of its repository.
	Repository int

	index  int
	result string
	// commit is the number of the deployed commit on the default branch.
	commit int
	at     time.Time
}

// Deployment returns deployment i. Of ten releases to production, one fails, and instead of another one the commit of the one before the last
// is deployed again, a rollback.
func (h History) Deployment(i int) Deployment {
	release := i / 2 / Repositories
	d := Deployment{
		index: i, Repository: i / 2 % Repositories, Environment: "staging", result: "success", commit: newest(release),
		at: h.begin.Add(time.Duration(i) * h.distance),
	}
	if i%2 == 1 {
		d.Environment = "production"
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

// RepositoryName returns the name of a repository, by its number.
func RepositoryName(repository int) string { return fmt.Sprintf("service-%02d", repository) }

func repositoryID(repository int) int { return 1000 + repository }

// TeamName returns the name of a team, by its number.
func TeamName(team int) string { return fmt.Sprintf("Team %c", 'A'+rune(team)) }

// TeamsConfig returns the key teams of the exporter's configuration.
func TeamsConfig() string {
	var b strings.Builder
	b.WriteString("teams:\n")
	for team := range Teams {
		fmt.Fprintf(&b, "  - name: %s\n    github_repositories:\n", TeamName(team))
		for r := team; r < Repositories; r += Teams {
			fmt.Fprintf(&b, "      - %s/%s\n", Owner, RepositoryName(r))
		}
	}
	return b.String()
}

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
