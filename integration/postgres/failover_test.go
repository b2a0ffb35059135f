package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/postgres"
)

// A standby takes the place of the server, at the same address. If it has got everything, the processes go on; if not, those that have seen
// more stop, to start again from what there is.
func TestFailover(t *testing.T) {
	for name, behind := range map[string]bool{"with everything": false, "behind": true} {
		t.Run(name, func(t *testing.T) {
			primary := pgserver.Start(t)
			through := newProxy(t, primary)
			p := place{through.URL(), newPlace(primary).schema}
			a, b := p.open(t), p.open(t)
			for i := range 5 {
				if err := addFact(t.Context(), a, fmt.Sprint("before ", i)); err != nil {
					t.Fatal(err)
				}
			}
			standby := primary.Standby()
			if behind {
				standby.Psql("postgres", "ALTER SYSTEM SET primary_conninfo = ''")
				standby.Psql("postgres", "SELECT pg_reload_conf()")
				eventually(t, "the standby is cut off", func() error {
					if primary.Psql("postgres", "SELECT count(*) FROM pg_stat_replication") != "0" {
						return errors.New("it is not")
					}
					return nil
				})
			}
			revision := b.Revision()
			if err := addFact(t.Context(), a, "last"); err != nil {
				t.Fatal(err)
			}
			if !behind {
				eventually(t, "the standby has everything", func() error {
					if standby.Psql("postgres", "SELECT count(*) FROM "+p.schema+".facts") != "6" {
						return errors.New("it has not")
					}
					return nil
				})
			}
			if err := b.WaitAfter(t.Context(), revision); err != nil { // b has seen the last fact, too
				t.Fatal(err)
			}
			primary.Kill()
			through.lead(standby)
			standby.Promote()
			if !behind {
				for i, s := range []*postgres.Store{a, b} {
					eventually(t, "a fact after the failover", func() error { return addFact(t.Context(), s, fmt.Sprintf("after %d %s", i, time.Now())) })
					if _, err := s.Accept(t.Context(), delivery(fmt.Sprint("after ", i))); err != nil {
						t.Error(err)
					}
				}
				eventually(t, "a read after the failover", func() error { // the first one may meet a connection to the old server
					_, err := b.Reader.Facts(t.Context(), 0, 1)
					return err
				})
				if n := positions(t, b); n != 8 {
					t.Errorf("%d facts, want 8", n)
				}
				return
			}
			for i, s := range []*postgres.Store{a, b} {
				select {
				case <-s.Failed():
				case <-time.After(30 * time.Second):
					t.Errorf("process %d goes on", i)
				}
			}
			if n := positions(t, p.open(t)); n != 5 {
				t.Errorf("%d facts after the next start, want 5", n)
			}
		})
	}
}

// Deliveries that were answered are lost, while no connection breaks, as behind a pooler: the process stops without another delivery.
func TestLostDeliveriesBehindAPooler(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	p := newPlace(server)
	s := p.open(t)
	if _, err := s.Accept(t.Context(), delivery("lost")); err != nil {
		t.Fatal(err)
	}
	server.Psql("postgres", "BEGIN; DELETE FROM "+p.schema+".deliveries; UPDATE "+p.schema+".writers SET commits = 0 WHERE convert_from(id, 'UTF8') LIKE '%/inbox'; COMMIT")
	select {
	case <-s.Failed():
	case <-time.After(time.Minute):
		t.Error("the process goes on")
	}
}

// The server takes no more connections: an open store goes on, and one whose sessions were ended waits for room.
func TestOutOfConnections(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=20", "superuser_reserved_connections=2")
	server.Psql("postgres", "CREATE ROLE exporter LOGIN; CREATE SCHEMA crowd AUTHORIZATION exporter")
	p := place{server.URL("exporter", "postgres"), "crowd"}
	s := p.open(t)
	if err := addFact(t.Context(), s, "before"); err != nil {
		t.Fatal(err)
	}
	var crowd []*pgx.Conn
	fill := func() {
		for {
			conn, err := pgx.Connect(t.Context(), p.url)
			if err != nil {
				return
			}
			crowd = append(crowd, conn)
		}
	}
	fill()
	if err := addFact(t.Context(), s, "in the crowd"); err != nil {
		t.Error(err)
	}
	_, err := postgres.OpenReader(t.Context(), p.url, p.schema)
	if err == nil || !strings.Contains(err.Error(), "max_connections") {
		t.Errorf("OpenReader = %v, want the remedy", err)
	}
	server.Psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dora-exporter'")
	fill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := s.Accept(ctx, delivery("too early")); err == nil {
		t.Log("a connection was free") // which is possible while sessions end
	}
	var said testexporter.Buffer
	opened := make(chan error, 1)
	go func() {
		opened <- postgres.Await(t.Context(), time.Minute, slog.New(slog.NewTextHandler(&said, nil)), func() error {
			another, err := postgres.Open(t.Context(), p.url, p.schema, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			return another.Close()
		})
	}()
	eventually(t, "a start waits for a connection", func() error {
		if text := said.String(); !strings.Contains(text, "waiting") || !strings.Contains(text, "53300") {
			return fmt.Errorf("the log says %q", text)
		}
		return nil
	})
	for _, conn := range crowd {
		_ = conn.Close(t.Context())
	}
	if err := <-opened; err != nil {
		t.Errorf("the start fails: %v", err)
	}
	eventually(t, "a fact when there is room", func() error { return addFact(t.Context(), s, fmt.Sprint("after ", time.Now())) })
	if _, err := s.Accept(t.Context(), delivery("after")); err != nil {
		t.Error(err)
	}
	eventually(t, "ready", s.Err)
}

// The disk of the database is full: nothing is answered that is not stored, and all goes on when there is room.
func TestDiskFull(t *testing.T) {
	server := pgserver.Start(t)
	small := t.TempDir()
	folder, err := os.Stat(server.Folder)
	if err != nil {
		t.Fatal(err)
	}
	owner := folder.Sys().(*syscall.Stat_t)
	testexporter.AsRoot(t, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=20m,mode=0700,uid=%d,gid=%d", owner.Uid, owner.Gid), "tmpfs", small)
	t.Cleanup(func() {
		server.Kill()
		testexporter.AsRoot(t, "umount", "-l", small)
	})
	testexporter.AsRoot(t, "chmod", "0755", filepath.Dir(small))
	server.Psql("postgres", "CREATE TABLESPACE small LOCATION '"+small+"'")
	server.Psql("postgres", "CREATE DATABASE small TABLESPACE small")
	p := place{server.URL("postgres", "small"), "full"}
	s := p.open(t)
	testexporter.AsRoot(t, "dd", "if=/dev/zero", "of="+filepath.Join(small, "fill"), "bs=1M", "count=6", "status=none")
	accepted := map[string]bool{}
	failed := false
	for i := 0; i < 2000 && !failed; i++ {
		d := delivery(fmt.Sprint("full ", i))
		d.Event = dora.Event{Deployment: &dora.Deployment{Description: incompressible(i)}}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if _, err := s.Accept(ctx, d); err == nil {
			accepted[d.Key] = true
		} else {
			failed = true
		}
		cancel()
	}
	if !failed {
		t.Fatal("the disk did not become full")
	}
	if s.Err() == nil {
		eventually(t, "not ready", func() error {
			if s.Err() == nil {
				return errors.New("ready")
			}
			return nil
		})
	}
	testexporter.AsRoot(t, "rm", filepath.Join(small, "fill"))
	eventually(t, "a delivery when there is room", func() error {
		_, err := s.Accept(t.Context(), delivery("after"))
		return err
	})
	eventually(t, "ready", s.Err)
	for key := range accepted {
		if _, known, err := s.DeliveryOf(t.Context(), key); !known || err != nil {
			t.Errorf("delivery %s is lost, %v", key, err)
		}
	}
}

// incompressible returns a long text that no compression makes much shorter, and that differs by n.
func incompressible(n int) string {
	random := make([]byte, 20_000)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(random)
	return hex.EncodeToString(random)
}
