package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"dora-exporter/dora"
)

// A repository keeps its ID when it is renamed or transferred. Its former name leads to it until another repository gets that name.

// renamedError is the error of addPage if another part is to be read instead: that of the repository with this name, owner/name.
type renamedError struct{ name string }

func (e *renamedError) Error() string { return "it is called " + e.name + " now" }

// maxRenames is how often in a row a repository may turn out to be another one.
const maxRenames = 3

// errRenames is the error of a repository that turns out to be another one again and again.
var errRenames = errors.New("GitHub answers for one repository after another by this name")

// located has the part of the repository with an ID.
type located struct {
	Part string `json:"part"`
}

// locationPart is the name of the part that has the one of a repository, by its ID.
func (b *Backfill) locationPart(id int64) string { return fmt.Sprintf("repository/%s/%d", b.Host, id) }

// locate sets what a repository is called now, by the first page that is read of it. What was read by a former name is moved to the new one. Its
// error is a *renamedError if the page is not to be added: if the repository was read by another name, or if it is not the one that was.
func (b *Backfill) locate(ctx context.Context, p *part, r *repositoryNode) error {
	if r.DatabaseID == 0 {
		return nil
	}
	if known := cmp.Or(p.ID, p.knownID); known != 0 && known != r.DatabaseID {
		b.Logger.Info("another repository has the name of one that was read, reading it from the beginning", "repository", p.Owner+"/"+p.Name)
		err := b.Store.Update(ctx, func(tx dora.Tx) error { return removePart(tx.Backfill(), p.part()) })
		if err != nil {
			return err
		}
		return &renamedError{r.NameWithOwner}
	}
	if p.ID != 0 {
		return nil
	}
	p.identify(r)
	wasRead := false
	err := b.Store.Update(ctx, func(tx dora.Tx) error {
		var former located
		known, err := tx.Backfill().Part(b.locationPart(p.ID), &former)
		if err == nil && known && former.Part != p.part() {
			err = movePart(tx.Backfill(), former.Part, p)
		}
		if err != nil {
			return err
		}
		var found part
		_, err = tx.Backfill().Part(p.part(), &found)
		if wasRead = found.ID == p.ID; err != nil {
			return err
		}
		return tx.Backfill().SavePart(b.locationPart(p.ID), located{p.part()})
	})
	if err == nil && wasRead && p.knownID == 0 {
		return &renamedError{p.Owner + "/" + p.Name}
	}
	return err
}

// movePart moves what was read of a repository by a former name.
func movePart(tx dora.BackfillTx, former string, p *part) error {
	var moved part
	if _, err := tx.Part(former, &moved); err != nil || moved.ID != p.ID { // another repository may have its name, and was read
		return err
	}
	for from, to := range map[string]string{former: p.part(), deploymentsOf(former): p.deploymentsPart()} {
		pages, err := tx.Pages(from)
		if err != nil {
			return err
		}
		for _, page := range pages {
			if err := tx.AddPage(to, page); err != nil {
				return err
			}
		}
	}
	moved.Host, moved.Owner, moved.Name = p.Host, p.Owner, p.Name
	return errors.Join(tx.SavePart(p.part(), moved), removePart(tx, former))
}

// removePart removes what was read of a repository.
func removePart(tx dora.BackfillTx, name string) error {
	return errors.Join(tx.RemovePages(name), tx.RemovePages(deploymentsOf(name)), tx.SavePart(name, part{}))
}
