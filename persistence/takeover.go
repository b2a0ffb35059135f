package persistence

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Baseline is a .prom file that another program wrote, as it was taken over.
type Baseline struct {
	// Hash identifies the file.
	Hash string
	// Source is the path that it was found at.
	Source string
	// Text has the values that were taken, in Prometheus' text format.
	Text  []byte
	Taken time.Time
	// Start is when its values started at nothing, as its text says; zero when that does not tell. It is not read back.
	Start time.Time
}

// Baselines returns all that was taken over, the oldest first.
func (r *Reader) Baselines(ctx context.Context) ([]Baseline, error) {
	var baselines []Baseline
	err := r.query(ctx, "SELECT hash, source, text, taken FROM baselines ORDER BY taken, hash", nil, func(rows *sql.Rows) error {
		var b Baseline
		var taken int64
		if err := rows.Scan(&b.Hash, &b.Source, &b.Text, &taken); err != nil {
			return err
		}
		var whole bool
		if b.Text, whole = unseal(b.Text); !whole {
			return &CorruptError{Path: r.path, What: "the baseline of " + b.Source + " does not match its checksum"}
		}
		b.Taken = fromMillis(taken)
		baselines = append(baselines, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the baselines: %w", err)
	}
	return baselines, nil
}

// AddBaseline stores a baseline, durably. One with the same hash is left as it is.
func (s *Store) AddBaseline(ctx context.Context, b Baseline) error {
	earlier := !b.Start.IsZero() && b.Start.Before(s.Started())
	sealed := seal(b.Text[:len(b.Text):len(b.Text)])
	err := s.update(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO baselines (hash, source, text, taken) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
			b.Hash, b.Source, sealed, b.Taken.UnixMilli())
		if err != nil || !earlier {
			return err
		}
		_, err = t.exec("UPDATE meta SET value = ? WHERE key = 'created'", b.Start.UTC().Format(time.RFC3339Nano))
		return err
	})
	if err != nil {
		return fmt.Errorf("take over %s: %w", b.Source, err)
	}
	if earlier {
		s.identity.Lock()
		defer s.identity.Unlock()
		s.started = b.Start
	}
	return nil
}
