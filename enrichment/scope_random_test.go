package enrichment

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// randomHistory grows a history in which a team does everything that it may, and deploys now and then.
type randomHistory struct {
	*history
	*rand.Rand
	main, develop string
	features      []string
	pulls, shas   int
	deploys       []target
	// onMain are the names of the changes that are merged or pushed to main, but for releases and what takes branches elsewhere.
	onMain map[string]string
}

func newRandomHistory(t *testing.T, seed uint64) *randomHistory {
	r := &randomHistory{history: newHistory(t), Rand: rand.New(rand.NewPCG(seed, 1)), main: "root", develop: "root", onMain: map[string]string{}}
	r.deploys = []target{{sha: "root"}}
	for range 12 {
		r.grow()
		if r.IntN(3) == 0 {
			r.deploy()
		}
	}
	r.deploys = append(r.deploys, target{sha: r.main})
	return r
}

func (r *randomHistory) sha(prefix string) string {
	r.shas++
	return fmt.Sprint(prefix, r.shas)
}

func (r *randomHistory) grow() {
	switch op := r.IntN(10); {
	case op < 3 || len(r.features) == 0: // a branch of one or two commits
		from := r.main
		if r.IntN(3) == 0 && len(r.features) > 0 {
			from = r.features[r.IntN(len(r.features))]
		}
		for range 1 + r.IntN(2) {
			sha := r.sha("f")
			r.branch(from, sha)
			from = sha
		}
		r.features = append(r.features, from)
	case op < 6:
		r.merge(r.features[r.IntN(len(r.features))])
	case op == 6: // pushed to main
		sha := r.sha("d")
		r.branch(r.main, sha)
		r.main, r.onMain[sha] = sha, sha
	case op == 7: // main is merged into a branch by hand
		i := r.IntN(len(r.features))
		sha := r.sha("b")
		r.commit(sha, "Merge branch 'main'", r.features[i], r.main)
		r.features[i] = sha
	case op == 8 && !r.ancestors(r.main)[r.develop]: // a release
		r.pulls++
		sha := r.sha("r")
		r.release(r.pulls, sha, r.main, r.develop, r.IntN(2) == 0)
		r.main = sha
	case !r.ancestors(r.develop)[r.main]: // main goes back to develop
		r.pulls++
		sha := r.sha("k")
		r.mergeTo("develop", r.pulls, sha, r.develop, r.main)
		r.history.pulls[r.pulls].branch = "main"
		r.develop = sha
	}
}

// merge merges a branch into main or develop in one of GitHub's three ways, if there is anything to merge.
func (r *randomHistory) merge(feature string) {
	onto, base := &r.main, "main"
	if r.IntN(2) == 0 {
		onto, base = &r.develop, "develop"
	}
	if r.ancestors(*onto)[feature] {
		return
	}
	r.pulls++
	sha := r.sha("m")
	if r.IntN(2) == 0 {
		r.history.merge(r.pulls, sha, *onto, feature)
	} else {
		r.squash(r.pulls, sha, *onto, feature)
	}
	r.history.pulls[r.pulls].base = base
	*onto = sha
	if base == "main" {
		r.onMain[fmt.Sprint("#", r.pulls)] = sha
	}
}

func (r *randomHistory) deploy() {
	to := target{sha: r.main}
	switch r.IntN(4) {
	case 0:
		to = r.deploys[r.IntN(len(r.deploys))]
	case 1:
		if len(r.features) > 0 {
			i := r.IntN(len(r.features))
			to = target{r.features[i], fmt.Sprint("feature", i)}
		}
	case 2:
		sha := r.sha("v")
		r.commit(sha, "Release "+sha, r.main)
		to = target{sha, sha}
	}
	r.deploys = append(r.deploys, to)
}

// What each deployment ships does not depend on what is remembered, and in the end everything on main has been shipped.
func TestShipRandomHistories(t *testing.T) {
	for seed := range uint64(60) {
		r := newRandomHistory(t, seed)
		learned := map[string]dora.Origin{}
		cold := r.history.deploy(t, learned, r.deploys...)
		for name, known := range map[string]map[string]dora.Origin{"all origins": r.origins(t), "what was learned": maps.Clone(learned)} {
			warm := r.history.deploy(t, known, r.deploys...)
			if diff := cmp.Diff(r.changes(cold), r.changes(warm)); diff != "" {
				t.Fatalf("seed %d, with %s, %v (-nothing +remembered):\n%s", seed, name, r.deploys, diff)
			}
		}
		for name, sha := range r.onMain {
			if shipped, _ := cold.Shipped(t.Context(), name); !shipped {
				t.Fatalf("seed %d: %s, %s on main, has never been shipped: %q", seed, name, sha, r.changes(cold))
			}
		}
	}
}
