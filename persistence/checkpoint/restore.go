package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"dora-exporter/dora"
	"dora-exporter/internal/localfile"
)

// The values are the imported baseline plus all facts. The store has both, and the sums of the facts up to a position, so that a start
// reads only the facts after it. The checkpoint has the same values for any tool to read; a start looks at it to find out whether it
// has something that the store lacks:
//
//	file                                         values                      then
//	none, or a checkpoint of this store          of the store
//	  its position, or that of the previous      refused; with acceptStore:
//	  one if there is none, is after the         of the store                files renamed, new store id
//	  store's last fact: the store is older
//	checkpoint, damaged                          of the store                file renamed
//	  the previous one is after the store's      refused, as above
//	  last fact
//	  the store is empty                         refused: the values would be lost
//	checkpoint of another store, or another
//	program's file:
//	  imported before                            of the store
//	  the store is empty                         imported as baseline
//	  the store is not empty                     refused: the values of both can't be added up
//
// A baseline is kept in the store, so the file that it was imported from is not needed again. Nothing is renamed or stored before it
// is certain that the start succeeds: a file that is refused now is refused at the next start, too.

// Restore returns the values to start from, with the position of the last fact in them. The caller adds the facts after that position.
func (c *Checkpoint) Restore(ctx context.Context) (dora.State, int64, error) {
	if c.path != "" && localfile.IsMountPoint(c.path) {
		return nil, 0, localfile.MountPointError(c.path)
	}
	stored, err := c.readStore(ctx)
	if err != nil {
		return nil, 0, err
	}
	c.summed = stored.position
	if c.path == "" {
		return stored.state, stored.position, nil
	}
	found, err := c.read(c.path)
	var damage *damagedError
	switch {
	case errors.As(err, &damage):
		err = c.setDamagedAside(ctx, found, stored, damage)
	case errors.Is(err, errForeign), err == nil && found != nil && found.store != c.store.ID():
		return c.restoreForeign(ctx, found, stored)
	case err == nil && found != nil:
		err = c.acceptOlderStore(ctx, found, stored)
	case err == nil:
		err = c.restoreWithoutFile(ctx, stored)
	}
	if err != nil {
		return nil, 0, err
	}
	return stored.state, stored.position, nil
}

// stored are the values in the store.
type stored struct {
	// state is the sum of all baselines and of the facts up to position.
	state    dora.State
	position int64
	// last is the position of the newest fact.
	last int64
	// empty is true if the store has neither baselines nor facts.
	empty bool
}

// readStore reads the values in the store. Other servers may store facts, remove old ones and save sums meanwhile, so it reads first what
// is never ahead of the rest: what has been removed, then the sums, then the last position.
func (c *Checkpoint) readStore(ctx context.Context) (stored, error) {
	taken, err := c.store.Baselines(ctx)
	if err != nil {
		return stored{}, err
	}
	s := stored{state: dora.State{}}
	for _, b := range taken {
		c.addBaseline(s.state, b)
	}
	removed, err := c.store.Removal(ctx)
	if err != nil {
		return stored{}, err
	}
	sums, sumsErr := c.store.Sums(ctx)
	if sumsErr != nil && !errors.Is(sumsErr, dora.ErrDamaged) {
		return stored{}, sumsErr // they may be read a moment later
	}
	if s.last, err = c.store.LastPosition(ctx); err != nil {
		return stored{}, err
	}
	s.empty = s.last == 0 && len(taken) == 0
	sameBounds := maps.EqualFunc(sums.Bounds, dora.BoundsOf(c.families), slices.Equal)
	switch {
	case removed.Position > 0 && (sumsErr != nil || sums.Position < removed.Position):
		return stored{}, c.missingSums(removed, sumsErr)
	case sumsErr != nil:
		c.logger.Error("the sums of the facts can't be used, restoring the values from all facts", "database", c.store.Path(), "error", sumsErr)
		c.damaged = true
		return s, nil
	case sums.Position == 0:
		return s, nil
	case sums.Position > s.last:
		return stored{}, fmt.Errorf("the database %s is damaged: it has the sums of %d facts and only %d facts; restore a backup of it", c.store.Path(), sums.Position, s.last)
	case !sameBounds && removed.Position > 0:
		return stored{}, fmt.Errorf("the bounds of histograms have changed, and the database %s has no facts up to %d any more (storage.retention): "+
			"start the version that wrote it", c.store.Path(), removed.Position)
	case !sameBounds:
		c.logger.Info("restoring the values from all facts, since the bounds of histograms have changed", "database", c.store.Path())
		return s, nil
	}
	s.position = sums.Position
	for family, all := range sums.State {
		for key, series := range all {
			base := s.state[family][key]
			series.Baseline, series.BaselineBuckets = base.Baseline, base.BaselineBuckets
			setSeries(s.state, family, key, series)
		}
	}
	return s, nil
}

// missingSums returns the error if facts have been removed and the sums don't have them, perhaps because of another error.
func (c *Checkpoint) missingSums(removed dora.Removal, err error) error {
	if err == nil {
		err = errors.New("they are not all there")
	}
	return fmt.Errorf("the database %s is damaged: the sums of its facts can't be used, and the facts up to %d have been removed (storage.retention): "+
		"restore a backup of it: %w", c.store.Path(), removed.Position, err)
}

// addBaseline adds a baseline to a state, which keeps its values.
func (c *Checkpoint) addBaseline(state dora.State, b dora.Baseline) {
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
		if state[family.Name] == nil && len(values) > 0 {
			state[family.Name] = values // no copy: there may be many
			continue
		}
		for key, series := range values {
			setSeries(state, family.Name, key, series)
		}
	}
}

// acceptOlderStore refuses a checkpoint of this store with facts that the store lacks. With -accept-store it sets the files aside
// and gives the store another id instead.
func (c *Checkpoint) acceptOlderStore(ctx context.Context, f *file, s stored) error {
	if f.position <= s.last {
		return nil
	}
	if !c.acceptStore {
		return fmt.Errorf("the checkpoint %s has %d facts and the database %s only %d: the database is older (an old backup?) or damaged; "+
			"restore the right database, or start once with -accept-store to continue with this one", f.path, f.position, c.store.Path(), s.last)
	}
	if err := c.setAside(f.path, "aside"); err != nil {
		return err
	}
	if _, err := os.Stat(c.path + ".prev"); err == nil {
		if err := c.setAside(c.path+".prev", "aside"); err != nil {
			return err
		}
	}
	return c.store.SetID(ctx, uuid.NewString())
}

// restoreWithoutFile refuses a missing checkpoint like one that is there, if the previous one shows that the store is older.
func (c *Checkpoint) restoreWithoutFile(ctx context.Context, s stored) error {
	previous, err := c.read(c.path + ".prev")
	if err != nil || previous == nil || previous.store != c.store.ID() {
		return nil //nolint:nilerr // it has no values that the store could lack
	}
	return c.acceptOlderStore(ctx, previous, s)
}

// setDamagedAside sets a damaged checkpoint aside, unless it has values that are nowhere else.
func (c *Checkpoint) setDamagedAside(ctx context.Context, f *file, s stored, damage error) error {
	previous, err := c.read(c.path + ".prev")
	switch {
	case err == nil && previous != nil && previous.store == c.store.ID():
		if err := c.acceptOlderStore(ctx, previous, s); err != nil {
			return err
		}
	case s.empty && (f.size > 0 || previous != nil):
		remedy := "restore a backup of the database or of the checkpoint"
		if previous != nil && (err == nil || errors.Is(err, errForeign)) {
			remedy = fmt.Sprintf("move %s there to import the values of the previous checkpoint", previous.path)
		}
		return fmt.Errorf("%w; the database %s is empty, so its values would be lost: %s, or move %s away to start at 0",
			damage, c.store.Path(), remedy, f.path)
	}
	if f.size > 0 || !s.empty {
		c.logger.Error("checkpoint is damaged, restoring the values without it", "file", f.path, "error", damage)
	}
	return c.setAside(f.path, "damaged")
}

// restoreForeign imports the file of another program, or of another store, as a baseline, once.
func (c *Checkpoint) restoreForeign(ctx context.Context, f *file, s stored) (dora.State, int64, error) {
	taken, err := c.store.Baselines(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, b := range taken {
		if b.Hash == f.hash {
			return s.state, s.position, nil
		}
	}
	if !s.empty {
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
	b := dora.Baseline{Hash: f.hash, Source: f.path, Values: values, Bounds: dora.BoundsOf(c.families), Start: f.start, Taken: time.Now()}
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
