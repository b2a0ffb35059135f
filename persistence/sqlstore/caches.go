package sqlstore

import (
	"slices"

	"dora-exporter/dora"
)

// The numbers of rows that are cached.
const (
	// maxCachedIDs is for short rows.
	maxCachedIDs = 10_000
	// maxCachedDeployments is for deployments with what they ship.
	maxCachedDeployments = 1500
	// maxCachedThings is for what facts are about: a thing has some ten facts.
	maxCachedThings = 3000
	// maxCachedOrigins is for origins of commits.
	maxCachedOrigins = 4000
)

// caches has the rows that the transactions of the writer have read or written.
type caches struct {
	// texts and series have ids of rows of these tables, which are never changed or removed; labelSets has which rows are there.
	texts     *rowCache[string, int64]
	series    *rowCache[seriesKey, int64]
	labelSets *rowCache[labelSet, int64]
	// known has facts that are there: an evaluation adds again what a status has added, and series start at 0 once.
	known *rowCache[factKey, int64]
	// things has the facts about what facts were added about lately.
	things *rowCache[thing, knownFacts]
	// deployments has deployments by their keys, also those that are not stored.
	deployments *rowCache[string, storedDeployment]
	// decided has scopes without evidence that is not decided on, repaired scopes without failed changes that are not repaired.
	decided, repaired *rowCache[string, bool]
	// firsts has the first evaluations of scopes, as recorded, also where none is pending; untried the oldest ones of repositories that have
	// not failed, by their keys.
	firsts, untried *rowCache[string, firstEvaluation]
	// origins has the origins of commits by their keys, also those that are not known.
	origins *rowCache[string, knownOrigin]
	// newestNames has by what the newest event called repositories, by their keys.
	newestNames *rowCache[string, seenName]
	// onlyNamed has the repositories by names that events have called no other one by.
	onlyNamed *rowCache[string, dora.Repository]
	// environments has those of repositories.
	environments *rowCache[environmentKey, dora.Environment]
	// stale has a time since which the days of a scope are stale at least.
	stale *rowCache[string, int64]
}

func newCaches() caches {
	return caches{
		texts: newRowCache[string, int64](maxCachedIDs), series: newRowCache[seriesKey, int64](maxCachedIDs),
		labelSets:    newRowCache[labelSet, int64](maxCachedIDs),
		known:        newRowCache[factKey, int64](maxCachedIDs),
		deployments:  newRowCache[string, storedDeployment](maxCachedDeployments),
		things:       newRowCache[thing, knownFacts](maxCachedThings),
		decided:      newRowCache[string, bool](maxCachedIDs),
		repaired:     newRowCache[string, bool](maxCachedIDs),
		stale:        newRowCache[string, int64](maxCachedIDs),
		firsts:       newRowCache[string, firstEvaluation](maxCachedIDs),
		untried:      newRowCache[string, firstEvaluation](maxCachedIDs),
		origins:      newRowCache[string, knownOrigin](maxCachedOrigins),
		newestNames:  newRowCache[string, seenName](maxCachedIDs),
		onlyNamed:    newRowCache[string, dora.Repository](maxCachedIDs),
		environments: newRowCache[environmentKey, dora.Environment](maxCachedIDs),
	}
}

// cache is a rowCache of any rows.
type cache interface {
	commit()
	rollback()
	clear()
}

// lasting returns the caches of rows that are never removed, and never changed but for environments that become production.
func (c caches) lasting() []cache {
	return []cache{c.texts, c.series, c.labelSets, c.known, c.environments}
}

// changing returns the caches of other rows.
func (c caches) changing() []cache {
	return []cache{c.things, c.deployments, c.decided, c.repaired, c.stale, c.firsts, c.untried, c.origins, c.newestNames, c.onlyNamed}
}

// rollbackCaches forgets what may have been rolled back.
func (c caches) rollbackCaches() {
	for _, rows := range slices.Concat(c.lasting(), c.changing()) {
		rows.rollback()
	}
}

// commitCaches keeps what was committed.
func (c caches) commitCaches() {
	for _, rows := range slices.Concat(c.lasting(), c.changing()) {
		rows.commit()
	}
}

// clearChanging forgets what another process may have changed.
func (c caches) clearChanging() {
	for _, rows := range c.changing() {
		rows.clear()
	}
}

// clear forgets all rows.
func (c caches) clear() {
	for _, rows := range slices.Concat(c.lasting(), c.changing()) {
		rows.clear()
	}
}
