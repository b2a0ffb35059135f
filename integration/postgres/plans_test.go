package postgres

import (
	"strconv"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
)

// Each scrape counts what waits. It does not read what was processed before.
func TestBacklogReadsNoHistory(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "autovacuum=off")
	p := newPlace(server)
	if err := p.open(t).Close(); err != nil {
		t.Fatal(err)
	}
	table := p.schema + ".deliveries"
	server.Psql("postgres", "INSERT INTO "+p.schema+".texts (text) VALUES ('stem')")
	server.Psql("postgres", "INSERT INTO "+table+" (source, stem, rest, about, event, received, due, checksum, state) "+
		"SELECT 'github', 1, i::text::bytea, '', '', i, 0, 0, CASE WHEN i > 19000 THEN 0 ELSE 1 END FROM generate_series(1, 20000) AS i")
	server.Psql("postgres", "VACUUM ANALYZE "+table)
	read := func(index string) int {
		n, err := strconv.Atoi(server.Psql("postgres", "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE schemaname = '"+p.schema+"' AND indexrelname = '"+index+"'"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := read("deliveries_pkey")
	reader, err := postgres.OpenReader(t.Context(), p.url, p.schema)
	if err != nil {
		t.Fatal(err)
	}
	b, err := reader.Backlog(t.Context())
	if err != nil || b.Deliveries != 1000 || b.Oldest.UnixMilli() != 19_001 {
		t.Errorf("Backlog = %+v, %v; want 1000 since 19001 ms", b, err)
	}
	if err := reader.Close(); err != nil { // the session reports what it has read when it ends
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); read("deliveries_due") == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server does not report the query")
		}
	}
	if n := read("deliveries_pkey") - before; n > 10 {
		t.Errorf("%d entries of the primary key are read, want one", n)
	}
}
