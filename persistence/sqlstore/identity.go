package sqlstore

import (
	"context"
	"fmt"
	"time"
)

// ID returns the store's random UUID, made when the store was created.
func (s *Store) ID() string {
	s.identity.Lock()
	defer s.identity.Unlock()
	return s.id
}

// SetID changes the store's id durably. Checkpoints written before then belong to another store.
func (s *Store) SetID(ctx context.Context, id string) error {
	err := s.update(ctx, func(t *tx) error {
		return t.send("UPDATE meta SET value = ? WHERE key = 'store_id'", id)
	})
	if err != nil {
		return fmt.Errorf("set the id of the store: %w", err)
	}
	s.identity.Lock()
	defer s.identity.Unlock()
	s.id = id
	return nil
}

// Started returns the start time of the series: when the store was created, or the start in the checkpoint that it imported.
func (s *Store) Started() time.Time {
	s.identity.Lock()
	defer s.identity.Unlock()
	return s.started
}

// Created returns when the store was created.
func (s *Store) Created() time.Time { return s.created }

func (s *Store) identify(ctx context.Context) error {
	var created, started string
	err := s.queryRow(ctx, `SELECT (SELECT value FROM meta WHERE key = 'store_id'), (SELECT value FROM meta WHERE key = 'created'),
		(SELECT value FROM meta WHERE key = 'started')`, &s.id, &created, &started)
	if err != nil {
		return fmt.Errorf("read the store's id: %w", err)
	}
	s.created, err = time.Parse(time.RFC3339Nano, created)
	if err == nil {
		s.started, err = time.Parse(time.RFC3339Nano, started)
	}
	if err != nil {
		return &CorruptError{Path: s.path, What: "the time of its creation is not a time", Err: err}
	}
	return nil
}
