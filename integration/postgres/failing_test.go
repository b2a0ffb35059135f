package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
)

// A statement that the server refuses, whose result nobody waits for, fails its own update and no other one that is committed with it. The
// store goes on.
func TestStatementFails(t *testing.T) {
	s := newPlace(pgserver.Start(t, "fsync=off")).open(t)
	ends := map[string]func(tx dora.Tx) error{
		"at the end": func(dora.Tx) error { return nil },
		"before a query": func(tx dora.Tx) error {
			_, err := tx.Repositories().Named("acme/web")
			return err
		},
		"before a fact": func(tx dora.Tx) error {
			_, err := tx.Facts().Add(fact("refused"))
			return err
		},
		"and the error of a query is ignored": func(tx dora.Tx) error {
			_, _ = tx.Repositories().Named("acme/web")
			return nil
		},
		"and the rules fail": func(tx dora.Tx) error { return errors.New("a rule") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			var updates sync.WaitGroup
			for i := range 12 {
				updates.Go(func() {
					if i%4 == 0 {
						if err := s.Update(t.Context(), func(tx dora.Tx) error { return errors.Join(saveRefused(tx), end(tx)) }); err == nil {
							t.Error("the update with the refused statement succeeds")
						}
						return
					}
					if err := addFact(context.Background(), s, fmt.Sprint(name, i)); err != nil {
						t.Errorf("another update: %v", err)
					}
				})
			}
			updates.Wait()
			if err := s.Err(); err != nil {
				t.Errorf("the store says %v", err)
			}
		})
	}
	if got, want := positions(t, s), 9*len(ends); got != want {
		t.Errorf("%d facts, want %d", got, want)
	}
}

// saveRefused stores a repository whose key is too long for PostgreSQL's index.
func saveRefused(tx dora.Tx) error {
	key := make([]byte, 10_000)
	_, _ = rand.Read(key)
	return tx.Repositories().Save(dora.Repository{Key: string(key), Host: "api.github.com", ID: 1})
}
