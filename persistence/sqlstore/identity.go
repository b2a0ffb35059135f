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
		return t.SaveMeta(idKey, id)
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
	query := s.queryFunc(ctx)
	id, known, err := readMeta(s.path, query, idKey)
	if err != nil {
		return fmt.Errorf("read the store's id: %w", err)
	}
	if !known {
		return &CorruptError{Path: s.path, What: "it has no id"}
	}
	s.id = id
	if s.created, err = readTime(s.path, query, createdKey); err != nil {
		return err
	}
	s.started, err = readTime(s.path, query, startedKey)
	return err
}
