package pipeline_test

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// example is a small history that was worked out by hand, to check the oracle by.
type example struct {
	name    string
	happens func(s *story)
	want    []string // as summary writes it, in any order
}

// story collects what happens in an example.
type story struct {
	*graph
	sent      []sent
	incidents []*dora.IncidentChange
	policy    dora.Policy
	ignore    []map[string]string
	lost      [2]string // the comparison that GitHub never gives, by the names of its commits
	lostPull  int
}

func TestOracle(t *testing.T) {
	for _, test := range allExamples() {
		t.Run(test.name, func(t *testing.T) {
			s := &story{graph: newGraph(1, "api", "main"), policy: dora.Policy{IgnoreAuthors: []string{"bot"}}}
			test.happens(s)
			o := &oracle{
				sent: s.sent, incidents: s.incidents, policy: s.policy, ignore: s.ignore, teams: teams{s.name: "T", "INC": "T"},
				lostComparison: func(base, head string) bool { return base == sha(s.lost[0]) && head == sha(s.lost[1]) },
				lostPull:       func(_ *graph, number int) bool { return number == s.lostPull },
			}
			sort.Strings(test.want)
			if diff := cmp.Diff(test.want, summary(o.expected())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// on returns a time of March 2026, given as day and clock: 3 09:00.
func on(text string) time.Time {
	at, err := time.Parse("2006-01-2 15:04", "2026-03-"+text)
	if err != nil {
		panic(err)
	}
	return at
}

// squash adds a pull request of one commit on top of another one, merged by a squash as S and its number.
func (s *story) squash(number int, written, merged, parent string) *graphPull {
	own, merge := fmt.Sprint("f", number), fmt.Sprint("S", number)
	s.commit(own, on(written), parent)
	s.commit(merge, on(merged), parent).message = fmt.Sprintf("Work of %d (#%d)", number, number)
	return s.pull(number, on(written), on(merged), merge, own)
}

// rebased adds a commit that GitHub made of another one when it rebased its pull request.
func (s *story) rebased(name, of string, merged time.Time, parent string) {
	was, c := s.commits[sha(of)], s.commit(name, merged, parent)
	c.message, c.author, c.authored = was.message, was.author, was.authored
}

// releases adds the commits V0 S1 S2 S3, each an hour's work of the pull requests 1 to 3, from the 2nd at 08:00 on.
func (s *story) releases() {
	s.commit("V0", on("1 08:00"))
	s.squash(1, "2 08:00", "2 09:00", "V0")
	s.squash(2, "3 08:00", "3 09:00", "S1")
	s.squash(3, "4 08:00", "4 09:00", "S2")
}

// deploy adds a deployment that was created two minutes before its success.
func (s *story) deploy(number int64, commit, ref, environment, at string) *sentDeployment {
	d := &sentDeployment{number: number, graph: s.graph, repository: s.name, sha: sha(commit), ref: ref, origin: environment, created: on(at).Add(-2 * time.Minute)}
	s.status(d, "success", at)
	return d
}

func (s *story) status(d *sentDeployment, state, at string) *sent {
	s.sent = append(s.sent, sent{sentDeployment: d, id: int64(1000 + len(s.sent)), state: state, at: on(at)})
	return &s.sent[len(s.sent)-1]
}

// ship adds deployments of main to production, each as a commit and a time, numbered from 11 on.
func (s *story) ship(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		s.deploy(int64(11+i/2), pairs[i], "main", "production", pairs[i+1])
	}
}

// incident adds an issue that names a pull request, and is resolved.
func (s *story) incident(created, resolved string, pull int64) {
	c := dora.IncidentChange{
		Host: "jira.example.com", ID: "1", Key: "INC-1", Project: "INC", Event: dora.IssueCreated, Created: on(created), Timestamp: on(created),
		StatusID: "1", StatusName: "Open", StatusCategory: "new", References: []dora.Reference{{Owner: "acme", Repository: s.name, PullRequest: pull}},
	}
	done := c
	done.Event, done.Timestamp, done.Transition = "jira:issue_updated", on(resolved), &dora.Transition{FromID: "1", From: "Open"}
	done.StatusID, done.StatusName, done.StatusCategory, done.Resolution, done.ResolutionDate = "6", "Closed", "done", "Fixed", on(resolved)
	s.incidents = append(s.incidents, &c, &done)
}

var seriesLine = regexp.MustCompile(`^dora_(\w+)\{(.*)\} (\d+)$`)

// summary adds up the lines of each series, those of a histogram as count and sum in seconds. It leaves out run times and stages.
func summary(lines []string) (all []string) {
	count, sum := map[string]int{}, map[string]int{}
	for _, l := range lines {
		m := seriesLine.FindStringSubmatch(l)
		if m[1] == "deployment_run_seconds" || m[1] == "change_stage_seconds" {
			continue
		}
		labels := map[string]string{}
		for pair := range strings.SplitSeq(m[2], ",") {
			name, value, _ := strings.Cut(pair, "=")
			labels[name] = strings.Trim(value, `"`)
		}
		series := strings.TrimSuffix(m[1], "_total")
		for _, name := range []string{"environment", "outcome", "cause", "reason"} {
			series = strings.TrimSpace(series + " " + labels[name])
		}
		value, _ := strconv.Atoi(m[3])
		count[series]++
		sum[series] += value
	}
	for series, n := range count {
		text := fmt.Sprint(series, " ", n)
		if family, rest, _ := strings.Cut(series, " "); strings.HasSuffix(family, "_seconds") {
			text = fmt.Sprintf("%s %s %d %ds", strings.TrimSuffix(family, "_seconds"), rest, n, sum[series]/1000)
		}
		all = append(all, text)
	}
	sort.Strings(all)
	return all
}

func allExamples() []example {
	return slices.Concat(changeExamples, branchExamples, failureExamples, scopeExamples)
}
