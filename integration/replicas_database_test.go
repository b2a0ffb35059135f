package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"dora-exporter/integration/pgserver"
)

// The disk with the tables is full, and then that with the write-ahead log, for which PostgreSQL ends. When there is room again, and a
// supervisor has started PostgreSQL, the replicas go on by themselves.
func TestReplicasDiskFull(t *testing.T) {
	t.Parallel()
	for folder, ends := range map[string]bool{"base": false, "pg_wal": true} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			server := pgserver.Start(t, "max_wal_size=32MB", "min_wal_size=32MB", "wal_recycle=off")
			disk := server.SmallDisk(folder, 100)
			r := newReplicas(t, 3, func(int) string { return server.URL("postgres", "postgres") }, "")
			if !ends { // the first evaluations of 24 scopes, and as many look-ups, are tried again after 1, 2, 4, 8 and 16 seconds
				r.repeats = (24 + 24) * 5
			}
			r.start(t)
			r.load()
			stop := r.scrape(t)
			r.goesOn(t, 30)
			disk.Fill()
			if ends {
				useLog(t, server)
			}
			r.isRefused(t, 20)
			if said := server.Output(); !strings.Contains(said, "No space left on device") || strings.Contains(said, "PANIC") != ends {
				t.Errorf("PostgreSQL says:\n%s", said)
			}
			disk.Free()
			if ends {
				server.Kill()
				server.Boot()
			}
			r.goesOn(t, 60)
			stop()
			r.check(t)
		})
	}
}

// useLog begins new files of the write-ahead log until there can be none.
func useLog(t *testing.T, server *pgserver.Server) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := conn.Exec(t.Context(), "CREATE TABLE written (); DROP TABLE written; SELECT pg_switch_wal()"); err != nil {
			return
		}
	}
	t.Error("the disk has room for more of the log")
}

// Others take all connections of the server: the replicas keep those that they have. When these are ended, they refuse webhooks until there is
// room again, and one that starts meanwhile waits for it.
func TestReplicasOutOfConnections(t *testing.T) {
	t.Parallel()
	server := pgserver.Start(t, "max_connections=60", "superuser_reserved_connections=3")
	server.Psql("postgres", "CREATE ROLE exporter LOGIN; CREATE SCHEMA dora_exporter AUTHORIZATION exporter")
	url := server.URL("exporter", "postgres")
	r := newReplicas(t, 3, func(int) string { return url }, "")
	r.start(t)
	r.load()
	stop := r.scrape(t)
	r.goesOn(t, 30)
	superuser, err := pgx.Connect(t.Context(), server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	var others []*pgx.Conn
	take := func() {
		for {
			conn, err := pgx.Connect(t.Context(), url+"&application_name=other")
			if err != nil {
				return
			}
			others = append(others, conn)
		}
	}
	take()
	r.goesOn(t, 30)
	// A connection is free for a moment after its end, in which a replica may take it again.
	r.isRefused(t, 20, func() error {
		const end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'dora-exporter'"
		var ended int
		if err := superuser.QueryRow(t.Context(), end).Scan(&ended); err != nil {
			return err
		}
		take()
		if ended > 0 {
			return fmt.Errorf("the replicas had %d", ended)
		}
		return nil
	})
	r.all[2].kill()
	r.all[2].run(t, binary)
	r.all[2].waitUntilItSays(t, "the database is not available, waiting for it")
	for _, conn := range others {
		_ = conn.Close(t.Context())
	}
	for _, e := range r.all {
		e.waitUntilReady(t)
	}
	r.goesOn(t, 60)
	stop()
	r.check(t)
}

// The server crashes and its synchronous standby is promoted, to which the replicas find by themselves: their address has both hosts. Nothing
// that was answered is lost, even if the standby had been cut off before, so that nothing could be answered. PostgreSQL shows what it has committed
// without the standby when who waits for that gives up: a replica that has seen such facts ends, and its values may go back.
func TestReplicasFailOver(t *testing.T) {
	t.Parallel()
	for name, isCutOff := range map[string]bool{"the standby streams": false, "the standby was cut off": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary := pgserver.Start(t)
			standby := primary.Standby()
			primary.Psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
			primary.Psql("postgres", "SELECT pg_reload_conf()")
			hasStandbys := func(want string) {
				t.Helper()
				eventually(t, want+" standbys are synchronous", func() error {
					if n := primary.Psql("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"); n != want {
						return errors.New(n)
					}
					return nil
				})
			}
			hasStandbys("1")
			url := fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable&target_session_attrs=read-write", primary.Port, standby.Port)
			r := newReplicas(t, 3, func(int) string { return url }, "")
			r.start(t)
			r.load()
			stop := r.scrape(t)
			r.goesOn(t, 60)
			if isCutOff {
				stop()
				standby.Psql("postgres", "ALTER SYSTEM SET primary_conninfo = ''")
				standby.Psql("postgres", "SELECT pg_reload_conf()")
				hasStandbys("0")
				r.isRefused(t, 20)
			}
			primary.Kill()
			standby.Promote()
			if isCutOff {
				r.supervise(t)
			}
			r.goesOn(t, 60)
			if isCutOff {
				r.supervise(t)
			}
			for _, e := range r.all {
				e.waitUntilReady(t)
			}
			stop()
			r.check(t)
		})
	}
}

// supervise starts replicas again that have ended, since the database has lost what they had seen, and waits until all are ready.
func (r *replicas) supervise(t *testing.T) {
	t.Helper()
	for _, e := range r.all {
		eventually(t, "the replica is ready", func() error {
			_, err := get("http://" + e.address + "/readyz")
			if said := e.output.String(); err == nil || strings.LastIndex(said, "level=error msg=stopped") < strings.LastIndex(said, "msg=listening") {
				return err
			}
			_ = e.process.Wait() // its error is in the log
			e.run(t, binary)
			e.waitUntilReady(t)
			return nil
		})
	}
}
