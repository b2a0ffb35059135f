// Package checkpoint writes the .prom file, all cumulative values in Prometheus' text format, and restores the values at the start. It
// also imports the files of other programs as baselines.
package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
	"dora-exporter/internal/localfile"
)

// Store is the part of a store that a Checkpoint needs.
type Store interface {
	// ID returns the id of the store; SetID changes it.
	ID() string
	SetID(ctx context.Context, id string) error
	// Started returns the start time of the series: when the store was created, or when the oldest baseline began.
	Started() time.Time
	// Path returns the name of the store for messages.
	Path() string
	// Baselines returns all imported baselines, the oldest first. AddBaseline stores another one durably.
	Baselines(ctx context.Context) ([]dora.Baseline, error)
	AddBaseline(ctx context.Context, b dora.Baseline) error
	// LastPosition returns the position of the newest fact, 0 if there is none.
	LastPosition(ctx context.Context) (int64, error)
	// Sums returns what SaveSums stored last; its zero value if nothing was. The error is dora.ErrDamaged if they are damaged.
	Sums(ctx context.Context) (dora.Sums, error)
	SaveSums(ctx context.Context, s dora.Sums) error
	// Removal returns up to which position the facts have been removed. The sums have them.
	Removal(ctx context.Context) (dora.Removal, error)
}

// Checkpoint is the .prom file: all cumulative values with the position up to which they hold, in Prometheus' text format, so that
// any tool can read it. From time to time it also keeps the sums of the facts in the store. It implements dora.Checkpoint.
type Checkpoint struct {
	path        string
	store       Store
	families    []dora.Family
	byName      map[string]dora.Family
	acceptStore bool
	// optionalLabels is true if imported series keep the optional labels of their families.
	optionalLabels bool
	logger         *slog.Logger
	// summed is the position of the sums in the store. They are saved again at once if they are damaged.
	summed  int64
	damaged bool
}

var _ dora.Checkpoint = (*Checkpoint)(nil)

// New returns the checkpoint of a store at path; without a path it keeps only the sums in the store. With acceptStore, Restore accepts a store that is older than the checkpoint and
// renames the checkpoint.
func New(path string, store Store, families []dora.Family, acceptStore bool, logger *slog.Logger) *Checkpoint {
	c := &Checkpoint{store: store, families: families, byName: map[string]dora.Family{}, acceptStore: acceptStore, logger: logger}
	if path != "" {
		c.path = localfile.Resolve(path)
	}
	for _, f := range families {
		c.byName[f.Name] = f
	}
	return c
}

// KeepOptionalLabels makes Restore import series of another program with the optional labels of their families.
func (c *Checkpoint) KeepOptionalLabels() { c.optionalLabels = true }

// sumsEvery is how many facts are added before the store's sums are saved again, beside one for each series. A start reads as many.
const sumsEvery = 5_000

// Write replaces the file durably and keeps the previous one as .prev.
func (c *Checkpoint) Write(ctx context.Context, s, history dora.State, position int64) error {
	if err := c.writeFile(s, position); err != nil {
		return err
	}
	series := 0
	for _, state := range []dora.State{s, history} {
		for _, all := range state {
			series += len(all)
		}
	}
	if position-c.summed < int64(sumsEvery+series) && !c.damaged {
		return nil
	}
	return c.saveSums(ctx, position, s, history)
}

func (c *Checkpoint) writeFile(s dora.State, position int64) error {
	if c.path == "" {
		return nil
	}
	data, err := encode(header{store: c.store.ID(), position: position, start: c.store.Started()}, c.families, s)
	if err != nil {
		return fmt.Errorf("write checkpoint %s: %w", c.path, err)
	}
	return localfile.Replace(c.path, data)
}

// saveSums keeps the sums of the facts up to a position in the store.
func (c *Checkpoint) saveSums(ctx context.Context, position int64, states ...dora.State) error {
	sums := dora.Sums{Position: position, State: dora.State{}, Bounds: dora.BoundsOf(c.families)}
	for _, s := range states {
		addSums(sums.State, s)
	}
	if err := c.store.SaveSums(ctx, sums); err != nil {
		return err
	}
	c.summed, c.damaged = position, false
	return nil
}

// addSums adds the series of a state without what was imported.
func addSums(sums, s dora.State) {
	for family, all := range s {
		for key, series := range all {
			if imported := series.Baseline != 0 || series.BaselineBuckets != nil; imported && series.Own == 0 && series.At.IsZero() && series.Buckets == nil {
				continue // the baseline has it
			}
			series.Baseline, series.BaselineBuckets = 0, nil
			setSeries(sums, family, key, series)
		}
	}
}

// file is a checkpoint file that was found.
type file struct {
	path string
	fileInfo
}

// readBaseline reads the file's values.
func (f *file) readBaseline(read func(io.Reader, map[string]dora.Family) (dora.State, findings, error), families map[string]dora.Family) (dora.State, findings, error) {
	in, err := openFile(f.path)
	if err != nil {
		return nil, findings{}, err
	}
	defer func() { _ = in.Close() }()
	return read(in, families)
}

// openFile opens a file. It refuses FIFOs, devices and folders, with a remedy.
func openFile(path string) (*os.File, error) {
	in, err := bounds.Open(path)
	if errors.Is(err, bounds.ErrNotRegular) {
		err = fmt.Errorf("%w; move it away, or set the path of a file (storage.file.path) in the configuration", localfile.Error("read", path, err))
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = localfile.Error("read", path, err)
	}
	return in, err
}

// read inspects the file at a path; nil if there is none. The error is errForeign if another program wrote the file, and a
// *damagedError if it is a damaged checkpoint.
func (c *Checkpoint) read(path string) (*file, error) {
	in, err := openFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no file and no error
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	f := &file{path: path}
	f.fileInfo, err = inspect(in)
	var broken *brokenError
	switch {
	case errors.As(err, &broken):
		err = &damagedError{path: path, err: err}
	case err != nil && !errors.Is(err, errForeign):
		err = localfile.Error("read", path, err)
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

func setSeries(state dora.State, family, key string, s dora.Series) {
	if state[family] == nil {
		state[family] = map[string]dora.Series{}
	}
	state[family][key] = s
}
