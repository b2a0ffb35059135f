package enrichment

import (
	"cmp"
	"context"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/lineage"
)

// archived is an archive of one repository.
type archived struct{ *dora.ArchivedRepository }

func (a archived) ArchivedPages(context.Context, dora.Commit) (int, error) { return 1, nil }

func (a archived) Archived(context.Context, dora.Commit) (*dora.ArchivedRepository, error) {
	return a.ArchivedRepository, nil
}

func (h *history) archivedCommit(sha string, withParents bool) dora.ArchivedCommit {
	c := h.commits[sha]
	a := dora.ArchivedCommit{SHA: sha, Message: c.message, Author: c.author}
	a.Authored, a.Committed = c.date, cmp.Or(c.committed, c.date)
	if withParents {
		a.Parents = c.parents
	}
	return a
}

// read returns what is read in bulk of the history when these commits were deployed one after another: all merged pull requests, and what
// is missing to compare the commits.
func (h *history) read(deployed ...string) archived {
	r := &dora.ArchivedRepository{ID: int64(len(home)), DefaultBranch: "main"}
	for n, p := range h.pulls {
		if !p.merged {
			continue
		}
		a := dora.ArchivedPull{
			Number: n, Opened: p.opened, Merged: p.mergedAt, Author: p.author, Body: p.body, Labels: p.labels, Branch: p.branchName(),
			HeadRepository: int64(len(home)), Base: cmp.Or(p.base, "main"),
			MergeCommit: h.archivedCommit(p.mergeCommit, true), Incomplete: len(p.commits) > 100,
		}
		if len(p.commits) > 0 {
			a.Head = p.commits[len(p.commits)-1]
		}
		for _, sha := range p.commits[:min(len(p.commits), 100)] {
			a.Commits = append(a.Commits, h.archivedCommit(sha, false))
		}
		r.Pulls = append(r.Pulls, a)
	}
	for i := 1; i < len(deployed); i++ {
		for {
			missing := lineage.Of(r).Compare(deployed[i-1], deployed[i]).Missing
			if missing = slices.DeleteFunc(missing, func(sha string) bool { return h.commits[sha] == nil }); len(missing) == 0 {
				break
			}
			has := h.ancestors(missing[0])
			for _, sha := range slices.Backward(h.order) {
				if has[sha] {
					r.Commits = append(r.Commits, h.archivedCommit(sha, true))
				}
			}
		}
	}
	return archived{r}
}

// What was read in bulk answers as GitHub does.
func TestShipFromArchive(t *testing.T) {
	for _, test := range append(shipCases(), moreShipCases()...) {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory(t)
			test.history(h)
			for _, p := range h.pulls {
				if p.withoutCommitList {
					t.Skip("what was read of a pull request has its commits")
				}
			}
			c := dora.Comparison{Head: theCommit, Base: test.base, At: ever}
			c.Head.SHA, c.Head.OnDefaultBranch = test.head, test.byDefault
			want, _, err := newInProcess(t, h.github(), Options{}).Ship(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			h.archive = h.read(test.base, test.head)
			got, _, err := newInProcess(t, h.github(), Options{Archive: h.archive}).Ship(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d calls instead of %d", got.Calls, want.Calls)
			got.Calls = want.Calls
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-GitHub +archive):\n%s", diff)
			}
		})
	}
}

func TestOriginFromArchive(t *testing.T) {
	for seed := range uint64(20) {
		r := newRandomHistory(t, seed)
		for _, c := range r.commits {
			c.committed = cmp.Or(c.committed, c.date)
		}
		want := r.origins(t)
		r.archive = r.readDeployed()
		if diff := gocmp.Diff(want, r.origins(t)); diff != "" {
			t.Fatalf("seed %d (-GitHub +archive):\n%s", seed, diff)
		}
	}
}

// Whatever a team does, the archive gives the same changes as GitHub.
func TestShipRandomHistoriesFromArchive(t *testing.T) {
	for seed := range uint64(60) {
		r := newRandomHistory(t, seed)
		want := r.changes(r.history.deploy(t, map[string]dora.Origin{}, r.deploys...))
		r.archive = r.readDeployed()
		got := r.history.deploy(t, map[string]dora.Origin{}, r.deploys...)
		if diff := gocmp.Diff(want, r.changes(got)); diff != "" {
			t.Fatalf("seed %d, %v (-GitHub +archive):\n%s", seed, r.deploys, diff)
		}
	}
}

func (r *randomHistory) readDeployed() archived {
	var shas []string
	for _, d := range r.deploys {
		shas = append(shas, d.sha)
	}
	return r.read(shas...)
}
