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

// pausedReader reads from a database whose minutes are shorter.
type pausedReader struct {
	*testing.T

	server *pgserver.Server
	url    string
	schema string
}

// newPausedReader returns a reader of deliveries that are larger than the buffers of a connection.
func newPausedReader(t *testing.T) pausedReader {
	t.Helper()
	server := pgserver.Start(t, "fsync=off")
	p := newPlace(server)
	s := p.open(t)
	for n := range 4 {
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
	url := server.URL("postgres", "postgres") + "&application_name=reader&options=-csearch_path%3Dshort,pg_catalog"
	return pausedReader{t, server, url, p.schema}
}

// snapshots returns how many snapshots its connections hold.
func (p pausedReader) snapshots() string {
	return p.server.Psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reader' AND backend_xmin IS NOT NULL")
}

// pause waits until no snapshot is held any more.
func (p pausedReader) pause() {
	p.Helper()
	eventually(p.T, "the read is ended", func() error {
		if n := p.snapshots(); n != "0" {
			return fmt.Errorf("%s snapshots are held", n)
		}
		return nil
	})
}

// read calls f in a snapshot, which pauses. That ends the snapshot, and no later one.
func (p pausedReader) read(f func(r *sqlstore.Reader) error) {
	p.Helper()
	r, err := postgres.OpenReader(p.Context(), p.url, p.schema)
	if err != nil {
		p.Fatal(err)
	}
	defer r.Close()
	held := false
	err = r.Snapshot(p.Context(), func(r *sqlstore.Reader) error {
		if _, err := r.Facts(p.Context(), 0, 1); err != nil {
			return err
		}
		held = p.snapshots() == "1"
		return f(r)
	})
	if !held {
		p.Error("no snapshot was held before")
	}
	if err == nil || !strings.Contains(err.Error(), "suspended") {
		p.Errorf("the read that goes on: %v", err)
	}
	eventually(p.T, "the next read", func() error {
		_, err := r.Facts(p.Context(), 0, 1)
		return err
	})
}

// A process that is stopped in the middle of reading holds its snapshot only for a time, and says why its read was ended.
func TestPausedReader(t *testing.T) {
	p := newPausedReader(t)
	t.Run("between two queries", func(t *testing.T) {
		p.T = t
		p.read(func(r *sqlstore.Reader) error {
			if _, err := r.Facts(t.Context(), 0, 1); err != nil {
				t.Fatal(err)
			}
			p.pause()
			_, err := r.Facts(t.Context(), 0, 1)
			return err
		})
	})
	t.Run("while rows arrive", func(t *testing.T) {
		p.T = t
		p.read(func(r *sqlstore.Reader) error {
			return r.EachRow(t.Context(), table(t, "deliveries"), func([]any) error {
				p.pause()
				return nil
			})
		})
	})
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
