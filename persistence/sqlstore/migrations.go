package sqlstore

// Migrations are the steps of the schema: Migrations[n] migrates it from version n to n+1; version 0 is an empty database. Each is
// applied in a transaction of its own.
// The text is SQLite's; another engine translates the types of the columns.
// A released migration is never changed.
//
// Times are Unix milliseconds. The zero time.Time is the first instant of the year 1 and has a number like any other
// (-62135596800000), so that it is read as zero again. Times named due, ripe, waiting_since and failing_since are readings of the
// store's Clock. Each checksum is over the columns that checkedColumns lists.
var Migrations = [...]string{`
	CREATE TABLE meta (
		key      TEXT    PRIMARY KEY,
		value    TEXT    NOT NULL,
		checksum INTEGER NOT NULL
	) STRICT;
	CREATE TABLE clock (
		id      INTEGER PRIMARY KEY CHECK (id = 1),
		reading INTEGER NOT NULL,
		wall    INTEGER NOT NULL,         -- time of day of that reading, for people
		checksum INTEGER NOT NULL
	) STRICT;

	CREATE TABLE deliveries (
		id            INTEGER PRIMARY KEY AUTOINCREMENT,
		source        TEXT    NOT NULL,
		stem          INTEGER NOT NULL,           -- of the key, in texts
		rest          TEXT    NOT NULL,           -- of the key
		about         TEXT    NOT NULL,           -- number of the deployment or name of the issue
		event         BLOB    NOT NULL,           -- dora.Event, as by codec
		received      INTEGER NOT NULL,
		state         INTEGER NOT NULL DEFAULT 0, -- 0 pending, 1 processed, 2 dead letter
		due           INTEGER NOT NULL,           -- not to be processed before
		waiting_since INTEGER,                    -- when the team could first not be looked up; NULL before
		attempts      INTEGER NOT NULL DEFAULT 0, -- that failed
		store_failures INTEGER NOT NULL DEFAULT 0, -- those of attempts at which the store failed
		error         TEXT    NOT NULL DEFAULT '', -- of the last one; empty again while it waits for its team
		checksum      INTEGER NOT NULL,
		UNIQUE (stem, rest)
	) STRICT;
	CREATE INDEX deliveries_about ON deliveries (about);
	CREATE INDEX deliveries_due   ON deliveries (due, id, waiting_since, attempts, store_failures) WHERE state = 0; -- with the last three to check them
	CREATE INDEX deliveries_dead  ON deliveries (id)      WHERE state = 2;
	CREATE INDEX deliveries_failed ON deliveries (received) WHERE state = 0 AND error <> '';

	CREATE TABLE texts (                  -- that many rows share
		id   INTEGER PRIMARY KEY,
		text TEXT    NOT NULL UNIQUE
	) STRICT;
	CREATE TABLE series (
		id       INTEGER PRIMARY KEY,
		family   INTEGER NOT NULL,        -- its name in texts
		labels   TEXT    NOT NULL,        -- JSON, sorted by name
		position INTEGER NOT NULL,        -- of its first fact; 0 if it was imported
		at       INTEGER NOT NULL,        -- when it began
		checksum INTEGER NOT NULL,
		UNIQUE (family, labels)
	) STRICT;
	CREATE INDEX series_position ON series (position);
	CREATE TABLE facts (
		position INTEGER PRIMARY KEY,     -- 1, 2, 3, without gaps
		series   INTEGER NOT NULL,
		stem     INTEGER NOT NULL,        -- of the subject, in texts
		rest     TEXT    NOT NULL,        -- of the subject
		family   INTEGER NOT NULL,        -- as in series
		value    INTEGER NOT NULL,
		at       INTEGER NOT NULL,
		id       INTEGER NOT NULL,
		checksum INTEGER NOT NULL         -- of the dora.Fact
	) STRICT;
	CREATE UNIQUE INDEX facts_subject ON facts (stem, rest, family);
	CREATE INDEX facts_series ON facts ((position / 16384), series, at, value); -- new facts change few pages of it, see ofSeries; at and value for seriesFacts
	CREATE TABLE sums (                   -- of the facts of each series up to sums_position
		family   TEXT    NOT NULL,
		labels   TEXT    NOT NULL,        -- as in series
		own      INTEGER NOT NULL,        -- as in dora.Series, likewise below
		at       INTEGER NOT NULL,
		id       INTEGER NOT NULL,
		buckets  TEXT    NOT NULL,        -- JSON
		checksum INTEGER NOT NULL,
		PRIMARY KEY (family, labels)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE sums_position (
		id       INTEGER PRIMARY KEY CHECK (id = 1),
		position INTEGER NOT NULL,
		bounds   TEXT    NOT NULL,        -- JSON of dora.Sums.Bounds
		rows     INTEGER NOT NULL,        -- sum of the checksums of sums
		checksum INTEGER NOT NULL
	) STRICT;
	CREATE TABLE pushed (                 -- what the receiver of deltas has
		instrument TEXT    NOT NULL,
		labels     TEXT    NOT NULL,      -- as in series
		until      INTEGER,               -- end of the last interval that has arrived, Unix nanoseconds; NULL if none has
		value      REAL    NOT NULL,
		buckets    TEXT    NOT NULL,      -- JSON
		checksum   INTEGER NOT NULL,
		PRIMARY KEY (instrument, labels)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE baselines (
		hash     TEXT    PRIMARY KEY,
		source   TEXT    NOT NULL,
		details  BLOB    NOT NULL,        -- the values and the bounds of their histograms, as by codec
		taken    INTEGER NOT NULL,
		checksum INTEGER NOT NULL
	) STRICT;
	CREATE TABLE label_sets (
		families TEXT NOT NULL,           -- github, jira or dora
		labels   TEXT NOT NULL,           -- as in dora.Labels.Key
		checksum INTEGER NOT NULL,
		PRIMARY KEY (families, labels)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE reserved_series (
		families TEXT    PRIMARY KEY,
		count    INTEGER NOT NULL,        -- of the admitted label_sets
		checksum INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;

	CREATE TABLE commits (
		stem     INTEGER NOT NULL,        -- of the key (dora.Commit.Key), in texts
		rest     TEXT    NOT NULL,        -- of the key
		origin   BLOB    NOT NULL,        -- dora.Origin, as by codec
		checksum INTEGER NOT NULL,
		PRIMARY KEY (stem, rest)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE unshipped (              -- commits with an origin that no deployment is known to ship
		position INTEGER NOT NULL,        -- of the newest fact when the origin was stored
		stem     INTEGER NOT NULL,        -- as in commits
		rest     TEXT    NOT NULL,
		PRIMARY KEY (position, stem, rest)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE lookups (
		commit_key TEXT    PRIMARY KEY,
		details    TEXT    NOT NULL,      -- JSON of dora.Commit
		repository TEXT    NOT NULL,      -- as in dora.RepositoryKey
		due        INTEGER NOT NULL,
		attempts   INTEGER NOT NULL,
		misses     INTEGER NOT NULL,
		failing_since INTEGER NOT NULL,
		failing_calls TEXT    NOT NULL,   -- JSON of dora.FailingCalls; empty for none
		inaccessible  INTEGER NOT NULL,
		checksum   INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE INDEX lookups_due ON lookups (due);
	CREATE INDEX lookups_inaccessible ON lookups (commit_key) WHERE inaccessible = 1;
	CREATE TABLE waiting_statuses (
		commit_key TEXT    NOT NULL,
		subject    TEXT    NOT NULL,
		labels     TEXT    NOT NULL,      -- JSON
		at         INTEGER NOT NULL,
		id         INTEGER NOT NULL,
		checksum   INTEGER NOT NULL,
		PRIMARY KEY (commit_key, subject)
	) STRICT, WITHOUT ROWID;

	CREATE TABLE repositories (
		key  TEXT    PRIMARY KEY,         -- as in dora.RepositoryKey, likewise below
		host TEXT    NOT NULL,
		id   INTEGER NOT NULL,            -- GitHub's; 0 while it is not known
		checksum INTEGER NOT NULL
	) STRICT;
	CREATE UNIQUE INDEX repositories_id ON repositories (host, id) WHERE id <> 0;
	CREATE TABLE repository_names (
		name       TEXT    NOT NULL,      -- as in dora.RepositoryName
		repository TEXT    NOT NULL,
		seen       INTEGER NOT NULL,      -- time of the newest event that called it so
		PRIMARY KEY (name, repository)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX repository_names_seen ON repository_names (repository, seen DESC, name);
	CREATE TABLE environments (
		repository TEXT    NOT NULL,
		folded     TEXT    NOT NULL,      -- as in dora.FoldName
		name       TEXT    NOT NULL,      -- as it was spelled first
		production INTEGER NOT NULL,
		checksum   INTEGER NOT NULL,
		PRIMARY KEY (repository, folded)
	) STRICT, WITHOUT ROWID;

	CREATE TABLE deployments (
		id         INTEGER PRIMARY KEY,
		key        TEXT    NOT NULL UNIQUE, -- as in dora.Deployment.Key, likewise below
		number     INTEGER NOT NULL,      -- GitHub's id
		repository INTEGER NOT NULL,      -- in texts, likewise scope, here and below
		scope      INTEGER NOT NULL,
		sha        TEXT    NOT NULL,
		branch     TEXT    NOT NULL,      -- as in dora.Deployment.Branch
		success    INTEGER,               -- when it succeeded; NULL if it did not
		found_at   INTEGER NOT NULL,      -- as in dora.DeploymentRecord.When
		evaluated  INTEGER NOT NULL DEFAULT 0,
		details    BLOB    NOT NULL,      -- dora.DeploymentRecord, as by codec
		checksum   INTEGER NOT NULL
	) STRICT;
	CREATE INDEX deployments_evaluated ON deployments (scope, success, number) WHERE evaluated = 1;
	CREATE INDEX deployments_sha       ON deployments (sha, scope);
	CREATE INDEX deployments_branch    ON deployments (repository, branch, success) WHERE success IS NOT NULL; -- with success to check it
	CREATE INDEX deployments_number    ON deployments (number);
	CREATE INDEX deployments_repository ON deployments (repository, number);
	CREATE INDEX deployments_unsuccessful ON deployments (scope, found_at) WHERE success IS NULL;
	CREATE TABLE statuses (               -- each status of a deployment, to find those that a history has without their numbers
		host       INTEGER NOT NULL,      -- the deployment's, in texts
		deployment INTEGER NOT NULL,      -- GitHub's id
		state      INTEGER NOT NULL,      -- in texts
		at         INTEGER NOT NULL,
		id         INTEGER NOT NULL,
		checksum   INTEGER NOT NULL,
		PRIMARY KEY (host, deployment, state, at, id)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE successes (              -- each status of success
		deployment INTEGER NOT NULL,      -- its id, likewise below
		at         INTEGER NOT NULL,
		number     INTEGER NOT NULL,
		scope      INTEGER NOT NULL,
		sha        TEXT    NOT NULL,
		team       TEXT    NOT NULL,
		production INTEGER NOT NULL,
		PRIMARY KEY (deployment, at)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX successes_scope ON successes (scope, at, number);
	CREATE INDEX successes_sha   ON successes (scope, sha, at, number);
	CREATE INDEX successes_team  ON successes (team, at, number) WHERE production = 1;
	CREATE VIEW runs AS SELECT * FROM successes AS s WHERE deployment IS DISTINCT FROM ( -- of the success before it in its scope
		SELECT deployment FROM successes WHERE scope = s.scope AND (at, number) < (s.at, s.number) ORDER BY at DESC, number DESC LIMIT 1);
	CREATE TABLE shipped (
		scope      INTEGER NOT NULL,
		name       TEXT    NOT NULL,      -- of a change (#12) or a commit (its SHA)
		deployment INTEGER NOT NULL,
		change     TEXT    NOT NULL,      -- as in dora.Change.Name
		revert     INTEGER NOT NULL,
		checksum   INTEGER NOT NULL,
		PRIMARY KEY (name, scope, deployment)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE titles (
		scope      INTEGER NOT NULL,
		title      TEXT    NOT NULL,      -- of a shipped change, as in dora.Change.Titles
		change     TEXT    NOT NULL,
		deployment INTEGER NOT NULL,
		checksum   INTEGER NOT NULL,
		PRIMARY KEY (scope, title, change, deployment)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE incidents (
		key      TEXT    PRIMARY KEY,
		name     TEXT    NOT NULL,
		created  INTEGER NOT NULL,
		counts   INTEGER NOT NULL,        -- 1 if dora.Incident.IsCounted
		details  TEXT    NOT NULL,        -- JSON of dora.Incident without its events
		checksum INTEGER NOT NULL
	) STRICT;
	CREATE INDEX incidents_name ON incidents (name);
	CREATE INDEX incidents_created ON incidents (created) WHERE counts = 1;
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
		failing_calls TEXT    NOT NULL,   -- JSON of dora.FailingCalls; empty for none
		inaccessible  INTEGER NOT NULL,
		first      INTEGER NOT NULL DEFAULT 0, -- 1 for the first of the deployments of its scope
		checksum   INTEGER NOT NULL,      -- over what a failure changes; the indexes have the others
		PRIMARY KEY (kind, key)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX evaluations_due   ON evaluations (due) WHERE kind <> 'deployment';
	CREATE INDEX evaluations_first ON evaluations (due) WHERE first = 1;
	CREATE INDEX evaluations_repository ON evaluations (repository, at) WHERE first = 1;
	CREATE INDEX evaluations_inaccessible ON evaluations (key) WHERE inaccessible = 1;
	CREATE UNIQUE INDEX evaluations_one_first ON evaluations (scope) WHERE first = 1;
	CREATE INDEX evaluations_scope ON evaluations (kind, scope, at, number, ripe, due); -- with ripe to count them, with due to check it
	CREATE TABLE evidence (
		cause  TEXT    NOT NULL,
		by     TEXT    NOT NULL,
		target TEXT    NOT NULL,          -- the deployment that failed
		scope  TEXT    NOT NULL,
		at     INTEGER NOT NULL,
		detail TEXT    NOT NULL,
		late   INTEGER NOT NULL,
		decided INTEGER NOT NULL,         -- 1 if the target is a failed change; its index has the others
		checksum INTEGER NOT NULL,
		PRIMARY KEY (cause, by)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX evidence_target    ON evidence (target);
	CREATE INDEX evidence_undecided ON evidence (scope, at) WHERE decided = 0;
	CREATE INDEX evidence_by        ON evidence (by);
	CREATE TABLE failed_changes (
		target      TEXT    PRIMARY KEY,
		scope       TEXT    NOT NULL,
		cause       TEXT    NOT NULL,
		by          TEXT    NOT NULL,
		at          INTEGER NOT NULL,
		detail      TEXT    NOT NULL,
		repaired_by TEXT    NOT NULL,
		repaired_at INTEGER,              -- NULL while nothing has
		late        INTEGER NOT NULL,
		checksum    INTEGER NOT NULL
	) STRICT;
	CREATE INDEX failed_changes_unrepaired ON failed_changes (scope) WHERE repaired_at IS NULL;
	CREATE INDEX failed_changes_repaired   ON failed_changes (repaired_by) WHERE repaired_at IS NOT NULL;
	CREATE INDEX failed_changes_by         ON failed_changes (by) WHERE repaired_at IS NULL;

	CREATE TABLE backfill_parts (
		name  TEXT PRIMARY KEY,
		state TEXT NOT NULL,              -- JSON of how far it was read
		checksum INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE TABLE archive_pages (
		part   TEXT    NOT NULL,          -- as in backfill_parts
		number INTEGER NOT NULL,          -- 1, 2, 3, without gaps
		page   BLOB    NOT NULL,          -- dora.ArchivePage, as by codec
		checksum INTEGER NOT NULL,
		PRIMARY KEY (part, number)
	) STRICT, WITHOUT ROWID;

	CREATE TABLE arrivals (               -- by day, the newest delivery and fact
		day      INTEGER PRIMARY KEY,     -- on which that delivery arrived, days since 1970
		delivery INTEGER NOT NULL,
		position INTEGER NOT NULL
	) STRICT;
	CREATE TABLE aged (                   -- as in dora.AgedRecord
		kind TEXT NOT NULL,
		key  TEXT NOT NULL,
		PRIMARY KEY (kind, key)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE removed_keys (           -- of all that was removed
		hash BLOB NOT NULL PRIMARY KEY    -- as in removedKey.hash
	) STRICT, WITHOUT ROWID;
	CREATE TABLE removal (
		id       INTEGER PRIMARY KEY CHECK (id = 1),
		position INTEGER NOT NULL,        -- of the last fact that was removed
		before   INTEGER NOT NULL,        -- as in dora.Removal
		complete INTEGER NOT NULL,        -- as in dora.DayReads.CompleteFrom; 0 for the zero time
		keys     INTEGER NOT NULL,        -- number of removed_keys
		keys_sum INTEGER NOT NULL,        -- of the checksums of removed_keys
		checksum INTEGER NOT NULL
	) STRICT;
` + dayTables}
