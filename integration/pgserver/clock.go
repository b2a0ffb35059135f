package pgserver

import (
	"fmt"
	"time"
)

// SettableClock adds a clock that SetClock sets to the database postgres, and returns the URL of sessions that see it instead of the
// server's: their clock_timestamp() is found before that of pg_catalog.
func (s *Server) SettableClock() (url string) {
	s.tb.Helper()
	s.Psql("postgres", `CREATE SCHEMA settable;
		CREATE TABLE settable.clock (ahead interval NOT NULL);
		INSERT INTO settable.clock VALUES ('0');
		CREATE FUNCTION settable.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
			AS 'SELECT pg_catalog.clock_timestamp() + ahead FROM settable.clock'`)
	return s.URL("postgres", "postgres") + "&options=-csearch_path%3Dsettable,pg_catalog"
}

// SetClock sets the clock of SettableClock so much ahead of the server's.
func (s *Server) SetClock(ahead time.Duration) {
	s.tb.Helper()
	s.Psql("postgres", fmt.Sprintf("UPDATE settable.clock SET ahead = '%d seconds'", int(ahead.Seconds())))
}
