package persistence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"

	"dora-exporter/dora"
)

// Checkpoint is the .prom file: all cumulative values with the position up to which they hold, in Prometheus' text format,
// so that any tool can read it. It satisfies dora.Checkpoint.
type Checkpoint struct {
	path        string
	store       *Store
	families    []dora.Family
	byName      map[string]dora.Family
	acceptStore bool
	logger      *slog.Logger
}

var _ dora.Checkpoint = (*Checkpoint)(nil)

// NewCheckpoint returns the checkpoint at path of a store. With acceptStore a store that is older than the checkpoint is
// taken all the same, and the checkpoint set aside.
func NewCheckpoint(path string, store *Store, families []dora.Family, acceptStore bool, logger *slog.Logger) *Checkpoint {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // replace what a link points to, not the link
	}
	c := &Checkpoint{path: path, store: store, families: families, byName: map[string]dora.Family{}, acceptStore: acceptStore, logger: logger}
	for _, f := range families {
		c.byName[f.Name] = f
	}
	return c
}

// Write replaces the file, durably, and keeps the previous one as .prev.
func (c *Checkpoint) Write(_ context.Context, s dora.State, position int64) error {
	data, err := encode(header{store: c.store.ID(), position: position, start: c.store.Started()}, c.families, s)
	if err != nil {
		return fmt.Errorf("write checkpoint %s: %w", c.path, err)
	}
	return replaceFile(c.path, data)
}

// file is a checkpoint as it was found.
type file struct {
	path string
	data []byte
	header
}

// read reads the file at a path; nil when there is none. The error is errForeign when another program wrote it, and a
// *damagedError when we did and it can't be used.
func (c *Checkpoint) read(path string) (*file, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no file and no error
	}
	if err != nil {
		return nil, fileError("read", path, err)
	}
	f := &file{path: path, data: data}
	f.header, err = decode(data)
	if err != nil && !errors.Is(err, errForeign) {
		err = &damagedError{path: path, err: err}
	}
	return f, err
}

type damagedError struct {
	path string
	err  error
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("the checkpoint %s is damaged: %v", e.path, e.err)
}
func (e *damagedError) Unwrap() error { return e.err }

// values turns the file's values into a state: what is above the baseline is our own. It must be a whole number, else the
// file is damaged.
func (c *Checkpoint) values(ctx context.Context, f *file, base dora.State) (dora.State, error) {
	found, _, err := baseline(f.data, c.byName)
	if err != nil {
		return nil, &damagedError{path: f.path, err: err}
	}
	state := dora.State{}
	for _, family := range c.families {
		if family.Kind == dora.Last {
			continue
		}
		for key, series := range found[family.Name] {
			series.Baseline, series.Own, err = split(series.Baseline, base[family.Name][key].Baseline, family.Unit)
			if err != nil {
				return nil, &damagedError{path: f.path, err: fmt.Errorf("%s{%s}: %w", family.Name, key, err)}
			}
			set(state, family.Name, key, series)
		}
	}
	return state, c.newest(ctx, state, base, f.position)
}

// newest adds the values of the Last families: the newest fact's, or the baseline's where there is none.
func (c *Checkpoint) newest(ctx context.Context, state, base dora.State, position int64) error {
	for _, family := range c.families {
		if family.Kind != dora.Last {
			continue
		}
		for key, series := range base[family.Name] {
			set(state, family.Name, key, series)
		}
		facts, err := c.store.Newest(ctx, family.Name, position)
		if err != nil {
			return err
		}
		if err := state.Add(c.byName, facts...); err != nil {
			return err
		}
	}
	return nil
}

// split divides a published value into the baseline and the whole number that was added to it.
func split(value, base float64, unit dora.Unit) (float64, int64, error) {
	own := value - base
	if unit == dora.Milliseconds {
		own *= 1000
	}
	whole := math.Round(own)
	if !(math.Abs(own-whole) < 0.01 && math.Abs(whole) < 1<<53) { // also what is not a number
		return 0, 0, fmt.Errorf("%g is not the baseline %g and whole %s", value, base, map[dora.Unit]string{dora.One: "things", dora.Milliseconds: "milliseconds"}[unit])
	}
	return base, int64(whole), nil
}

func set(state dora.State, family, key string, s dora.Series) {
	if state[family] == nil {
		state[family] = map[string]dora.Series{}
	}
	state[family][key] = s
}
