package history

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"dora-exporter/dora"
)

// GraphQL does not tell whether an environment is one of production or a transient one, nor the ref of a deployment that is no branch or
// tag any more, nor a number that does not fit into 32 bits, nor the numbers of statuses. REST does: a page of 100 deployments, or the
// statuses of one.

// completeOnce adds what GraphQL does not tell of all deployments of a repository, and stores them with it.
func (b *Backfill) completeOnce(ctx context.Context, p *part, all []dora.ArchivedDeployment) error {
	if p.Completed || !lacks(all) && len(b.unflagged(all)) == 0 {
		return nil
	}
	if err := b.complete(ctx, p, all); err != nil {
		return err
	}
	p.Completed = true
	return b.Store.Update(ctx, func(tx dora.Tx) error {
		pages := tx.Backfill()
		if err := pages.RemovePages(p.deploymentsPart()); err != nil {
			return err
		}
		for some := range slices.Chunk(all, pageSize) {
			if err := pages.AddPage(p.deploymentsPart(), dora.ArchivePage{Deployments: some}); err != nil {
				return err
			}
		}
		return pages.SavePart(p.part(), p)
	})
}

// complete adds what GraphQL does not tell of deployments, which are sorted from the newest on.
func (b *Backfill) complete(ctx context.Context, p *part, all []dora.ArchivedDeployment) error {
	unknown := b.unflagged(all)
	if !lacks(all) && len(unknown) == 0 {
		return nil
	}
	flags := map[string]document{}
	known := newIndex(all)
	oldest := all[len(all)-1].Created
	for number := 1; number != 0; {
		page, next, err := b.deploymentsPage(ctx, p, number)
		if err != nil {
			return err
		}
		for _, d := range page {
			if environment := dora.FoldName(d.Environment); flags[environment].ID == 0 {
				flags[environment] = d
				delete(unknown, environment)
			}
			if a := known.find(d); a != nil {
				a.ID = d.ID
				if err := setDocument(a, d); err != nil {
					return err
				}
			}
			if d.CreatedAt.Before(oldest) {
				next = 0
			}
		}
		if number = next; !lacks(all) && len(unknown) == 0 {
			break
		}
	}
	for i := range all {
		if err := addFlags(&all[i], flags); err != nil {
			return err
		}
	}
	return nil
}

// unflagged returns the environments of deployments of which GitHub's flags are needed, with folded names.
func (b *Backfill) unflagged(all []dora.ArchivedDeployment) map[string]bool {
	found := map[string]bool{}
	for _, a := range all {
		var d document
		if json.Unmarshal(a.Document, &d) == nil && b.NeedsFlags(d.Environment) {
			found[dora.FoldName(d.Environment)] = true
		}
	}
	return found
}

// lacks reports whether something is not known of a deployment.
func lacks(all []dora.ArchivedDeployment) bool {
	for _, a := range all {
		if a.Lacking || a.ID == 0 {
			return true
		}
	}
	return false
}

// deploymentsPage returns a page of the deployments as REST has them; none if it has none.
func (b *Backfill) deploymentsPage(ctx context.Context, p *part, number int) (all []document, next int, err error) {
	raw, next, err := retryPage(ctx, &b.asker, func() ([]json.RawMessage, int, error) {
		return b.GitHub.Deployments(ctx, p.Owner, p.Name, number)
	})
	if missing := new(dora.NotFoundError); errors.As(err, &missing) {
		return nil, 0, nil
	}
	for _, item := range raw {
		var d document
		if err := json.Unmarshal(item, &d); err != nil {
			return nil, 0, err
		}
		all = append(all, d)
	}
	return all, next, err
}

// index finds deployments by what both APIs tell of them.
type index struct {
	byID    map[int64]*dora.ArchivedDeployment
	byNode  map[string]*dora.ArchivedDeployment
	byTimes map[string]*dora.ArchivedDeployment
}

func newIndex(all []dora.ArchivedDeployment) index {
	x := index{map[int64]*dora.ArchivedDeployment{}, map[string]*dora.ArchivedDeployment{}, map[string]*dora.ArchivedDeployment{}}
	for i := range all {
		a := &all[i]
		x.byID[a.ID], x.byNode[a.Node] = a, a
		key := a.Created.UTC().Format(time.RFC3339) + a.SHA
		if _, twice := x.byTimes[key]; twice {
			a = nil // it can't be told apart
		}
		x.byTimes[key] = a
	}
	return x
}

// find returns the deployment that REST has as d; nil if there is none.
func (x index) find(d document) *dora.ArchivedDeployment {
	if a := x.byID[d.ID]; a != nil {
		return a
	}
	if a := x.byNode[d.NodeID]; a != nil && a.ID == 0 && a.SHA == d.SHA {
		return a
	}
	if a := x.byTimes[d.CreatedAt.UTC().Format(time.RFC3339)+d.SHA]; a != nil && a.ID == 0 {
		return a
	}
	return nil
}

// setDocument replaces what is known of a deployment by what REST has.
func setDocument(a *dora.ArchivedDeployment, d document) error {
	text, err := json.Marshal(d)
	a.Document, a.Lacking = text, false
	return err
}

// addFlags sets the flags of a deployment to those of the newest one of its environment.
func addFlags(a *dora.ArchivedDeployment, flags map[string]document) error {
	var d document
	if err := json.Unmarshal(a.Document, &d); err != nil {
		return err
	}
	newest := flags[dora.FoldName(d.Environment)]
	if d.Production == newest.Production && d.Transient == newest.Transient || newest.ID == 0 {
		return nil
	}
	d.Production, d.Transient = d.Production || newest.Production, d.Transient || newest.Transient
	return setDocument(a, d)
}
