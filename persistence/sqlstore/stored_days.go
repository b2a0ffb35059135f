package sqlstore

import (
	"context"

	"dora-exporter/dora"
)

// storedDays is the dora.StoredDays of a snapshot.
type storedDays struct {
	dayReads
	ctx    context.Context //nolint:containedctx // it lives as long as the call of StoredDays
	reader *Reader
}

// StoredDays calls f with the days of one moment.
func (r *Reader) StoredDays(ctx context.Context, f func(dora.StoredDays) error) error {
	return r.Snapshot(ctx, func(r *Reader) error {
		return f(storedDays{dayReads{r.history(ctx)}, ctx, r})
	})
}

// Since calls each for all days from a date on.
func (s storedDays) Since(date int64, production bool, each func(dora.MeasuredDay)) error {
	return s.days("WHERE production >= ? AND date >= ?", []any{production, date}, each)
}

// OldestDays returns the date of the oldest day of each.
func (s storedDays) OldestDays() (map[dora.Owned]int64, error) {
	all := map[dora.Owned]int64{}
	err := s.read("SELECT "+ownedColumns+", (SELECT min(date) FROM days WHERE owned = id) FROM owned", nil, func(rows Rows) error {
		var o dora.Owned
		var date int64
		err := rows.Scan(&o.Scope, &o.Owner, &o.Repository, &o.Team, &o.Production, &date)
		all[o] = date
		return err
	})
	return all, err
}

// Environments returns the environments that deployments have gone to.
func (s storedDays) Environments() ([]dora.Environment, error) {
	return s.reader.Environments(s.ctx, -1)
}

// Unsettled returns the number of pending evaluations.
func (s storedDays) Unsettled() (int, error) { return s.reader.CountEvaluations(s.ctx) }

// SeriesSums calls each for all series of families with what their facts add up to.
func (s storedDays) SeriesSums(each func(dora.SeriesSum), families ...string) error {
	sums, err := s.reader.sumsOf(s.ctx, families)
	if err != nil {
		return err
	}
	if sums.State == nil {
		sums.State = dora.State{}
	}
	byName := dora.FamiliesByName()
	if err := s.reader.factsOf(s.ctx, sums.Position, families, func(f dora.Fact) error { return sums.State.Add(byName, f) }); err != nil {
		return err
	}
	for _, family := range families {
		for _, series := range sums.State[family] {
			sum := dora.SeriesSum{Family: family, Labels: series.Labels, Sum: series.Own}
			for _, n := range series.Buckets {
				sum.Count += n
			}
			each(sum)
		}
	}
	return nil
}
