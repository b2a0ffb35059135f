package sqlstore

// dayTables are the tables of the summaries by day, which are made from the others. They belong to the first migration.
const dayTables = `
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
		checksum INTEGER NOT NULL,
		PRIMARY KEY (giver, cause, by)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX all_evidence_target ON all_evidence (target);
	CREATE TABLE stale_days (
		scope TEXT    PRIMARY KEY,        -- empty for what incidents show
		since INTEGER NOT NULL,
		checksum INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
`
