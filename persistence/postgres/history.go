package postgres

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// history holds what this process knows of the database, by which it notices that transactions were lost: after a failover to a standby
// that had not got all, or when an older copy has taken the place of the database.
type history struct {
	mu sync.Mutex
	// system identifies the cluster of databases, timeline counts its failovers.
	system, timeline string
	// position and checksum are those of the newest fact.
	position, checksum int64
}

// newestFact is the query for the position and checksum of the newest fact.
const newestFact = "SELECT position, checksum FROM facts ORDER BY position DESC LIMIT 1"

// checkHistory fails if the database is another one, or has lost facts that this process has seen.
func (e *engine) checkHistory(c *connection) error {
	results, err := c.simple("SELECT system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_control_system()")
	if err != nil {
		return err
	}
	system, timeline := string(results[0].Rows[0][0]), string(results[0].Rows[0][1])
	h := &e.history
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.system == "":
		h.system, h.timeline = system, timeline
	case h.system != system:
		return e.fail(fmt.Errorf("%w: it is another database cluster, %s instead of %s", errReplaced, system, h.system))
	case h.timeline != timeline && h.position > 0:
		results, err := c.simple(e.dialect.qualify("SELECT checksum FROM facts WHERE position = " + strconv.FormatInt(h.position, 10)))
		if err != nil {
			return err
		}
		if len(results[0].Rows) == 0 || string(results[0].Rows[0][0]) != strconv.FormatInt(h.checksum, 10) {
			return e.fail(fmt.Errorf("%w: fact %d is not there since a failover", errReplaced, h.position))
		}
		h.timeline = timeline
	default:
		h.timeline = timeline
	}
	return nil
}

// sawFact remembers the newest fact, and fails if there was a newer one.
func (e *engine) sawFact(position, checksum int64) error {
	h := &e.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if position < h.position {
		return e.fail(errors.Join(errReplaced, fmt.Errorf("the last fact was %d and is %d", h.position, position)))
	}
	h.position, h.checksum = position, checksum
	return nil
}
