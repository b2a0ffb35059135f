package sqlstore

// The numbers of rows that are cached.
const (
	// maxCachedIDs is for short rows.
	maxCachedIDs = 10_000
	// maxCachedDeployments is for deployments with what they ship.
	maxCachedDeployments = 1000
)

// caches has the rows that the transactions of the writer have read or written.
type caches struct {
	// exclusive is true if no other process changes these rows.
	exclusive bool
	// texts and series have ids of rows of these tables, which are never changed or removed; labelSets has which rows are there.
	texts     *rowCache[string, int64]
	series    *rowCache[seriesKey, int64]
	labelSets *rowCache[labelSet, int64]
	// deployments has deployments by their keys, also those that are not stored.
	deployments *rowCache[string, storedDeployment]
	// stale has a time since which the days of a scope are stale at least.
	stale *rowCache[string, int64]
}

func newCaches(exclusive bool) caches {
	return caches{
		exclusive: exclusive,
		texts:     newRowCache[string, int64](maxCachedIDs), series: newRowCache[seriesKey, int64](maxCachedIDs),
		labelSets:   newRowCache[labelSet, int64](maxCachedIDs),
		deployments: newRowCache[string, storedDeployment](maxCachedDeployments),
		stale:       newRowCache[string, int64](maxCachedIDs),
	}
}

// rollback forgets what may have been rolled back.
func (c caches) rollback() {
	c.texts.rollback()
	c.series.rollback()
	c.labelSets.rollback()
	c.deployments.rollback()
	c.stale.rollback()
}

// commit keeps what was committed, as long as nobody else changes it.
func (c caches) commit() {
	c.texts.commit()
	c.series.commit()
	c.labelSets.commit()
	if !c.exclusive {
		c.deployments.clear()
		c.stale.clear()
		return
	}
	c.deployments.commit()
	c.stale.commit()
}

// clear forgets all rows.
func (c caches) clear() {
	c.texts.clear()
	c.series.clear()
	c.labelSets.clear()
	c.deployments.clear()
	c.stale.clear()
}
