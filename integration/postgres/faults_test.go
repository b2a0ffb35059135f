package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlstore"
)

func delivery(key string) dora.Delivery {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return dora.Delivery{
		Source: dora.GitHub, Key: key, Received: at,
		Event: dora.Event{Status: &dora.Status{ID: 7, State: "success", CreatedAt: at.Add(-time.Second)}},
	}
}

func fact(subject string) dora.Fact {
	return dora.Fact{Family: dora.DeploymentsTotal, Labels: dora.Labels{"team": "a"}, Value: 1, Subject: subject}
}

// addFact adds a fact and fails if it is there already.
func addFact(ctx context.Context, s *postgres.Store, subject string) error {
	return s.Update(ctx, func(tx dora.Tx) error {
		added, err := tx.Facts().Add(fact(subject))
		if err == nil && !added {
			err = errors.New("the fact is there already")
		}
		return err
	})
}

// eventually waits until an action succeeds.
func eventually(t *testing.T, what string, action func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = action(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// positions checks that all facts are there without gaps, and returns how many.
func positions(t *testing.T, s *postgres.Store) int {
	t.Helper()
	facts, err := s.Reader.Facts(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return len(facts)
}

// Replicas that start together create one schema, and one store.
func TestReplicasCreateTheSchemaTogether(t *testing.T) {
	startTogether(t, newPlace(pgserver.Start(t, "fsync=off")))
}

func startTogether(t *testing.T, p place) {
	t.Helper()
	ids := make([]string, 6)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() {
			s, err := postgres.Open(t.Context(), p.url, p.schema, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = s.ID()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Errorf("the ids are %q, want one", ids)
		}
	}
}

// A replica that stops in the middle of a transaction loses the lock after a few seconds: the others go on, and what it has begun is
// undone. When it continues, it does it again.
func TestPausedReplica(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	p := newPlace(server)
	a, b := p.open(t), p.open(t)
	paused, goOn := make(chan struct{}), make(chan struct{})
	runs := 0
	done := make(chan error, 1)
	go func() {
		done <- a.Update(t.Context(), func(tx dora.Tx) error {
			if _, err := tx.Facts().Add(fact("paused")); err != nil {
				return err
			}
			if runs++; runs == 1 {
				close(paused)
				<-goOn
			}
			_, err := tx.Facts().Add(fact("continued"))
			return err
		})
	}()
	<-paused
	began := time.Now()
	if err := addFact(t.Context(), b, "meanwhile"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the other replica waited for %s", took)
	}
	close(goOn)
	if err := <-done; err != nil || runs != 2 {
		t.Errorf("the paused update = %v after %d runs, want none after 2", err, runs)
	}
	facts, err := b.Reader.Facts(t.Context(), 0, 9)
	if err != nil || len(facts) != 3 || facts[0].Subject != "meanwhile" {
		t.Errorf("the facts are %+v, %v; want the other replica's first of 3", facts, err)
	}
}

// The database ends in the middle of everything and starts again: what was answered is there, once.
func TestDatabaseCrash(t *testing.T) {
	for name, end := range map[string]func(*pgserver.Server){"killed": (*pgserver.Server).Kill, "restarted": (*pgserver.Server).Stop} {
		t.Run(name, func(t *testing.T) {
			server := pgserver.Start(t)
			p := newPlace(server)
			stores := []*postgres.Store{p.open(t), p.open(t)}
			var mu sync.Mutex
			accepted, added := map[string]bool{}, map[string]bool{}
			ctx, cancel := context.WithCancel(t.Context())
			var load sync.WaitGroup
			for w := range 8 {
				s := stores[w%2]
				load.Go(func() {
					for i := 0; ctx.Err() == nil; i++ {
						key := fmt.Sprintf("%d/%d", w, i)
						if _, err := s.Accept(ctx, delivery(key)); err == nil {
							mu.Lock()
							accepted[key] = true
							mu.Unlock()
						}
						if err := addFact(ctx, s, key); err == nil {
							mu.Lock()
							added[key] = true
							mu.Unlock()
						} else if strings.Contains(err.Error(), "there already") {
							t.Errorf("fact %s was added twice", key)
						}
					}
				})
			}
			for range 3 {
				time.Sleep(700 * time.Millisecond)
				end(server)
				time.Sleep(300 * time.Millisecond)
				server.Boot()
			}
			eventually(t, "adding a fact after the last start", func() error { return addFact(t.Context(), stores[0], fmt.Sprint("after ", time.Now())) })
			time.Sleep(time.Second)
			cancel()
			load.Wait()
			facts := map[string]bool{}
			all, err := stores[1].Facts(t.Context(), 0, 1_000_000)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range all {
				facts[f.Subject] = true
			}
			for key := range added {
				if !facts[key] {
					t.Errorf("fact %s is lost", key)
				}
			}
			for key := range accepted {
				if _, known, err := stores[1].DeliveryOf(t.Context(), key); !known || err != nil {
					t.Errorf("delivery %s is lost, %v", key, err)
				}
			}
			if len(accepted) < 100 || len(added) < 50 {
				t.Errorf("%d deliveries and %d facts are too few to show anything", len(accepted), len(added))
			}
			t.Logf("%d deliveries, %d facts", len(accepted), len(added))
		})
	}
}

// A database that has lost what this process has written, as after a failover to a standby that was behind, ends the process' writes.
func TestDatabaseThatLostTransactions(t *testing.T) {
	server := pgserver.Start(t)
	p := newPlace(server)
	s := p.open(t)
	for i := range 3 {
		if err := addFact(t.Context(), s, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	server.Stop()
	restore := server.Save()
	server.Boot()
	eventually(t, "the lost fact", func() error { return addFact(t.Context(), s, fmt.Sprint("lost ", time.Now())) })
	server.Kill()
	restore()
	server.Boot()
	select {
	case <-s.Failed():
	case <-time.After(30 * time.Second):
		t.Fatal("the process goes on")
	}
	if err := s.Update(t.Context(), func(dora.Tx) error { return nil }); !errors.Is(err, dora.ErrStoreFailing) {
		t.Errorf("Update = %v", err)
	}
	if _, err := s.Accept(t.Context(), delivery("a")); err == nil || s.Err() == nil {
		t.Errorf("Accept = %v, Err = %v; want errors", err, s.Err())
	}
	again := p.open(t)
	if n := positions(t, again); n != 3 {
		t.Errorf("%d facts after the next start, want 3", n)
	}
}

// The limit of the backlog counts what all replicas have accepted.
func TestBacklogIsShared(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	p := newPlace(server)
	a, b := p.open(t), p.open(t)
	for _, s := range []*postgres.Store{a, b} {
		if err := s.LimitBacklog(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		if _, err := a.Accept(t.Context(), delivery(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the other replica refuses", func() error {
		if !errors.Is(b.Err(), sqlstore.ErrBacklog) {
			return errors.New("it accepts more")
		}
		return nil
	})
	if _, err := b.Accept(t.Context(), delivery("more")); !errors.Is(err, sqlstore.ErrBacklog) {
		t.Errorf("Accept = %v, want ErrBacklog", err)
	}
}

// What can't be opened is said with a remedy, and without the password.
func TestOpenSaysWhatToDo(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	server.Psql("postgres", "CREATE ROLE reader LOGIN PASSWORD 'secret'; CREATE ROLE owner LOGIN; CREATE SCHEMA mine AUTHORIZATION owner; CREATE SCHEMA other; CREATE TABLE other.t (a int)")
	const runs = "check that the server runs"
	withPassword := strings.Replace(server.URL("reader", "postgres"), "reader@", "reader:secret@", 1)
	for name, test := range map[string]struct {
		url, schema string
		want        string
	}{
		"no server":        {"postgres://u:secret@127.0.0.1:1/db?sslmode=disable", "x", runs},
		"no database":      {strings.Replace(withPassword, "/postgres?", "/nothing?", 1), "x", "create the database"},
		"no role":          {server.URL("nobody", "postgres"), "x", "check the user and password"},
		"no rights":        {withPassword, "x", `CREATE SCHEMA "x" AUTHORIZATION`},
		"other's schema":   {server.URL("postgres", "postgres"), "other", "set storage.schema to another name"},
		"malformed":        {"postgres://u:secret@127.0.0.1:port/db", "x", "storage.database"},
		"schema of a role": {server.URL("owner", "postgres"), "mine", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var s *postgres.Store
			var said strings.Builder
			err := postgres.Await(t.Context(), time.Second, slog.New(slog.NewTextHandler(&said, nil)), func() (err error) {
				s, err = postgres.Open(t.Context(), test.url, test.schema, slog.New(slog.DiscardHandler))
				return err
			})
			if waits := strings.Contains(said.String(), "waiting"); waits != (test.want == runs) || strings.Contains(said.String(), "secret") {
				t.Errorf("the log says %q", said.String())
			}
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("Open = %v, want %q and no password", err, test.want)
			}
			if err != nil && test.want != runs && strings.Contains(err.Error(), runs) {
				t.Errorf("Open = %v, although the server runs", err)
			}
		})
	}
}
