package postgres

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is how long it takes at most until a process notices the commits of others, on average half of it.
const pollInterval = 100 * time.Millisecond

// sharedFor is how long after the last commit of another process it counts as running. It saves its clock every few seconds.
const sharedFor = time.Minute

// leaveTimeout limits how long a process that stops waits to say so.
const leaveTimeout = time.Second

// IsShared reports whether another process used the store when this one could last read it.
func (s *Store) IsShared() bool { return s.engine.isShared.Load() }

// polled is the result of a poll: the commits of the others, the newest fact, and the time.
type polled struct {
	commits            int64
	position, checksum int64
}

// leave notes that this process does not use the store any more. Its rows stay: they number the commits.
func (e *engine) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_, err := e.db.ExecContext(ctx, e.dialect.constant("UPDATE writers SET seen = least(seen, "+millis+" - $3) WHERE id = $1 OR id = $2"),
		[]byte(e.id), []byte(e.inboxID), sharedFor.Milliseconds())
	if err != nil {
		e.logger.Debug("the database was not told that this process stops; others notice it within a minute", "database", e.name, "error", err)
	}
}

// poll notifies the store of what other processes commit, until the engine is closed. Errors are left to the writer, which meets
// them, too.
func (s *Store) poll() {
	last := s.seen
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.engine.closing.Done():
			return
		case <-ticker.C:
		}
		now, err := s.engine.look(s.engine.closing)
		if err != nil {
			continue
		}
		if now.commits != last.commits {
			s.Notify()
		}
		last = now
	}
}

// look reads what other processes have committed.
func (e *engine) look(ctx context.Context) (p polled, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	known, answered, asked := e.committed.Load(), e.inboxCommitted.Load(), time.Now()
	var now, own, inbox int64
	var isShared bool
	err = e.db.QueryRowContext(ctx, e.dialect.constant(`SELECT (SELECT coalesce(sum(commits), 0)::bigint FROM writers WHERE id <> $1 AND id <> $2),
		(SELECT coalesce(sum(commits), 0)::bigint FROM writers WHERE id = $1),
		(SELECT coalesce(sum(commits), 0)::bigint FROM writers WHERE id = $2),
		coalesce(position, 0), coalesce(checksum, 0), EXISTS (SELECT 1 FROM writers WHERE id <> $1 AND id <> $2 AND id <> 'retry' AND seen > `+millis+` - $3), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
		FROM (SELECT 1) AS one LEFT JOIN (`+newestFact+`) AS newest ON true`), []byte(e.id), []byte(e.inboxID), sharedFor.Milliseconds()).
		Scan(&p.commits, &own, &inbox, &p.position, &p.checksum, &isShared, &now)
	if err != nil {
		return p, fmt.Errorf("look for changes in %s: %w", e.name, err)
	}
	e.clock.set(time.UnixMicro(now), asked)
	e.isShared.Store(isShared)
	if err := e.checkDurable(own, known); err != nil {
		return p, err
	}
	if err := e.checkAnswered(inbox, answered); err != nil {
		return p, err
	}
	return p, e.sawFact(p.position, p.checksum)
}
