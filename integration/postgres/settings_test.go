package postgres

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/storetest"
)

// A server, a database or a role may have other defaults.
func TestOtherDefaults(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=200", "default_transaction_isolation=serializable", "default_transaction_deferrable=on",
		"bytea_output=escape", "extra_float_digits=-15", "TimeZone=Asia/Kathmandu", "DateStyle=German", "IntervalStyle=sql_standard", "search_path=",
		"synchronous_commit=off", "lock_timeout=1s", "idle_in_transaction_session_timeout=1s")
	storetest.RunShared(t, func(t *testing.T) (a, b storetest.Store) {
		p := newPlace(server)
		return contractStore{p.open(t), p}, contractStore{p.open(t), p}
	})
	t.Run("replicas that start together", func(t *testing.T) { startTogether(t, newPlace(server)) })
}

// The server may be told not to wait for the disk while a transaction is under way. It is durable all the same.
func TestSettingsReadAgain(t *testing.T) {
	server := pgserver.Start(t, "wal_writer_delay=10s") // else it would be on the disk soon
	p := newPlace(server)
	s := p.open(t)
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		server.Psql("postgres", "ALTER SYSTEM SET synchronous_commit = off")
		server.Psql("postgres", "SELECT pg_reload_conf()")
		eventually(t, "sessions have the setting", func() error {
			if got := server.Psql("postgres", "SHOW synchronous_commit"); got != "off" {
				return errors.New(got)
			}
			return nil
		})
		_, err := tx.Facts().Add(fact("a"))
		return err
	})
	server.Kill()
	if err != nil {
		t.Fatal(err)
	}
	server.Boot()
	if n := positions(t, p.open(t)); n != 1 {
		t.Errorf("%d facts after a crash, want 1", n)
	}
}

// The server ends idle sessions. The next write gets another one, and nothing is logged as an error.
func TestIdleSessionsEnd(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	if server.Psql("postgres", "SELECT current_setting('server_version_num')::int < 140000") == "t" {
		t.Skip("it has no idle_session_timeout")
	}
	p := newPlace(server)
	var said testexporter.Buffer
	s, err := postgres.Open(t.Context(), p.url+"&options=-cidle_session_timeout%3D300", p.schema, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, key := range []string{"a", "b"} {
		if _, err := s.Accept(t.Context(), delivery(key)); err != nil {
			t.Error(err)
		}
		if err := addFact(t.Context(), s, key); err != nil {
			t.Error(err)
		}
		eventually(t, "idle sessions end", func() error {
			// The poll has the only session that is used all the time.
			if n := server.Psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dora-exporter'"); n != "1" {
				return errors.New(n + " sessions are there")
			}
			return nil
		})
	}
	if _, err := s.Accept(t.Context(), delivery("c")); err != nil {
		t.Error(err)
	}
	if err := addFact(t.Context(), s, "c"); err != nil {
		t.Error(err)
	}
	if strings.Contains(said.String(), "failed") {
		t.Error(said.String())
	}
}
