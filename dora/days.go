package dora

import (
	"strings"
	"time"
)

// Days are summaries: what the deployments of each scope count for by all events, day by day. So a report reads days, and not all
// deployments with all that follows from their order. dora/rules/days.go makes them.
//
// A change of a deployment or incident makes days stale, in the transaction of the change: those of the deployment's scope from its
// time on, and what the incidents from that time on show; or what the one incident shows. Whoever reads days makes the stale ones anew
// in memory; one that writes them keeps these few.

// StaleIncidents is the key under which the time is kept from which on the evidence of incidents is stale. It is no scope.
const StaleIncidents = ""

// staleIncident precedes the key of an incident. No scope begins like that, since a host has no blank.
const staleIncident = "incident "

// StaleIncident returns the key under which the evidence of one incident is stale, by the key of the issue. Its time is that of the
// incident's creation. It is no scope.
func StaleIncident(issue string) string { return staleIncident + issue }

// CutStaleIncident returns the key of the issue in a StaleIncident; false for a scope.
func CutStaleIncident(stale string) (issue string, ok bool) {
	return strings.CutPrefix(stale, staleIncident)
}

// DayReads reads days, and what they are made of.
type DayReads interface {
	History
	// Get returns an incident by its key, without its events; its zero value if it is not known.
	Get(key string) (Incident, error)
	// CompleteFrom returns the time from which all deployments of a scope are there, with those that they followed and the incidents
	// about them: the latest time before which deployments or incidents were removed (RemovalTx). It is zero if none of the scope was,
	// nor an incident that is evidence in it.
	CompleteFrom(scope string) (time.Time, error)
	// Stale returns since when the days of scopes are stale, with StaleIncidents and each StaleIncident.
	Stale() (map[string]time.Time, error)
	// DeploymentsFrom returns the deployments of a scope that have a success from a time on, and those without a success that are of
	// that time or later (DeploymentRecord.When), both before another time unless that is zero. If these are more than limit, it returns
	// those before an earlier time, at least one. until is the time that what it returns is before; zero if there are no others.
	DeploymentsFrom(scope string, from, before time.Time, limit int) (all []DeploymentRecord, until time.Time, err error)
	// IncidentsFrom does the same for all incidents that count (Incident.IsCounted) from a time on, by the time of their creation, without
	// their events.
	IncidentsFrom(from time.Time, limit int) (all []Incident, until time.Time, err error)
	// Shippers returns which deployments of a scope shipped changes or commits with some names.
	Shippers(scope string, names []string) (map[string][]string, error)
	// EvidenceBy returns the evidence that deployments or incidents give by all events, and EvidenceAbout that against deployments, as
	// it was when days were made. Both are in any order.
	EvidenceBy(keys []string) ([]Evidence, error)
	EvidenceAbout(deployments []string) ([]Evidence, error)
	// Days returns the days of a scope between two dates, both inclusive, as they were made.
	Days(scope string, from, to int64) ([]MeasuredDay, error)
}

// DayChanges are days that were made anew.
type DayChanges struct {
	// Evidence is what deployments and incidents show, by their keys, in the place of what they did.
	Evidence map[string][]Evidence
	// Days are in the place of those with their keys; one without deployments is none. Counts is by how much this changes the counts
	// of all days.
	Days   []MeasuredDay
	Counts map[Owned]Counts
	// Stale is since when the days of a scope are still stale; zero if none is.
	Stale map[string]time.Time
}

// DayTx keeps days.
type DayTx interface {
	DayReads
	// StaleSince returns since when the days of a scope are stale; false if they are not.
	StaleSince(scope string) (time.Time, bool, error)
	// Policy returns the policy that the days were made by, and Restart marks all days as stale, by another policy; each StaleIncident
	// stays. It removes all days and evidence, unless deployments or incidents have been removed, of which nothing else is left.
	Policy() (string, error)
	Restart(policy string) error
	// Save stores days that were made anew in this transaction.
	Save(DayChanges) error
}

// StoredDays reads days for a report, all of one moment.
type StoredDays interface {
	DayReads
	// Policy returns the policy that the days were made by.
	Policy() (string, error)
	// OwnedCounts returns what all days add up to, by whose deployments they have; only those that have a day.
	OwnedCounts() (map[Owned]Counts, error)
	// Since calls each for all days from a date on, in any order: those of production alone, or all.
	Since(date int64, production bool, each func(MeasuredDay)) error
	// OldestDays returns the date of the oldest day of each.
	OldestDays() (map[Owned]int64, error)
	// Environments returns those that counted deployments have gone to: production first, then by name.
	Environments() ([]Environment, error)
	// Unsettled returns the number of pending evaluations.
	Unsettled() (int, error)
	// SeriesSums calls each for all series of families, with what their facts add up to.
	SeriesSums(each func(SeriesSum), families ...string) error
}

// SeriesSum is the sum of the facts of a series.
type SeriesSum struct {
	Family string
	Labels Labels
	// Count is the number of observations of a Histogram.
	Count int64
	Sum   int64
}
