package postgres

import (
	"fmt"
	"strings"
	"testing"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlstore"
)

// A process that is stopped in the middle of reading holds its snapshot only for a time, and says why its read was ended. The server's
// minutes are shorter here.
func TestPausedReader(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	p := newPlace(server)
	s := p.open(t)
	for n := range 4 { // more than the buffers of a connection hold
		var text strings.Builder
		for part := range 500 {
			text.WriteString(incompressible(500*n + part))
		}
		d := delivery(fmt.Sprint("large ", n))
		d.Event = dora.Event{Deployment: &dora.Deployment{Description: text.String()}}
		if _, err := s.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	server.Psql("postgres", `CREATE SCHEMA short;
		CREATE FUNCTION short.set_config(name text, value text, local boolean) RETURNS text LANGUAGE sql AS
			'SELECT pg_catalog.set_config(name, CASE value WHEN ''600000'' THEN ''1000'' ELSE value END, local)'`)
	ofMinutes := server.URL("postgres", "postgres") + "&application_name=reader&options=-csearch_path%3Dshort,pg_catalog"
	snapshots := "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reader' AND backend_xmin IS NOT NULL"
	isEnded := func() error {
		if n := server.Psql("postgres", snapshots); n != "0" {
			return fmt.Errorf("%s snapshots are held", n)
		}
		return nil
	}
	for name, stop := range map[string]func(r *sqlstore.Reader) error{
		"between two queries": func(r *sqlstore.Reader) error {
			if _, err := r.Facts(t.Context(), 0, 1); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the read is ended", isEnded)
			_, err := r.Facts(t.Context(), 0, 1)
			return err
		},
		"while rows arrive": func(r *sqlstore.Reader) error {
			return r.EachRow(t.Context(), table(t, "deliveries"), func([]any) error {
				eventually(t, "the read is ended", isEnded)
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := postgres.OpenReader(t.Context(), ofMinutes, p.schema)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			held := false
			err = r.Snapshot(t.Context(), func(r *sqlstore.Reader) error {
				if _, err := r.Facts(t.Context(), 0, 1); err != nil {
					return err
				}
				held = server.Psql("postgres", snapshots) == "1"
				return stop(r)
			})
			if !held {
				t.Error("no snapshot was held before")
			}
			if err == nil || !strings.Contains(err.Error(), "suspended") {
				t.Errorf("the read that goes on: %v", err)
			}
			eventually(t, "the next read", func() error {
				_, err := r.Facts(t.Context(), 0, 1)
				return err
			})
		})
	}
}

func table(t *testing.T, name string) sqlstore.Table {
	t.Helper()
	for _, table := range sqlstore.Tables() {
		if table.Name == name {
			return table
		}
	}
	t.Fatal("no table ", name)
	return sqlstore.Table{}
}
