package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// applicationID marks the file as a database of dora-exporter: "dora". https://sqlite.org/pragma.html#pragma_application_id
const applicationID = 0x646f7261

// migrations[n] migrates the schema from version n to n+1; version 0 is an empty file. Each is applied in a transaction of its own.
// A released migration is never changed.
//
// Times are Unix milliseconds. The zero time.Time is the first instant of the year 1 and has a number like any other
// (-62135596800000), so that it is read as zero again. Times named due, ripe, waiting_since and failing_since are readings of the
// store's Clock. Each checksum is over the columns that checkedColumns lists.
var migrations = [...]string{`
	CREATE TABLE meta (
		key   TEXT PRIMARY KEY,
		value TEXT NOT NULL
	) STRICT;
	CREATE TABLE clock (
		id      INTEGER PRIMARY KEY CHECK (id = 1),
		reading INTEGER NOT NULL,
		wall    INTEGER NOT NULL          -- time of day of that reading, for people
	) STRICT;

	CREATE TABLE deliveries (
		id            INTEGER PRIMARY KEY AUTOINCREMENT,
		source        TEXT    NOT NULL,
		key           TEXT    NOT NULL UNIQUE,
		event         TEXT    NOT NULL,           -- JSON of dora.Event
		received      INTEGER NOT NULL,
		state         INTEGER NOT NULL DEFAULT 0, -- 0 pending, 1 processed, 2 dead letter
		due           INTEGER NOT NULL,           -- not to be processed before
		waiting_since INTEGER,                    -- when the team could first not be looked up; NULL before
		attempts      INTEGER NOT NULL DEFAULT 0, -- that failed
		error         TEXT    NOT NULL DEFAULT '', -- of the last one
		checksum      INTEGER NOT NULL
	) STRICT;
	CREATE INDEX deliveries_pending ON deliveries (id)  WHERE state = 0;
	CREATE INDEX deliveries_due     ON deliveries (due) WHERE state = 0;
	CREATE INDEX deliveries_dead    ON deliveries (id)  WHERE state = 2;

	CREATE TABLE facts (
		position INTEGER PRIMARY KEY,     -- 1, 2, 3, without gaps
		family   TEXT    NOT NULL,
		subject  TEXT    NOT NULL,
		labels   TEXT    NOT NULL,        -- JSON, sorted by name
		value    INTEGER NOT NULL,
		at       INTEGER NOT NULL,
		id       INTEGER NOT NULL,
		checksum INTEGER NOT NULL,        -- over all other columns
		UNIQUE (family, subject)
	) STRICT;
	CREATE TABLE series_starts (          -- when each series began
		family   TEXT    NOT NULL,
		labels   TEXT    NOT NULL,        -- as in facts
		position INTEGER NOT NULL,        -- of its first fact; 0 if it was imported
		at       INTEGER NOT NULL,
		PRIMARY KEY (family, labels)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX series_starts_position ON series_starts (position);
	CREATE TABLE pushed (                 -- what the receiver of deltas has
		instrument TEXT    NOT NULL,
		labels     TEXT    NOT NULL,      -- as in facts
		until      INTEGER,               -- end of the last interval that has arrived, Unix nanoseconds; NULL if none has
		value      REAL    NOT NULL,
		buckets    TEXT    NOT NULL,      -- JSON
		PRIMARY KEY (instrument, labels)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE baselines (
		hash     TEXT    PRIMARY KEY,
		source   TEXT    NOT NULL,
		details  TEXT    NOT NULL,        -- JSON of the values and the bounds of their histograms
		taken    INTEGER NOT NULL,
		checksum INTEGER NOT NULL
	) STRICT;
	CREATE TABLE label_sets (
		families TEXT NOT NULL,           -- github, jira or dora
		labels   TEXT NOT NULL,           -- as in dora.Labels.Key
		PRIMARY KEY (families, labels)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE series (
		families TEXT    PRIMARY KEY,
		count    INTEGER NOT NULL         -- of the admitted label_sets
	) STRICT, WITHOUT ROWID;

	CREATE TABLE commits (
		key      TEXT    PRIMARY KEY,     -- as in dora.Commit.Key
		origin   TEXT    NOT NULL,        -- JSON of dora.Origin
		checksum INTEGER NOT NULL
	) STRICT;
	CREATE TABLE lookups (
		commit_key TEXT    PRIMARY KEY,
		details    TEXT    NOT NULL,      -- JSON of dora.Commit
		due        INTEGER NOT NULL,
		attempts   INTEGER NOT NULL,
		misses     INTEGER NOT NULL,
		failing_since INTEGER NOT NULL,
		inaccessible  INTEGER NOT NULL,
		checksum   INTEGER NOT NULL
	) STRICT;
	CREATE INDEX lookups_due ON lookups (due);
	CREATE TABLE waiting_statuses (
		commit_key TEXT    NOT NULL,
		subject    TEXT    NOT NULL,
		labels     TEXT    NOT NULL,      -- JSON
		at         INTEGER NOT NULL,
		id         INTEGER NOT NULL,
		checksum   INTEGER NOT NULL,
		PRIMARY KEY (commit_key, subject)
	) STRICT;

	CREATE TABLE repositories (
		key  TEXT    PRIMARY KEY,         -- as in dora.RepositoryKey, likewise below
		host TEXT    NOT NULL,
		id   INTEGER NOT NULL             -- GitHub's; 0 while it is not known
	) STRICT;
	CREATE UNIQUE INDEX repositories_id ON repositories (host, id) WHERE id <> 0;
	CREATE TABLE repository_names (
		name       TEXT    NOT NULL,      -- as in dora.RepositoryName
		repository TEXT    NOT NULL,
		seen       INTEGER NOT NULL,      -- time of the newest event that called it so
		PRIMARY KEY (name, repository)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE environments (
		repository TEXT    NOT NULL,
		folded     TEXT    NOT NULL,      -- as in dora.FoldName
		name       TEXT    NOT NULL,      -- as it was spelled first
		production INTEGER NOT NULL,
		PRIMARY KEY (repository, folded)
	) STRICT, WITHOUT ROWID;

	CREATE TABLE deployments (
		key        TEXT    PRIMARY KEY,   -- as in dora.Deployment.Key, likewise below
		number     INTEGER NOT NULL,      -- GitHub's id
		repository TEXT    NOT NULL,
		scope      TEXT    NOT NULL,
		sha        TEXT    NOT NULL,
		branch     TEXT    NOT NULL,      -- as in dora.Deployment.Branch
		team       TEXT    NOT NULL,
		production INTEGER NOT NULL,
		success    INTEGER,               -- when it succeeded; NULL if it did not
		found_at   INTEGER NOT NULL,      -- as in dora.DeploymentRecord.When
		evaluated  INTEGER NOT NULL DEFAULT 0,
		details    TEXT    NOT NULL,      -- JSON of dora.DeploymentRecord
		checksum   INTEGER NOT NULL
	) STRICT;
	CREATE INDEX deployments_evaluated ON deployments (scope, success, number) WHERE evaluated = 1;
	CREATE INDEX deployments_sha       ON deployments (sha);
	CREATE INDEX deployments_branch    ON deployments (repository, branch, sha, success) WHERE success IS NOT NULL;
	CREATE INDEX deployments_number    ON deployments (number);
	CREATE INDEX deployments_repository ON deployments (repository);
	CREATE INDEX deployments_unsuccessful ON deployments (scope, found_at) WHERE success IS NULL;
	CREATE TABLE successes (              -- each status of success
		deployment TEXT    NOT NULL,
		at         INTEGER NOT NULL,
		number     INTEGER NOT NULL,
		scope      TEXT    NOT NULL,
		sha        TEXT    NOT NULL,
		team       TEXT    NOT NULL,
		production INTEGER NOT NULL,
		PRIMARY KEY (deployment, at)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX successes_scope ON successes (scope, at, number);
	CREATE INDEX successes_sha   ON successes (scope, sha, at, number);
	CREATE INDEX successes_team  ON successes (team, at, number) WHERE production = 1;
	CREATE VIEW runs AS SELECT * FROM successes AS s WHERE deployment IS NOT ( -- of the success before it in its scope
		SELECT deployment FROM successes WHERE scope = s.scope AND (at, number) < (s.at, s.number) ORDER BY at DESC, number DESC LIMIT 1);
	CREATE TABLE shipped (
		scope      TEXT    NOT NULL,
		name       TEXT    NOT NULL,      -- of a change (#12) or a commit (its SHA)
		deployment TEXT    NOT NULL,
		change     TEXT    NOT NULL,      -- as in dora.Change.Name
		success    INTEGER NOT NULL,
		number     INTEGER NOT NULL,
		revert     INTEGER NOT NULL,
		repository TEXT    NOT NULL,
		PRIMARY KEY (scope, name, deployment)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX shipped_name ON shipped (name);
	CREATE INDEX shipped_repository ON shipped (repository);
	CREATE TABLE titles (
		scope   TEXT    NOT NULL,
		title   TEXT    NOT NULL,         -- of a shipped change, as in dora.Change.Titles
		change  TEXT    NOT NULL,
		success INTEGER NOT NULL,
		number  INTEGER NOT NULL,
		PRIMARY KEY (scope, title, change, success, number)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE incidents (
		key      TEXT    PRIMARY KEY,
		name     TEXT    NOT NULL,
		created  INTEGER NOT NULL,
		details  TEXT    NOT NULL,        -- JSON of dora.Incident without its events
		checksum INTEGER NOT NULL
	) STRICT;
	CREATE INDEX incidents_name ON incidents (name);
	CREATE INDEX incidents_created ON incidents (created);
	CREATE TABLE incident_events (
		key      TEXT    PRIMARY KEY,     -- of the incident
		events   TEXT    NOT NULL,        -- JSON of []dora.IncidentEvent
		checksum INTEGER NOT NULL
	) STRICT;

	CREATE TABLE evaluations (
		kind       TEXT    NOT NULL,
		key        TEXT    NOT NULL,
		scope      TEXT    NOT NULL,
		repository TEXT    NOT NULL,
		at         INTEGER NOT NULL,
		number     INTEGER NOT NULL,
		due        INTEGER NOT NULL,
		ripe       INTEGER NOT NULL,
		attempts   INTEGER NOT NULL,
		misses     INTEGER NOT NULL,
		failing_since INTEGER NOT NULL,
		inaccessible  INTEGER NOT NULL,
		first      INTEGER NOT NULL DEFAULT 0, -- 1 for the first of the deployments of its scope
		PRIMARY KEY (kind, key)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX evaluations_due   ON evaluations (due) WHERE kind <> 'deployment';
	CREATE INDEX evaluations_first ON evaluations (due) WHERE first = 1;
	CREATE INDEX evaluations_repository ON evaluations (repository, at) WHERE first = 1;
	CREATE INDEX evaluations_ripe  ON evaluations (ripe);
	CREATE UNIQUE INDEX evaluations_one_first ON evaluations (scope) WHERE first = 1;
	CREATE INDEX evaluations_scope ON evaluations (kind, scope, at, number);
	CREATE TABLE evidence (
		cause  TEXT    NOT NULL,
		by     TEXT    NOT NULL,
		target TEXT    NOT NULL,          -- the deployment that failed
		scope  TEXT    NOT NULL,
		at     INTEGER NOT NULL,
		detail TEXT    NOT NULL,
		late   INTEGER NOT NULL,
		PRIMARY KEY (cause, by)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX evidence_scope ON evidence (scope, target);
	CREATE TABLE failed_changes (
		target      TEXT    PRIMARY KEY,
		scope       TEXT    NOT NULL,
		cause       TEXT    NOT NULL,
		by          TEXT    NOT NULL,
		at          INTEGER NOT NULL,
		detail      TEXT    NOT NULL,
		repaired_by TEXT    NOT NULL,
		repaired_at INTEGER,              -- NULL while nothing has
		late        INTEGER NOT NULL
	) STRICT;
	CREATE INDEX failed_changes_unrepaired ON failed_changes (scope) WHERE repaired_at IS NULL;

	CREATE TABLE owned (                  -- whose deployments the days have, as in dora.Owned
		id         INTEGER PRIMARY KEY,
		scope      TEXT    NOT NULL,
		owner      TEXT    NOT NULL,
		repository TEXT    NOT NULL,      -- its name
		team       TEXT    NOT NULL,
		production INTEGER NOT NULL,
		deployments INTEGER NOT NULL,     -- of all days
		counts     TEXT    NOT NULL,      -- JSON: what all days add up to
		checksum   INTEGER NOT NULL,
		UNIQUE (scope, owner, repository, team, production)
	) STRICT;
	CREATE INDEX owned_empty ON owned (id) WHERE deployments = 0;
	CREATE TABLE days (
		owned    INTEGER NOT NULL,
		date     INTEGER NOT NULL,        -- days since 1970
		measured BLOB    NOT NULL,        -- as in dora.MeasuredDay.Encode
		checksum INTEGER NOT NULL,
		PRIMARY KEY (owned, date)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE all_evidence (           -- what all events show, where evidence has what was found when it was evaluated
		giver  TEXT    NOT NULL,          -- the deployment or incident
		cause  TEXT    NOT NULL,
		by     TEXT    NOT NULL,
		target TEXT    NOT NULL,
		scope  TEXT    NOT NULL,
		at     INTEGER NOT NULL,
		detail TEXT    NOT NULL,
		late   INTEGER NOT NULL,
		PRIMARY KEY (giver, cause, by)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX all_evidence_target ON all_evidence (target);
	CREATE TABLE stale_days (
		scope TEXT    PRIMARY KEY,        -- empty for what incidents show
		since INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
`}

// prepare checks the database file and brings its schema up to date.
func prepare(ctx context.Context, path string) (err error) {
	db, err := connect(path, "synchronous(FULL)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(damaged(path, err), db.Close()) }()
	db.SetMaxOpenConns(1)
	version, err := schemaVersion(ctx, db, path)
	if err != nil {
		return err
	}
	if err := useWAL(ctx, db, path); err != nil {
		return err
	}
	if version > 0 {
		if err := checkIntegrity(ctx, db, path); err != nil {
			return err
		}
	}
	for ; version < len(migrations); version++ {
		if err := migrate(ctx, db, version); err != nil {
			return fmt.Errorf("migrate database %s to schema version %d: %w", path, version+1, err)
		}
	}
	return checkState(ctx, db, path)
}

// schemaVersion returns the schema version of the file, 0 for an empty file. It refuses files of other programs and newer versions.
func schemaVersion(ctx context.Context, db *sql.DB, path string) (version int, err error) {
	var application, tables int
	err = db.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).
		Scan(&application, &version, &tables)
	switch {
	case err != nil:
		return 0, fmt.Errorf("open database %s: %w", path, err)
	case tables > 0 && application != applicationID:
		return 0, fmt.Errorf("database %s belongs to another program; set storage.database to another path", path)
	case version > len(migrations):
		return 0, fmt.Errorf("database %s has schema version %d and this program knows versions up to %d; "+
			"start the newer dora-exporter that wrote it, or restore a backup made before that one was started",
			path, version, len(migrations))
	}
	return version, nil
}

// useWAL switches the file to a write-ahead log, permanently.
func useWAL(ctx context.Context, db *sql.DB, path string) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return fmt.Errorf("open database %s: %w", path, err)
	}
	if mode != "wal" {
		return fmt.Errorf("database %s does not support a write-ahead log (its journal mode is %s); "+
			"set storage.database to a path on a local disk", path, mode)
	}
	return nil
}

// migrate migrates the schema from a version to the next. The first migration also creates the store's id.
func migrate(ctx context.Context, db *sql.DB, version int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
		return err
	}
	if version == 0 {
		now := time.Now().UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
		_, err := tx.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES ('store_id', ?), ('created', ?), ('started', ?)", uuid.NewString(), now, now)
		if err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version+1))
	if err != nil {
		return err
	}
	return tx.Commit()
}
