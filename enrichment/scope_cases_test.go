package enrichment

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dora-exporter/dora"
)

// scopeCase is a history, what is deployed of it in turn, and what each deployment ships.
type scopeCase struct {
	name    string
	history func(h *history)
	deploys []target
	want    [][]string
}

func scopeCases() []scopeCase {
	return []scopeCase{
		{
			name: "release tags beside main",
			history: func(h *history) {
				h.branch("root", "a1")
				h.squash(1, "s1", "root", "a1")
				h.commit("v1", "Release 1", "s1")
				h.branch("s1", "b1")
				h.squash(2, "s2", "s1", "b1")
				h.branch("s2", "c1", "c2")
				h.merge(3, "m3", "s2", "c2")
				h.commit("v2", "Release 2", "m3")
				h.branch("m3", "d1")
				h.commit("v3", "Release 3", "d1")
			},
			deploys: []target{{"v1", "v1"}, {"v2", "v2"}, {"v1", "v1"}, {"v3", "v3"}, {"v2", "v2"}},
			want: [][]string{
				{"v1 from v1"}, {"#2 s2 from b1 with b1", "#3 m3 from c1 with c1,c2", "v2 from v2"}, nil, {"d1 from d1", "v3 from v3"}, nil,
			},
		},
		{
			name: "a hotfix branch, merged by squash and then main",
			history: func(h *history) {
				h.branch("root", "h1")
				h.branch("root", "b1")
				h.squash(2, "s2", "root", "b1")
				h.squash(1, "s1", "s2", "h1")
				h.pulls[1].branch = "hotfix"
				h.branch("s1", "c1")
			},
			deploys: []target{{sha: "root"}, {"h1", "hotfix"}, {sha: "s1"}, {sha: "c1"}},
			want:    [][]string{{"root from root"}, {"#1 h1 from h1"}, {"#2 s2 from b1 with b1"}, {"c1 from c1"}},
		},
		{
			name: "a branch is deployed whose next commit is older",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.pull(1, "root", "a2")
				h.commits["a1"].date, h.commits["a2"].date = h.commits["a2"].date, h.commits["a1"].date
			},
			deploys: []target{{"a1", "branch-1"}, {sha: "root"}, {"a1", "branch-1"}},
			want:    [][]string{{"#1 a1 from a1 with a2"}, nil, {"#1 a1 from a1 with a2"}},
		},
		{
			name: "a branch is deployed, and rebased when it is merged",
			history: func(h *history) {
				h.branch("root", "a1", "a2", "a3")
				p := h.pull(1, "root", "a3")
				h.branch("root", "b1")
				h.rebased("r1", "a1", "b1")
				h.rebased("r2", "a2", "r1")
				h.rebased("r3", "a3", "r2")
				p.into(h.commits["r3"])
			},
			deploys: []target{{sha: "root"}, {"a3", "branch-1"}, {sha: "r3"}},
			want:    [][]string{{"root from root"}, {"#1 a3 from a1 with a1,a2"}, {"b1 from b1"}},
		},
		{
			name: "a hotfix branch, merged with a merge commit and then main",
			history: func(h *history) {
				h.branch("root", "h1", "h2")
				h.branch("root", "b1")
				h.squash(2, "s2", "root", "b1")
				h.merge(1, "m1", "s2", "h2")
				h.pulls[1].branch = "hotfix"
			},
			deploys: []target{{sha: "root"}, {"h1", "hotfix"}, {sha: "m1"}},
			// #1 was counted before; h2 is new.
			want: [][]string{{"root from root"}, {"#1 h1 from h1 with h2"}, {"#2 s2 from b1 with b1", "#1 m1 from h2 with h1,h2"}},
		},
		{
			name: "a cherry-pick beside main has the number and the date of the merge",
			history: func(h *history) {
				h.branch("root", "b1")
				h.squash(2, "s2", "root", "b1")
				h.branch("s2", "a1")
				h.squash(7, "s7", "s2", "a1")
				h.rebased("pick", "s7", "root")
			},
			deploys: []target{{sha: "root"}, {"pick", "release"}, {sha: "s7"}},
			want:    [][]string{{"root from root"}, {"#7 pick from a1 with a1"}, {"#2 s2 from b1 with b1"}},
		},
		{
			name: "the first deployment has cherry-picks",
			history: func(h *history) {
				h.branch("root", "b1")
				h.squash(2, "s2", "root", "b1")
				h.branch("s2", "a1")
				h.squash(7, "s7", "s2", "a1")
				h.branch("s7", "c1")
				h.squash(8, "s8", "s7", "c1")
				h.rebased("p2", "s2", "root")
				h.rebased("p7", "s7", "p2")
				h.commit("other", "Other (#8)", "p7") // only the number is that of #8
			},
			deploys: []target{{"other", "release"}, {sha: "s8"}},
			want:    [][]string{{"other from other"}, {"#8 s8 from c1 with c1"}},
		},
		{
			name: "numbers of the repository that a fork follows",
			history: func(h *history) {
				h.branch("root", "a1")
				h.squash(7, "s7", "root", "a1")
				h.commit("u7", "Theirs (#7)", "root")
				h.commit("u8", "Theirs (#8)", "u7")
				h.commit("sync", "Merge remote-tracking branch 'upstream/main'", "s7", "u8")
			},
			deploys: []target{{sha: "s7"}, {sha: "sync"}},
			want:    [][]string{{"#7 s7 from a1 with a1"}, {"u7 from u7", "u8 from u8"}},
		},
		{
			name: "a branch used again after a squash",
			history: func(h *history) {
				h.branch("root", "a1", "a2")
				h.squash(1, "s1", "root", "a1")
				h.squash(2, "s2", "s1", "a2")
				h.squash(3, "s3", "s2", "a2")
			},
			deploys: []target{{sha: "root"}, {sha: "s2"}, {sha: "s3"}},
			// #3 has nothing that #1 and #2 had not.
			want: [][]string{{"root from root"}, {"#1 s1 from a1 with a1", "#2 s2 from a2 with a1,a2"}, {"#3 s3 from s3 with a1,a2"}},
		},
		{
			name: "a branch used again after a rebase, both deployed at once",
			history: func(h *history) {
				h.branch("root", "a1")
				p := h.pull(1, "root", "a1")
				h.branch("root", "d1")
				h.rebased("r1", "a1", "d1")
				p.into(h.commits["r1"])
				h.branch("a1", "a2")
				p = h.pull(2, "r1", "a2")
				h.rebased("r2", "a2", "r1")
				p.into(h.commits["r2"])
			},
			deploys: []target{{sha: "root"}, {sha: "r2"}},
			want:    [][]string{{"root from root"}, {"d1 from d1", "#1 r1 from a1 with a1", "#2 r2 from a2 with a1,a2"}},
		},
		{
			name: "stacked pull requests, each squashed",
			history: func(h *history) {
				h.branch("root", "a1", "b1")
				h.squash(1, "s1", "root", "a1")
				h.squash(2, "s2", "s1", "b1")
			},
			deploys: []target{{sha: "root"}, {sha: "s1"}, {sha: "s2"}},
			want:    [][]string{{"root from root"}, {"#1 s1 from a1 with a1"}, {"#2 s2 from b1 with a1,b1"}},
		},
		{
			name: "a merge of main into two branches at once",
			history: func(h *history) {
				h.branch("root", "a1")
				h.branch("root", "b1")
				h.squash(2, "s2", "root", "b1")
				h.commit("octopus", "Merge branches", "root", "a1", "s2")
			},
			deploys: []target{{sha: "root"}, {sha: "octopus"}},
			want:    [][]string{{"root from root"}, {"a1 from a1", "#2 s2 from b1 with b1"}},
		},
		{
			name: "dates before git and in the future",
			history: func(h *history) {
				h.branch("root", "a1", "a2", "a3")
				h.commits["a1"].date = time.Unix(0, 0).UTC()
				h.commits["a2"].date, h.commits["a2"].committed = ever.AddDate(70, 0, 0), h.commits["a2"].date
				h.squash(1, "s1", "root", "a3")
				h.branch("s1", "d1", "d2")
				h.commits["d1"].date = time.Unix(0, 0).UTC()
				h.commits["d2"].date = ever.Add(time.Second)
			},
			deploys: []target{{sha: "root"}, {sha: "d2"}},
			want: [][]string{{"root from root"}, {
				"#1 s1 from a2 with a1,a2,a3", "d1 unavailable: implausible_date", "d2 unavailable: implausible_date",
			}},
		},
	}
}

// What each deployment ships is the same whether nothing is remembered, what the earlier ones learned, or the origins of all
// commits.
func TestShipInTurn(t *testing.T) {
	for _, test := range append(scopeCases(), carrierCases()...) {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory(t)
			test.history(h)
			cold := h.deploy(t, map[string]dora.Origin{}, test.deploys...)
			if diff := cmp.Diff(test.want, h.changes(cold), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			warm := h.deploy(t, h.origins(t), test.deploys...)
			if diff := cmp.Diff(h.changes(cold), h.changes(warm)); diff != "" {
				t.Errorf("with all origins (-nothing +remembered):\n%s", diff)
			}
			for i := range cold {
				if c, w := cold[i].shipment.Calls, warm[i].shipment.Calls; w > c {
					t.Errorf("deployment of %s: %d calls with all origins, %d without", cold[i].sha, w, c)
				}
			}
		})
	}
}

func TestShipOfACarrierOfManyCommits(t *testing.T) {
	for name, merge := range map[string]func(h *history, tip string){
		"merged":   func(h *history, tip string) { h.merge(500, "m", "root", tip) },
		"squashed": func(h *history, tip string) { h.squash(500, "m", "root", tip) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			tip := "root"
			for n := 1; n <= 120; n++ {
				work := fmt.Sprint("w", n)
				h.branch(tip, work)
				h.squash(n, fmt.Sprint("s", n), tip, work)
				tip = fmt.Sprint("s", n)
			}
			merge(h, tip)
			s := h.deploy(t, map[string]dora.Origin{}, target{sha: "root"}, target{sha: "m"})
			if got := s[1].shipment; len(got.Changes) != 120 || len(got.Carriers) != 1 || got.Changes[119].Name() != "#120" {
				t.Errorf("%d changes, %d carriers", len(got.Changes), len(got.Carriers))
			}
			// Two pages of commits, the carrier, and two calls for each change.
			if calls := s[1].shipment.Calls; calls > 2+1+2+2*120 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}
