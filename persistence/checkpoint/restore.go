package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"dora-exporter/dora"
	"dora-exporter/internal/localfile"
)

// The restore table. The store has all facts, so the values can always be computed from the imported baseline and all facts. A
// checkpoint saves that work: it has the values up to a position, and only later facts must be added. What Restore does depends on the
// file at the checkpoint's path:
//
//	file                                         values                      then
//	none                                         baseline                    all facts
//	checkpoint of this store                     from the file               facts after its position
//	  its values can't be separated, since the   baseline                    all facts
//	  baseline is too large or the bounds of a
//	  histogram have changed
//	  its position is after the store's last     refused; with acceptStore:  all facts
//	  fact: the store is older                   baseline, file renamed,
//	                                             new store id
//	checkpoint, damaged                          previous checkpoint, else   facts after its position,
//	                                             baseline; file renamed      else all facts
//	  the store is empty                         refused: the values would be lost
//	checkpoint of another store, or another
//	program's file:
//	  imported before                            baseline                    all facts
//	  the store is empty                         imported as baseline        no facts
//	  the store is not empty                     refused: the values of both can't be added up
//
// A baseline is kept in the store, so the file that it was imported from is not needed again. Nothing is renamed or stored before it
// is certain that the start succeeds: a file that is refused now is refused at the next start, too.

// Restore returns the values to start from, by the restore table, with the position of the last fact in them. The caller adds the facts
// after that position.
func (c *Checkpoint) Restore(ctx context.Context) (dora.State, int64, error) {
	if localfile.IsMountPoint(c.path) {
		return nil, 0, localfile.MountPointError(c.path)
	}
	base, storeEmpty, err := c.importedBaseline(ctx)
	if err != nil {
		return nil, 0, err
	}
	found, err := c.read(c.path)
	var damage *damagedError
	switch {
	case errors.As(err, &damage):
		return c.restoreDamaged(ctx, found, base, storeEmpty, damage)
	case errors.Is(err, errForeign):
		return c.restoreForeign(ctx, found, base, storeEmpty)
	case err != nil:
		return nil, 0, err
	case found == nil:
		return base, 0, nil
	case found.store != c.store.ID():
		return c.restoreForeign(ctx, found, base, storeEmpty)
	}
	state, position, err := c.restoreOwn(ctx, found, base)
	if errors.As(err, &damage) {
		return c.restoreDamaged(ctx, found, base, storeEmpty, damage)
	}
	return state, position, err
}

// importedBaseline returns the sum of all baselines; storeEmpty is true if the store has neither baselines nor facts.
func (c *Checkpoint) importedBaseline(ctx context.Context) (base dora.State, storeEmpty bool, err error) {
	taken, err := c.store.Baselines(ctx)
	if err != nil {
		return nil, false, err
	}
	base = dora.State{}
	for _, b := range taken {
		for _, family := range c.families {
			values, ok := b.Of(family)
			if !ok {
				var series []string
				for key := range b.Values[family.Name] {
					series = append(series, family.Name+"{"+key+"}")
				}
				slices.Sort(series)
				c.logger.Warn("imported histograms are left out since their bounds have changed", "file", b.Source, "series", firstNames(series))
			}
			for key, series := range values {
				setSeries(base, family.Name, key, series)
			}
		}
	}
	last, err := c.store.LastPosition(ctx)
	return base, last == 0 && len(taken) == 0, err
}

// restoreOwn restores from an intact checkpoint of this store.
func (c *Checkpoint) restoreOwn(ctx context.Context, f *file, base dora.State) (dora.State, int64, error) {
	last, err := c.store.LastPosition(ctx)
	if err != nil {
		return nil, 0, err
	}
	if f.position <= last {
		state, err := c.values(ctx, f, base)
		if errors.Is(err, errTooLarge) || errors.Is(err, errBounds) {
			c.logger.Info("restoring the values from all facts, since those of the checkpoint can't be separated", "file", f.path, "why", err)
			return base, 0, nil
		}
		return state, f.position, err
	}
	if !c.acceptStore {
		return nil, 0, fmt.Errorf("the checkpoint %s has %d facts and the database %s only %d: the database is older (an old backup?) or damaged; "+
			"restore the right database, or start once with -accept-store to continue with this one", f.path, f.position, c.store.Path(), last)
	}
	if err := c.setAside(f.path, "aside"); err != nil {
		return nil, 0, err
	}
	if _, err := os.Stat(c.path + ".prev"); err == nil {
		if err := c.setAside(c.path+".prev", "aside"); err != nil {
			return nil, 0, err
		}
	}
	return base, 0, c.store.SetID(ctx, uuid.NewString())
}

// restoreDamaged restores from the previous checkpoint, or from all facts.
func (c *Checkpoint) restoreDamaged(ctx context.Context, f *file, base dora.State, storeEmpty bool, damage error) (dora.State, int64, error) {
	previous, err := c.read(c.path + ".prev")
	state, position := base, int64(0)
	switch {
	case err == nil && previous != nil && previous.store == c.store.ID():
		s, p, err := c.restoreOwn(ctx, previous, base)
		var previousDamage *damagedError
		if err != nil && !errors.As(err, &previousDamage) {
			return nil, 0, err
		}
		if err == nil {
			state, position = s, p
		}
	case storeEmpty && (f.size > 0 || previous != nil):
		remedy := "restore a backup of the database or of the checkpoint"
		if previous != nil && (err == nil || errors.Is(err, errForeign)) {
			remedy = fmt.Sprintf("move %s there to import the values of the previous checkpoint", previous.path)
		}
		return nil, 0, fmt.Errorf("%w; the database %s is empty, so its values would be lost: %s, or move %s away to start at 0",
			damage, c.store.Path(), remedy, f.path)
	}
	if f.size > 0 || !storeEmpty {
		c.logger.Error("checkpoint is damaged, restoring the values without it", "file", f.path, "error", damage)
	}
	return state, position, c.setAside(f.path, "damaged")
}

// restoreForeign imports the file of another program, or of another store, as a baseline, once.
func (c *Checkpoint) restoreForeign(ctx context.Context, f *file, base dora.State, storeEmpty bool) (dora.State, int64, error) {
	taken, err := c.store.Baselines(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, b := range taken {
		if b.Hash == f.hash {
			return base, 0, nil
		}
	}
	if !storeEmpty {
		return nil, 0, fmt.Errorf("%s was not written with the database %s, which has values of its own, so it can't be imported; "+
			"move %s away to continue with the database, or move the database away to continue from that file", f.path, c.store.Path(), f.path)
	}
	read := func(r io.Reader, families map[string]dora.Family) (dora.State, findings, error) {
		return readForeignBaseline(r, families, c.optionalLabels)
	}
	if f.store != "" { // this program's own series need no limit
		read = readOwnBaseline
	}
	values, n, err := f.readBaseline(read, c.byName)
	if err != nil {
		return nil, 0, fmt.Errorf("%s can't be imported: %w; move it away to start at 0, or set storage.file.path to another path", f.path, err)
	}
	b := dora.Baseline{Hash: f.hash, Source: f.path, Values: values, Bounds: map[string][]int64{}, Start: f.start, Taken: time.Now()}
	for _, family := range c.families {
		if family.Kind == dora.Histogram {
			b.Bounds[family.Name] = family.Bounds
		}
	}
	if err := c.store.AddBaseline(ctx, b); err != nil {
		return nil, 0, err
	}
	series := 0
	for _, all := range values {
		series += len(all)
	}
	c.logger.Info("values taken over from a file into the database", "file", f.path, "series", series,
		"ignored", len(n.ignored), "families", firstNames(n.ignored))
	if len(n.dropped)+len(n.missing) > 0 {
		c.logger.Info("labels of the values are not those of this version: added up over the ones that it doesn't have, "+dora.Unknown+" for the missing ones",
			"file", f.path, "added_up", firstNames(n.dropped), "missing", firstNames(n.missing))
	}
	if len(n.rejected) > 0 {
		c.logger.Warn("some values are not taken over: not a number, or of another type than here", "file", f.path,
			"rejected", firstNames(n.rejected))
	}
	if len(n.otherBounds) > 0 {
		c.logger.Warn("some histograms are not imported, since their bounds differ from those of this version", "file", f.path,
			"rejected", firstNames(n.otherBounds))
	}
	if len(n.implausible) > 0 {
		c.logger.Warn("imported values look implausible", "file", f.path, "series", firstNames(n.implausible))
	}
	if f.store != "" {
		c.logger.Warn("the database of this checkpoint is missing: redeliveries of older events will count again", "file", f.path)
	}
	return values, 0, nil
}

// setAside renames a file that can't be used, so that its content is not lost.
func (c *Checkpoint) setAside(path, why string) error {
	aside := fmt.Sprintf("%s.%s.%s", path, time.Now().UTC().Format("20060102T150405Z"), why)
	if err := os.Rename(path, aside); err != nil {
		return localfile.Error("set aside", path, err)
	}
	c.logger.Warn("renamed an unusable file", "file", path, "as", aside)
	return nil
}
