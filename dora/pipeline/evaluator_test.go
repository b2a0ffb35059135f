package pipeline_test

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// Each case is a history with its failed changes, recoveries and rework. Times are minutes after nine; V1, V2 … are commits in a line.
func TestFailures(t *testing.T) {
	ship := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "success", minute) }
	checkFailures(t, []failureCase{
		{
			name:   "what never succeeded is no failed change",
			events: []dora.Event{ship(1, "V1", 10), deployed(2, "V2", "failure", 15), ship(3, "V3", 40)},
		},
		{
			name: "a revert marks what shipped the change first",
			repository: func(w *repository) {
				w.changes["V2"] = dora.Change{Origin: dora.Origin{PullRequest: 2, FirstCommit: morning}}
				w.changes["V4"] = dora.Change{Origin: dora.Origin{PullRequest: 4, FirstCommit: morning, Reverts: []string{"#2"}}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 30), ship(4, "V4", 60)},
			want:   []string{`failures_total{cause="revert"} 1`, `recovery 40`, `rework{cause="revert"} 1`},
		},
		{
			name: "a revert by the title of the only change with it",
			repository: func(w *repository) {
				w.changes["V2"] = dora.Change{Origin: dora.Origin{PullRequest: 2, FirstCommit: morning, Title: "Sell"}}
				w.changes["V3"] = dora.Change{Origin: dora.Origin{PullRequest: 3, FirstCommit: morning, Title: "Buy"}}
				w.changes["V4"] = dora.Change{Origin: dora.Origin{PullRequest: 4, FirstCommit: morning, Reverts: []string{`"Sell (#2)"`}}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 30), ship(4, "V4", 60)},
			want:   []string{`failures_total{cause="revert"} 1`, `recovery 40`, `rework{cause="revert"} 1`},
		},
		{
			name: "a revert by a title that two changes have marks nothing",
			repository: func(w *repository) {
				w.changes["V2"] = dora.Change{Origin: dora.Origin{PullRequest: 2, FirstCommit: morning, Title: "Sell"}}
				w.changes["V3"] = dora.Change{Origin: dora.Origin{PullRequest: 3, FirstCommit: morning, Title: "Sell"}}
				w.changes["V4"] = dora.Change{Origin: dora.Origin{PullRequest: 4, FirstCommit: morning, Reverts: []string{`"Sell"`}}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 30), ship(4, "V4", 60)},
		},
		{
			name: "a revert by the beginning of a commit's SHA",
			repository: func(w *repository) {
				w.changes["V4"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, Reverts: []string{"aaaaaaaa"}}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(2, "aaaaaaaabb", 20), ship(4, "V4", 60)},
			want:   []string{`failures_total{cause="revert"} 1`, `recovery 40`, `rework{cause="revert"} 1`},
		},
		{
			name: "both in one deployment mark nothing",
			repository: func(w *repository) {
				w.changes["V3"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, Reverts: []string{"V2"}}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V3", 20)},
		},
		{
			name: "a revert of a revert marks nothing",
			repository: func(w *repository) {
				w.changes["V3"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 3, Reverts: []string{"#2"}}}
				w.changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2}}
				w.changes["V4"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 4, Reverts: []string{"#3"}}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 30), ship(4, "V4", 60)},
			want:   []string{`failures_total{cause="revert"} 1`, `recovery 10`, `rework{cause="revert"} 1`},
		},
		{
			name: "a revert that ships with its own revert marks nothing",
			repository: func(w *repository) {
				w.changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2}}
				w.changes["V3"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 3, Title: "Sell no more", Reverts: []string{"#2"}}}
				w.changes["V4"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 4, Reverts: []string{`"Sell no more (#3)"`}}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), ship(4, "V4", 60)},
		},
		{
			name: "a revert of the second revert leaves the first",
			repository: func(w *repository) {
				w.changes["V1"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 1}}
				w.changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2, Reverts: []string{"#1"}}}
				w.changes["V3"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 3, Reverts: []string{"#2"}}}
				w.changes["V4"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 4, Reverts: []string{"#3"}}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(4, "V4", 60)},
			want:   []string{`failures_total{cause="revert"} 1`, `recovery 50`, `rework{cause="revert"} 1`},
		},
		{
			name: "a hotfix marks the success before, when there are patterns",
			repository: func(w *repository) {
				w.policy.HotfixBranches = dora.MustFilter("hotfix/*")
				w.changes["V2"] = dora.Change{Origin: dora.Origin{FirstCommit: morning, PullRequest: 2, Branch: "hotfix/login"}}
			},
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20)},
			want:   []string{`failures_total{cause="hotfix"} 1`, `recovery 10`, `rework{cause="hotfix"} 1`},
		},
		{
			name:   "an incident marks the newest deployment that it names before it was opened",
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), ship(3, "V3", 50), incidentOf(30, 0, 1, 2, 3), incidentOf(30, 90, 1, 2, 3)},
			want:   []string{`failures_total{cause="incident"} 1`, `recovery 70`},
		},
		{
			name:   "an incident that names its fix alone marks nothing",
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 50), incidentOf(30, 0, 2)},
		},
		{
			name:   "the earliest evidence is the cause",
			events: []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), deployed(2, "V2", "error", 29), incidentOf(30, 90, 2), ship(3, "V1", 31)},
			want:   []string{`failures_total{cause="status"} 1`, `recovery 11`, `rework{cause="status"} 1`},
		},
		{
			name:   "at the same time, status comes before incident",
			events: []dora.Event{ship(2, "V2", 20), incidentOf(30, 90, 2), deployed(2, "V2", "error", 30)},
			want:   []string{`failures_total{cause="status"} 1`},
		},
		{
			name: "its own success repairs it although another deployment succeeds in the same second",
			events: []dora.Event{
				ship(1, "V1", 10), deployed(1, "V1", "failure", 20), deployed(1, "V1", "success", 30), ship(2, "V2", 30),
			},
			want: []string{`failures_total{cause="status"} 1`, `recovery 20`},
		},
		{
			name:       "with a window, an incident of the team marks its newest deployment",
			repository: func(w *repository) { w.policy.IncidentWindow = 15 * 60e9 },
			events:     []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), incidentOf(30, 90)},
			want:       []string{`failures_total{cause="window"} 1`, `recovery 70`},
		},
		{
			name:       "at the end of the window it does, too",
			repository: func(w *repository) { w.policy.IncidentWindow = 10 * 60e9 },
			events:     []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), incidentOf(30, 90)},
			want:       []string{`failures_total{cause="window"} 1`, `recovery 70`},
		},
		{
			name:       "after the window it does not",
			repository: func(w *repository) { w.policy.IncidentWindow = 5 * 60e9 },
			events:     []dora.Event{ship(1, "V1", 10), ship(2, "V2", 20), incidentOf(30, 90)},
		},
	})
}

// failureCase is a history with its failed changes, recoveries and rework.
type failureCase struct {
	name       string
	repository func(*repository)
	events     []dora.Event
	want       []string
}

// checkFailures fails for each history for which the facts about failures are not as wanted, in order or backwards.
func checkFailures(t *testing.T, tests []failureCase) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newRepository("V1", "V2", "aaaaaaaabb", "V3", "V4")
			if test.repository != nil {
				test.repository(w)
			}
			backwards := slices.Clone(test.events)
			slices.Reverse(backwards)
			for name, events := range map[string][]dora.Event{"in order": test.events, "backwards": backwards} {
				synctest.Test(t, func(t *testing.T) {
					store := openStore(t)
					accept(t, store, events...)
					w.settle(t, store)
					if diff := cmp.Diff(sorted(test.want), failures(brief(t, store))); diff != "" {
						t.Errorf("%s: -want +got:\n%s\n%s", name, diff, strings.Join(brief(t, store), "\n"))
					}
				})
			}
		})
	}
}

// incidentOf returns an incident that names deployments.
func incidentOf(created, resolved int, deployments ...int64) dora.Event {
	var refs []dora.Reference
	for _, id := range deployments {
		refs = append(refs, dora.Reference{Owner: "acme", Repository: "web", Deployment: id})
	}
	if resolved != 0 {
		return issue("updated", resolved, created, resolved, refs...)
	}
	return issue("created", created, created, 0, refs...)
}

func sorted(all []string) []string {
	all = append([]string{}, all...)
	sort.Strings(all)
	return all
}

// failures returns the facts about failures, in minutes instead of milliseconds.
func failures(all []string) []string {
	found := []string{}
	for _, f := range all {
		f = strings.NewReplacer("change_failures_total", "failures_total", "failed_deployment_recovery_seconds", "recovery", "rework_deployments_total", "rework").Replace(f)
		if rest, ok := strings.CutPrefix(f, "recovery "); ok {
			ms, err := strconv.Atoi(rest)
			if err != nil {
				panic(err)
			}
			f = fmt.Sprintf("recovery %d", ms/60_000)
		}
		if strings.HasPrefix(f, "failures_total") || strings.HasPrefix(f, "recovery") || strings.HasPrefix(f, "rework") {
			found = append(found, f)
		}
	}
	sort.Strings(found)
	return found
}

// Only the changes that match the paths of the environment count, in repositories that have such paths.
func TestPaths(t *testing.T) {
	for _, test := range []struct {
		repository, environment string
		want                    []string
	}{
		{"acme/web", "production", []string{"services/web/**"}},
		{"ACME/Web", "production", []string{"services/web/**"}},
		{"acme/web", "staging", nil},
		{"acme/api", "production", nil},
	} {
		w := newRepository("V1")
		w.policy.Paths = []dora.RepositoryPaths{{Repository: test.repository, Environments: []dora.EnvironmentPaths{
			{Match: regexp.MustCompile("^" + test.environment + "$"), Paths: []string{"services/web/**"}},
		}}}
		var asked [][]string
		w.down = func(c dora.Comparison) error {
			asked = append(asked, c.Paths)
			return nil
		}
		store := openStore(t)
		accept(t, store, deployed(1, "V1", "success", 10)) // of acme/web to production
		w.settle(t, store)
		if diff := cmp.Diff([][]string{test.want}, asked); diff != "" {
			t.Errorf("%s to %s: -want +got:\n%s", test.repository, test.environment, diff)
		}
	}
}
