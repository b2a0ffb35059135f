package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"dora-exporter/dora"
	"dora-exporter/internal/localfile"
)

// Restore finds out what the file at the checkpoint's path is, and returns the values to start from with the position of
// the last fact that is in them. Each case is a row of a table:
//
//	no file                                → the baseline, then all facts
//	ours, of this store                    → its values, then the facts after its position; the baseline and all facts
//	                                         where the baseline is too large for the file to tell what was added, or
//	                                         a histogram's bounds have changed
//	ours, beyond the store's last fact     → an error; with acceptStore it is set aside
//	ours, of another store, this one empty → taken over as a baseline
//	ours, damaged                          → set aside; the previous one, else the baseline and all facts
//	foreign, taken over before             → the baseline, then all facts
//	foreign, the store is empty            → taken over as a baseline
//	foreign, the store is not empty        → an error
//
// A baseline's text stays in the store, so that all facts on top of it always give the values again.
func (c *Checkpoint) Restore(ctx context.Context) (dora.State, int64, error) {
	if localfile.IsMountPoint(c.path) {
		return nil, 0, localfile.MountPointError(c.path)
	}
	base, fresh, err := c.importedBaseline(ctx)
	if err != nil {
		return nil, 0, err
	}
	found, err := c.read(c.path)
	var damage *damagedError
	switch {
	case errors.As(err, &damage):
		return c.restoreDamaged(ctx, found, base, fresh, damage)
	case errors.Is(err, errForeign):
		return c.restoreForeign(ctx, found, base, fresh)
	case err != nil:
		return nil, 0, err
	case found == nil:
		return base, 0, nil
	case found.store != c.store.ID():
		return c.restoreForeign(ctx, found, base, fresh)
	}
	state, position, err := c.restoreOwn(ctx, found, base)
	if errors.As(err, &damage) {
		return c.restoreDamaged(ctx, found, base, fresh, damage)
	}
	return state, position, err
}

// importedBaseline is what was taken over before; fresh is set when nothing was and there are no facts.
func (c *Checkpoint) importedBaseline(ctx context.Context) (base dora.State, fresh bool, err error) {
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
				c.logger.Warn("values that were taken over before are left out, since the bounds of histograms have changed", "file", b.Source, "series", firstNames(series))
			}
			for key, series := range values {
				setSeries(base, family.Name, key, series)
			}
		}
	}
	last, err := c.store.LastPosition(ctx)
	return base, last == 0 && len(taken) == 0, err
}

// restoreOwn takes the values of a whole checkpoint of this store.
func (c *Checkpoint) restoreOwn(ctx context.Context, f *file, base dora.State) (dora.State, int64, error) {
	last, err := c.store.LastPosition(ctx)
	if err != nil {
		return nil, 0, err
	}
	if f.position <= last {
		state, err := c.values(ctx, f, base)
		if errors.Is(err, errTooLarge) || errors.Is(err, errBounds) {
			c.logger.Info("restoring the values from all facts, since the checkpoint can't tell them", "file", f.path, "why", err)
			return base, 0, nil
		}
		return state, f.position, err
	}
	if !c.acceptStore {
		return nil, 0, fmt.Errorf("the checkpoint %s has %d facts and the database %s only %d: the database is older (an old backup?) or damaged; "+
			"put the right database in its place, or start once with -accept-store to go on with what this database has", f.path, f.position, c.store.Path(), last)
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

// restoreDamaged goes back to the previous checkpoint, or to none. Nothing is moved before it is certain that the start goes on: what
// is refused now must be refused at the next start too.
func (c *Checkpoint) restoreDamaged(ctx context.Context, f *file, base dora.State, fresh bool, damage error) (dora.State, int64, error) {
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
	case fresh && (f.size > 0 || previous != nil):
		remedy := "put a backup of one of the two in its place"
		if previous != nil && (err == nil || errors.Is(err, errForeign)) {
			remedy = fmt.Sprintf("move %s there to take over what the checkpoint before it has", previous.path)
		}
		return nil, 0, fmt.Errorf("%w; the database %s is empty, so its values would be lost: %s, or move %s away to start at 0",
			damage, c.store.Path(), remedy, f.path)
	}
	if f.size > 0 || !fresh {
		c.logger.Error("the checkpoint is damaged, restoring the values without it", "file", f.path, "error", damage)
	}
	return state, position, c.setAside(f.path, "damaged")
}

// restoreForeign takes over what another program wrote, or an exporter with another store, once.
func (c *Checkpoint) restoreForeign(ctx context.Context, f *file, base dora.State, fresh bool) (dora.State, int64, error) {
	taken, err := c.store.Baselines(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, b := range taken {
		if b.Hash == f.hash {
			return base, 0, nil
		}
	}
	if !fresh {
		return nil, 0, fmt.Errorf("%s was not written with the database %s, which has values of its own: they can't be added up; "+
			"move %s away to go on with the database, or move the database away to go on from that file", f.path, c.store.Path(), f.path)
	}
	read := readForeignBaseline
	if f.store != "" { // as many as this program had
		read = readOwnBaseline
	}
	values, n, err := f.readBaseline(read, c.byName)
	if err != nil {
		return nil, 0, fmt.Errorf("%s can't be taken over: %w; move it away to start at 0, or set storage.file.path to another path", f.path, err)
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
	c.logger.Info("values taken over and kept in the database", "file", f.path, "series", series,
		"ignored", len(n.ignored), "families", firstNames(n.ignored))
	if len(n.rejected) > 0 {
		c.logger.Warn("some values are not taken over: not a number, or not with the type and labels that they have here", "file", f.path,
			"rejected", firstNames(n.rejected))
	}
	if len(n.otherBounds) > 0 {
		c.logger.Warn("some histograms are not taken over, since the bounds of their buckets are not those that they have here", "file", f.path,
			"rejected", firstNames(n.otherBounds))
	}
	if len(n.implausible) > 0 {
		c.logger.Warn("some of the values taken over can hardly be true", "file", f.path, "series", firstNames(n.implausible))
	}
	if f.store != "" {
		c.logger.Warn("the database of this checkpoint is gone: redeliveries of older events will count again", "file", f.path)
	}
	return values, 0, nil
}

// setAside renames a file that is not to be used, so that nothing of it is lost.
func (c *Checkpoint) setAside(path, why string) error {
	aside := fmt.Sprintf("%s.%s.%s", path, time.Now().UTC().Format("20060102T150405Z"), why)
	if err := os.Rename(path, aside); err != nil {
		return localfile.Error("set aside", path, err)
	}
	c.logger.Warn("file set aside", "file", path, "as", aside)
	return nil
}
