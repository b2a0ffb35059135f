// Package checkpoint reads and writes the .prom file: all cumulative values in Prometheus' text format, with the position up to which
// they hold. It also imports the files of other programs as baselines.
package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"slices"
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
	// Newest returns the newest fact, by its time and id, of each label set of a family, among those up to a position.
	Newest(ctx context.Context, family string, upTo int64) ([]dora.Fact, error)
}

// Checkpoint is the .prom file: all cumulative values with the position up to which they hold, in Prometheus' text format, so that
// any tool can read it. It implements dora.Checkpoint.
type Checkpoint struct {
	path        string
	store       Store
	families    []dora.Family
	byName      map[string]dora.Family
	acceptStore bool
	// optionalLabels is true if imported series keep the optional labels of their families.
	optionalLabels bool
	logger         *slog.Logger
}

var _ dora.Checkpoint = (*Checkpoint)(nil)

// New returns the checkpoint of a store at path. With acceptStore, Restore accepts a store that is older than the checkpoint and
// renames the checkpoint.
func New(path string, store Store, families []dora.Family, acceptStore bool, logger *slog.Logger) *Checkpoint {
	c := &Checkpoint{path: localfile.Resolve(path), store: store, families: families, byName: map[string]dora.Family{}, acceptStore: acceptStore, logger: logger}
	for _, f := range families {
		c.byName[f.Name] = f
	}
	return c
}

// KeepOptionalLabels makes Restore import series of another program with the optional labels of their families.
func (c *Checkpoint) KeepOptionalLabels() { c.optionalLabels = true }

// Write replaces the file durably and keeps the previous one as .prev.
func (c *Checkpoint) Write(_ context.Context, s dora.State, position int64) error {
	data, err := encode(header{store: c.store.ID(), position: position, start: c.store.Started()}, c.families, s)
	if err != nil {
		return fmt.Errorf("write checkpoint %s: %w", c.path, err)
	}
	return localfile.Replace(c.path, data)
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

// values converts the file's values into a state: the baseline and what was counted since. A file with anything that this program does
// not write is damaged. The error is errTooLarge or errBounds if the file is intact, but its values can't be separated.
func (c *Checkpoint) values(ctx context.Context, f *file, base dora.State) (dora.State, error) {
	found, n, err := f.readBaseline(readOwnBaseline, c.byName)
	if err != nil {
		return nil, &damagedError{path: f.path, err: err}
	}
	if strange := slices.Concat(n.rejected, n.ignored); len(strange) > 0 {
		return nil, &damagedError{path: f.path, err: fmt.Errorf("this program does not write %s", strange[0])}
	}
	if len(n.otherBounds) > 0 {
		return nil, fmt.Errorf("%s: %w", n.otherBounds[0], errBounds)
	}
	state := dora.State{}
	for family, all := range base { // all of it: an older version's checkpoint lacks the families that it did not know
		for key, series := range all {
			setSeries(state, family, key, series)
		}
	}
	for _, family := range c.families {
		if family.Kind == dora.Last {
			if err := c.addNewest(ctx, family, state, found, f); err != nil {
				return nil, err
			}
			continue
		}
		for key, series := range found[family.Name] {
			series, err = subtractBaseline(base[family.Name][key], series, family)
			if errors.Is(err, errTooLarge) {
				return nil, err
			}
			if err != nil {
				return nil, &damagedError{path: f.path, err: fmt.Errorf("%s{%s}: %w", family.Name, key, err)}
			}
			setSeries(state, family.Name, key, series)
		}
	}
	return state, nil
}

// addNewest adds the values of a family of kind Last from the newest facts and the baseline, since the file does not have their time.
// The file must have the same values.
func (c *Checkpoint) addNewest(ctx context.Context, family dora.Family, state, found dora.State, f *file) error {
	facts, err := c.store.Newest(ctx, family.Name, f.position)
	if err != nil {
		return err
	}
	if err := state.Add(c.byName, facts...); err != nil {
		return err
	}
	for key, series := range state[family.Name] {
		written, ok := found[family.Name][key]
		if (ok && written.Baseline != series.Value(family)) || (!ok && !series.At.IsZero()) {
			return &damagedError{path: f.path, err: fmt.Errorf("%s{%s} is not the value of the newest fact", family.Name, key)}
		}
	}
	for key := range found[family.Name] {
		if _, ok := state[family.Name][key]; !ok {
			return &damagedError{path: f.path, err: fmt.Errorf("%s{%s} comes from no fact", family.Name, key)}
		}
	}
	return nil
}

// errBelowBaseline reports that a cumulative value is below its baseline.
var errBelowBaseline = errors.New("it is less than its baseline")

// subtractBaseline separates a published series into its baseline and what was added to it.
func subtractBaseline(base, published dora.Series, f dora.Family) (s dora.Series, err error) {
	s.Labels, s.BaselineBuckets = published.Labels, base.BaselineBuckets
	s.Baseline, s.Own, err = splitValue(published.Baseline, base.Baseline, f.Unit)
	switch {
	case err != nil:
	case f.Kind == dora.Counter && s.Own < 0:
		err = errBelowBaseline
	case f.Kind == dora.Histogram:
		s.Buckets, err = splitBuckets(published.BaselineBuckets, base.BaselineBuckets, s.Own)
	}
	return s, err
}

// errTooLarge reports that a value is so large that a float64 can't represent the whole numbers added to its baseline.
var errTooLarge = errors.New("the value is too large to compute what was added to its baseline")

// splitValue separates a published value into the baseline and the whole number that was added to it.
func splitValue(value, base float64, unit dora.Unit) (float64, int64, error) {
	largest := max(math.Abs(value), math.Abs(base))
	own, rounding := value-base, 4*(math.Nextafter(largest, math.Inf(1))-largest) // generous bound for publishing and reading
	if unit == dora.Milliseconds {
		own, rounding = own*1000, rounding*1000
	}
	if !(rounding < 0.5) { // also false for NaN
		return 0, 0, errTooLarge
	}
	whole := math.Round(own)
	if math.Abs(own-whole) > max(rounding, 1e-6) {
		return 0, 0, fmt.Errorf("%g is not the baseline %g and whole %s", value, base, map[dora.Unit]string{dora.One: "things", dora.Milliseconds: "milliseconds"}[unit])
	}
	return base, int64(whole), nil
}

func setSeries(state dora.State, family, key string, s dora.Series) {
	if state[family] == nil {
		state[family] = map[string]dora.Series{}
	}
	state[family][key] = s
}
