package enrichment

import (
	"context"
	"slices"
	"testing"

	"dora-exporter/dora"
)

// scope is what the deployments of an environment shipped, in their order.
type scope []deployed

type deployed struct {
	sha, branch string
	shipment    dora.Shipment
}

func (s scope) Shipped(_ context.Context, name string) (bool, error) {
	return slices.ContainsFunc(s, func(d deployed) bool {
		return d.sha == name || slices.ContainsFunc(slices.Concat(d.shipment.Changes, d.shipment.Carriers), func(c dora.Change) bool { return slices.Contains(c.Names(), name) })
	}), nil
}

func (s scope) Ran(_ context.Context, sha string) (bool, error) {
	return slices.ContainsFunc(s, func(d deployed) bool { return d.sha == sha }), nil
}

func (s scope) FirstChanges(_ context.Context, shas []string) (map[string]string, error) {
	first := map[string]string{}
	for _, d := range slices.Backward(s) {
		for _, c := range slices.Backward(d.shipment.Changes) {
			for _, sha := range shas {
				if slices.Contains(c.Names(), sha) {
					first[sha] = c.Name()
				}
			}
		}
	}
	return first, nil
}

func (s scope) DeployedFrom(_ context.Context, branch string) (all []string, err error) {
	for _, d := range s {
		if d.branch == branch && !slices.Contains(all, d.sha) {
			all = append(all, d.sha)
		}
	}
	return all, nil
}

func (scope) Called(_ context.Context, owner, repository string) (bool, error) {
	return owner == "acme" && repository == "former", nil
}

// target is a commit that is deployed, from main if it has no branch.
type target struct{ sha, branch string }

// deploy ships targets one after another, with what is known so far, to which it adds what is learned.
func (h *history) deploy(t *testing.T, known map[string]dora.Origin, targets ...target) (s scope) {
	t.Helper()
	g := newInProcess(t, h.github(), Options{Archive: h.archive})
	for _, to := range targets {
		c := dora.Comparison{Head: theCommit, At: ever, Past: s, Known: func(sha string) (dora.Origin, bool) {
			o, has := known[sha]
			return o, has
		}}
		if c.Head.SHA = to.sha; to.branch == "" {
			to.branch = "main"
		}
		c.Head.OnDefaultBranch = to.branch == "main"
		if len(s) > 0 {
			c.Base = s[len(s)-1].sha
		}
		shipment, learned, err := g.Ship(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		for sha, o := range stored(t, learned) {
			known[sha] = o
		}
		s = append(s, deployed{to.sha, to.branch, shipment})
	}
	return s
}

// origins are those that the durations of all commits find out.
func (h *history) origins(t *testing.T) map[string]dora.Origin {
	t.Helper()
	all := map[string]dora.Origin{}
	g := newInProcess(t, h.github(), Options{Archive: h.archive})
	for _, sha := range h.order {
		c := theCommit
		c.SHA = sha
		o, err := g.Origin(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		all[sha] = o
	}
	return stored(t, all)
}

// changes are those of each deployment in one line each, a carrier that is none in brackets.
func (h *history) changes(s scope) (all [][]string) {
	for _, d := range s {
		lines := h.describeAll(d.shipment)
		for _, c := range d.shipment.Carriers {
			lines = append(lines, "("+c.Name()+")")
		}
		all = append(all, lines)
	}
	return all
}
