package rules

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"dora-exporter/dora"
)

// How days are made.
//
// A day has what its deployments count for as if every event had come in time; FailedChanges finds the same of a whole history. The days
// of a scope are stale from a time on. Deployments before that time show the same as before, since a deployment is evidence against
// itself and earlier ones alone. The exception is what ran when the first one from that time on succeeded: whether a failing status of
// it came while it ran, and what repaired it (runsBefore).
//
// So the evidence is found anew that is given by the deployments of the scope from that time on, by what ran before, and by the
// incidents from that time on. Then these deployments are measured anew, and those that the evidence is about, now or before, with
// what repaired them.
//
// Days of a scope before the time from which its history is complete can't be made anew: storage.retention may have removed deployments of
// them, or what they followed. They keep what they have, and there a deployment can only become a failed change, or one that is repaired,
// by what has come since. Another policy does not change them either. What they don't have was never there, as what a backfill brings: it
// is measured as if it followed what is left.

// Days makes days anew in memory.
type Days struct {
	policy dora.Policy
	reads  dora.DayReads
	atOnce int

	// complete has the time from which the history of a scope is complete.
	complete map[string]time.Time
	stale    map[string]time.Time
	// made is the work that was done, in deployments.
	made int
	// given has evidence that was found anew, by the deployment or incident that gives it, and about the same by its target.
	given, about map[string][]dora.Evidence
	// scopes has the days that have been read or made.
	scopes map[string]*scopeDays
	// unpacked are those of which days have been read or made since days were packed.
	unpacked map[string]*scopeDays
}

// scopeDays are days of a scope: those of the dates that have been read since days were packed, and those that have been made since then. packed has
// the others that are no longer what they were.
type scopeDays struct {
	read   []dates
	days   map[dora.DayKey]*madeDay
	packed map[dora.DayKey]packedDay
}

// madeDay is a day before and after it was made anew.
type madeDay struct{ before, now []dora.Measured }

// DaysAtOnce is how many deployments or incidents are read at once by default.
const DaysAtOnce = 250

// NewDays returns days of which none has been made anew. It reads at most so many deployments or incidents at once, unless more are of
// one time.
func NewDays(p dora.Policy, r dora.DayReads, atOnce int) *Days {
	return &Days{
		policy: p, reads: r, atOnce: atOnce, complete: map[string]time.Time{}, stale: map[string]time.Time{},
		given: map[string][]dora.Evidence{}, about: map[string][]dora.Evidence{},
		scopes: map[string]*scopeDays{}, unpacked: map[string]*scopeDays{},
	}
}

// scopeWork is what making days of a scope takes besides the work for each deployment, in deployments.
const scopeWork = 5

// Work returns how much work was done, in deployments.
func (d *Days) Work() int { return d.made }

// StaleSince returns since when Make has left days of a scope stale; zero if it has made all.
func (d *Days) StaleSince(scope string) time.Time { return d.stale[scope] }

// MakeAll makes all days anew that are stale.
func (d *Days) MakeAll() error {
	_, err := d.MakeSome(math.MaxInt)
	return err
}

// MakeSome makes days anew that are stale, for about as much work as a number of deployments is. It reports whether some are still stale. After
// a change of the policy, when all days of a scope are, it makes all: measures of some scopes alone would look like those of all.
func (d *Days) MakeSome(work int) (more bool, err error) {
	stale, err := d.reads.Stale()
	if err != nil {
		return false, err
	}
	for _, since := range stale {
		if since.IsZero() {
			work = math.MaxInt
		}
	}
	for _, scope := range slices.Sorted(maps.Keys(stale)) {
		for since, more := stale[scope], true; more; more = !since.IsZero() {
			if d.made >= work {
				return true, nil
			}
			if err := d.Make(scope, since, time.Time{}); err != nil {
				return false, err
			}
			since = d.stale[scope]
		}
		d.pack()
	}
	return false, nil
}

// Make makes days of a scope anew that are stale since a time: those of a limited number of deployments before another time, which is zero
// for no such limit, or what a limited number of incidents shows.
func (d *Days) Make(scope string, since, before time.Time) error {
	if scope == dora.StaleIncidents {
		return d.makeIncidents(since)
	}
	if issue, ok := dora.CutStaleIncident(scope); ok {
		return d.makeIncident(scope, issue)
	}
	complete, err := d.completeFrom(scope)
	if err != nil {
		return err
	}
	deployments, until, err := d.reads.DeploymentsFrom(scope, since, before, d.atOnce)
	if err != nil {
		return err
	}
	d.made += scopeWork + len(deployments)
	h, err := newWindow(d.reads, scope, since, until, deployments)
	if err != nil {
		return err
	}
	running, err := runsBefore(h, scope, dora.Moment{At: since})
	if err != nil {
		return err
	}
	again, givers := map[string]dora.DeploymentRecord{}, map[string][]dora.Evidence{}
	for _, t := range append(running, deployments...) {
		again[t.Key()] = t
	}
	for key, t := range again {
		if givers[key], err = d.findEvidence(h, t); err != nil {
			return err
		}
	}
	if err := d.remove(scope, latest(since, complete), until); err != nil {
		return err
	}
	d.stale[scope] = until
	return d.update(h, givers, again)
}

// completeFrom returns the time from which the history of a scope is complete.
func (d *Days) completeFrom(scope string) (time.Time, error) {
	complete, known := d.complete[scope]
	if known {
		return complete, nil
	}
	complete, err := d.reads.CompleteFrom(scope)
	if err == nil {
		d.complete[scope] = complete
	}
	return complete, err
}

// makeIncidents finds anew what incidents show.
func (d *Days) makeIncidents(since time.Time) error {
	incidents, until, err := d.reads.IncidentsFrom(since, d.atOnce)
	if err != nil {
		return err
	}
	d.made += scopeWork + len(incidents)
	givers := map[string][]dora.Evidence{}
	for _, i := range incidents {
		if givers[i.Key], err = evidenceByIncident(d.policy, d.reads, i); err != nil {
			return err
		}
	}
	d.stale[dora.StaleIncidents] = until
	return d.update(d.reads, givers, map[string]dora.DeploymentRecord{})
}

// makeIncident finds anew what one incident shows. What one shows that was removed stays.
func (d *Days) makeIncident(stale, issue string) error {
	d.made++
	d.stale[stale] = time.Time{}
	i, err := d.reads.Get(issue)
	if err != nil || i.Key == "" {
		return err
	}
	evidence, err := evidenceByIncident(d.policy, d.reads, i)
	if err != nil {
		return err
	}
	return d.update(d.reads, map[string][]dora.Evidence{issue: evidence}, map[string]dora.DeploymentRecord{})
}

// update replaces the evidence that givers give, and measures deployments anew: some, those that the evidence is about, now or before, and
// what repaired them.
func (d *Days) update(h dora.History, givers map[string][]dora.Evidence, again map[string]dora.DeploymentRecord) error {
	targets, gave := map[string]bool{}, map[string]bool{}
	before, err := d.evidenceBy(slices.Collect(maps.Keys(givers)))
	if err != nil {
		return err
	}
	for _, e := range before {
		targets[e.Target], gave[dora.DeploymentOf(e.By)] = true, true
	}
	for giver, evidence := range givers {
		if len(evidence) == 0 && !gave[giver] { // as most deployments
			continue
		}
		d.replace(giver, evidence)
		for _, e := range evidence {
			targets[e.Target] = true
		}
	}
	about, err := d.evidenceAbout(slices.Collect(maps.Keys(targets)))
	if err != nil {
		return err
	}
	for target := range targets {
		if err := add(h, again, target); err != nil {
			return err
		}
		for _, e := range about[target] {
			repair, _, err := repairOf(h, d.reads, dora.FailedChange{Evidence: e})
			if err == nil {
				err = add(h, again, repair.Key())
			}
			if err != nil {
				return err
			}
		}
	}
	return d.measure(h, again)
}

// add adds a deployment to others unless it is there or not known.
func add(h dora.History, all map[string]dora.DeploymentRecord, key string) error {
	if _, known := all[key]; known {
		return nil
	}
	t, known, err := h.Deployment(key)
	if err == nil && known {
		all[key] = t
	}
	return err
}

// maxRunsBefore limits how many runs before another one matter to it: more begin only when that many begin within a second, the
// precision of GitHub's times.
const maxRunsBefore = 20

// runsBefore returns the deployments to which a run may matter that begins in their scope at a moment: what ran before it. A status may
// have the time at which another run begins, so what ran before the runs of that time is among them.
func runsBefore(h dora.Runs, scope string, m dora.Moment) (all []dora.DeploymentRecord, err error) {
	for len(all) < maxRunsBefore {
		run, known, err := h.Previous(scope, m)
		if err != nil || !known {
			return all, err
		}
		all = append(all, run.DeploymentRecord)
		if last := run.At.Before(m.At) && len(all) > 1; last {
			break
		}
		m = run.Moment()
	}
	return all, nil
}

// DaysPolicy returns the part of a policy that days depend on, as text. Days that were made by another one are to be made anew.
func DaysPolicy(p dora.Policy) string {
	return fmt.Sprintf("1 %q %q %q %s", p.IgnoreAuthors, p.HotfixBranches.Patterns(), p.HotfixLabels.Patterns(), p.IncidentWindow)
}
