package sqlstore

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"dora-exporter/dora"
)

// dayReads is the dora.DayReads over a connection.
type dayReads struct{ history }

// read calls scan for each row of a query about days.
func (r dayReads) read(query string, args []any, scan func(Rows) error) error {
	if err := r.query(query, args, scan); err != nil {
		return fmt.Errorf("read days: %w", err)
	}
	return nil
}

// Get returns an incident by its key, without its events.
func (r dayReads) Get(key string) (dora.Incident, error) {
	i, _, err := firstRow(r.incidents("WHERE key = ?", key))
	return i, err
}

// Stale returns since when the days of scopes are stale.
func (r dayReads) Stale() (map[string]time.Time, error) {
	stale := map[string]time.Time{}
	err := readStale(r.path, r.read, func(scope string, since time.Time) { stale[scope] = since }, "")
	return stale, err
}

// CompleteFrom returns the latest time before which deployments or incidents were removed, if some of a scope were.
func (r dayReads) CompleteFrom(scope string) (time.Time, error) {
	row, err := readRemovalRow(r.path, r.query)
	if err != nil || row.complete == 0 {
		return time.Time{}, err
	}
	removed, err := wasRemoved(r.query, removedScope, scope)
	if err != nil || !removed {
		return time.Time{}, err
	}
	return fromMillis(row.complete), nil
}

// DeploymentsFrom returns the deployments of a scope between two times, at most limit unless more are of one time.
func (r dayReads) DeploymentsFrom(scope string, from, before time.Time, limit int) ([]dora.DeploymentRecord, time.Time, error) {
	const ofScope = "scope = (SELECT id FROM texts WHERE text = ?3)"
	until, err := r.until("SELECT at FROM (SELECT at FROM successes WHERE "+ofScope+" AND at >= ?1 ORDER BY at LIMIT ?2 + 1) AS s UNION ALL "+
		"SELECT found_at FROM (SELECT found_at FROM deployments WHERE "+ofScope+" AND success IS NULL AND found_at >= ?1 ORDER BY found_at LIMIT ?2 + 1) AS d", from, limit, scope)
	if err != nil {
		return nil, until, err
	}
	if !before.IsZero() && (until.IsZero() || before.Before(until)) {
		until = before
	}
	end := endOf(until)
	all, err := r.deployments("WHERE id IN (SELECT deployment FROM successes WHERE scope = "+textID+" AND at >= ? AND at < ?) ORDER BY id", scope, from.UnixMilli(), end)
	if err != nil {
		return nil, until, err
	}
	others, err := r.deployments("WHERE scope = "+textID+" AND success IS NULL AND found_at >= ? AND found_at < ? ORDER BY id", scope, from.UnixMilli(), end)
	return append(all, others...), until, err
}

// IncidentsFrom returns the incidents that count from a time on, at most limit unless more are of one time.
func (r dayReads) IncidentsFrom(from time.Time, limit int) ([]dora.Incident, time.Time, error) {
	until, err := r.until("SELECT created FROM incidents WHERE counts = 1 AND created >= ?1 ORDER BY created LIMIT ?2 + 1", from, limit)
	if err != nil {
		return nil, until, err
	}
	all, err := r.incidents("WHERE counts = 1 AND created >= ? AND created < ?", from.UnixMilli(), endOf(until))
	return all, until, err
}

// until returns the time at which a batch has to end: that of what comes after limit times, and later than the first one; zero if there
// are no more times. The query returns the first times from a time on, one more than limit; these are its parameters ?1 and ?2.
func (r dayReads) until(query string, from time.Time, limit int, more ...any) (time.Time, error) {
	var times []int64
	err := r.read(query, append([]any{from.UnixMilli(), limit}, more...), func(rows Rows) error {
		var at int64
		err := rows.Scan(&at)
		times = append(times, at)
		return err
	})
	if err != nil || len(times) <= limit {
		return time.Time{}, err
	}
	slices.Sort(times)
	if times[limit] > times[0] {
		return fromMillis(times[limit]), nil
	}
	return fromMillis(times[0] + 1), nil
}

// endOf returns an end of a range of times; the last one if it is zero.
func endOf(until time.Time) int64 {
	if until.IsZero() {
		return math.MaxInt64
	}
	return until.UnixMilli()
}

// Shippers returns which deployments shipped changes or commits with some names.
func (r dayReads) Shippers(scope string, names []string) (map[string][]string, error) {
	all := map[string][]string{}
	for chunk := range slices.Chunk(names, maxQueryValues) {
		list, values := listOf(chunk)
		err := r.read("SELECT name, key FROM shipped JOIN deployments ON id = deployment WHERE shipped.scope = "+textID+" AND name IN "+list+
			" ORDER BY success NULLS FIRST, number",
			append([]any{scope}, values...), func(rows Rows) error {
				var name, deployment string
				err := rows.Scan(&name, &deployment)
				all[name] = append(all[name], deployment)
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// EvidenceBy returns the evidence that deployments or incidents give.
func (r dayReads) EvidenceBy(keys []string) ([]dora.Evidence, error) {
	return r.evidence("giver", keys)
}

// EvidenceAbout returns the evidence against deployments.
func (r dayReads) EvidenceAbout(deployments []string) ([]dora.Evidence, error) {
	return r.evidence("target", deployments)
}

func (r dayReads) evidence(column string, keys []string) (all []dora.Evidence, err error) {
	for chunk := range slices.Chunk(keys, maxQueryValues) {
		list, values := listOf(chunk)
		err := r.read("SELECT giver, "+evidenceColumns+", checksum FROM all_evidence WHERE "+column+" IN "+list, values, func(rows Rows) error {
			e, err := r.scanAllEvidence(rows)
			all = append(all, e)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// scanAllEvidence reads a row of all_evidence and checks its checksum.
func (r dayReads) scanAllEvidence(rows Rows) (e dora.Evidence, err error) {
	var giver string
	var at, sum int64
	if err := rows.Scan(&giver, &e.Cause, &e.By, &e.Target, &e.Scope, &at, &e.Detail, &e.Late, &sum); err != nil {
		return e, err
	}
	e.At = fromMillis(at)
	return e, checkRow(r.path, "the evidence that "+giver+" gives", sum, append([]any{giver}, evidenceRow(e)...)...)
}

// Days returns the days of a scope between two dates.
func (r dayReads) Days(scope string, from, to int64) (all []dora.MeasuredDay, err error) {
	err = r.days("WHERE scope = ? AND date BETWEEN ? AND ?", []any{scope, from, to}, func(day dora.MeasuredDay) { all = append(all, day) })
	return all, err
}

const ownedColumns = "scope, owner, repository, team, production"

// days calls add for each day of a query.
func (r dayReads) days(query string, args []any, add func(dora.MeasuredDay)) error {
	return r.read("SELECT "+ownedColumns+", owned, date, measured, days.checksum FROM owned CROSS JOIN days ON owned = id "+query, args, func(rows Rows) error {
		var day dora.MeasuredDay
		var owned, sum int64
		var measured []byte
		o := &day.Owned
		if err := rows.Scan(&o.Scope, &o.Owner, &o.Repository, &o.Team, &o.Production, &owned, &day.Date, &measured, &sum); err != nil {
			return err
		}
		name := fmt.Sprintf("day %d of %s", day.Date, o.Scope)
		if err := checkRow(r.path, name, sum, owned, day.Date, measured); err != nil {
			return err
		}
		if err := day.Decode(measured); err != nil {
			return &CorruptError{Path: r.path, What: name + " can't be read", Err: err}
		}
		add(day)
		return nil
	})
}

// OwnedCounts returns what all days add up to, by whose deployments they have.
func (r dayReads) OwnedCounts() (map[dora.Owned]dora.Counts, error) {
	all := map[dora.Owned]dora.Counts{}
	err := r.read("SELECT "+ownedColumns+", counts, checksum FROM owned", nil, func(rows Rows) error {
		o, counts, err := r.scanCounts(rows)
		all[o] = counts
		return err
	})
	return all, err
}

func (r dayReads) scanCounts(rows Rows) (o dora.Owned, counts dora.Counts, err error) {
	var text string
	var sum int64
	if err := rows.Scan(&o.Scope, &o.Owner, &o.Repository, &o.Team, &o.Production, &text, &sum); err != nil {
		return o, nil, err
	}
	name := "the counts of " + o.Scope
	if err := checkRow(r.path, name, sum, ownedRow(o, text)...); err != nil {
		return o, nil, err
	}
	if err := json.Unmarshal([]byte(text), &counts); err != nil {
		return o, nil, &CorruptError{Path: r.path, What: name + " can't be read", Err: err}
	}
	return o, counts, nil
}

// ownedRow returns the columns of a row that its checksum covers.
func ownedRow(o dora.Owned, counts string) []any {
	var production int64
	if o.Production {
		production = 1
	}
	return []any{o.Scope, o.Owner, o.Repository, o.Team, production, counts}
}

const policyKey = "days_policy"

// Policy returns the policy that the days were made by.
func (r dayReads) Policy() (policy string, err error) {
	policy, _, err = readMeta(r.path, r.read, policyKey)
	return policy, err
}
