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

// Store is what a Checkpoint needs of the store whose facts it sums up.
type Store interface {
	// ID identifies the store; SetID gives it another one.
	ID() string
	SetID(ctx context.Context, id string) error
	// Started is when the counting began: when the store was created, or when the oldest baseline began.
	Started() time.Time
	// Path names the store in messages.
	Path() string
	// Baselines returns all that was taken over, the oldest first. AddBaseline stores another one, durably.
	Baselines(ctx context.Context) ([]dora.Baseline, error)
	AddBaseline(ctx context.Context, b dora.Baseline) error
	// LastPosition is that of the newest fact, 0 if there is none.
	LastPosition(ctx context.Context) (int64, error)
	// Newest returns the newest fact, by its time and id, of each label set of a family, among those up to a position.
	Newest(ctx context.Context, family string, upTo int64) ([]dora.Fact, error)
}

// Checkpoint is the .prom file: all cumulative values with the position up to which they hold, in Prometheus' text format,
// so that any tool can read it. It satisfies dora.Checkpoint.
type Checkpoint struct {
	path        string
	store       Store
	families    []dora.Family
	byName      map[string]dora.Family
	acceptStore bool
	logger      *slog.Logger
}

var _ dora.Checkpoint = (*Checkpoint)(nil)

// New returns the checkpoint at path of a store. With acceptStore a store that is older than the checkpoint is
// taken all the same, and the checkpoint set aside.
func New(path string, store Store, families []dora.Family, acceptStore bool, logger *slog.Logger) *Checkpoint {
	c := &Checkpoint{path: localfile.Resolve(path), store: store, families: families, byName: map[string]dora.Family{}, acceptStore: acceptStore, logger: logger}
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
	return localfile.Replace(c.path, data)
}

// file is a checkpoint as it was found.
type file struct {
	path string
	inspected
}

// baseline reads the file's values.
func (f *file) baseline(read func(io.Reader, map[string]dora.Family) (dora.State, notes, error), families map[string]dora.Family) (dora.State, notes, error) {
	in, err := openFile(f.path)
	if err != nil {
		return nil, notes{}, err
	}
	defer func() { _ = in.Close() }()
	return read(in, families)
}

// openFile opens a file, and refuses what is none with the remedy.
func openFile(path string) (*os.File, error) {
	in, err := bounds.Open(path)
	if errors.Is(err, bounds.ErrNotRegular) {
		err = fmt.Errorf("%w; move it away, or set the path of a file (storage.file.path) in the configuration", localfile.Error("read", path, err))
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = localfile.Error("read", path, err)
	}
	return in, err
}

// read reads the file at a path; nil when there is none. The error is errForeign when another program wrote it, and a
// *damagedError when we did and it can't be used.
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
	f.inspected, err = inspect(in)
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

// values turns the file's values into a state: what is above the baseline is our own. A file with anything in it that this
// program does not write is damaged. The error is errCoarse or errBounds when the file is sound and yet does not tell.
func (c *Checkpoint) values(ctx context.Context, f *file, base dora.State) (dora.State, error) {
	found, n, err := f.baseline(baseline, c.byName)
	if err != nil {
		return nil, &damagedError{path: f.path, err: err}
	}
	if strange := slices.Concat(n.rejected, n.ignored); len(strange) > 0 {
		return nil, &damagedError{path: f.path, err: fmt.Errorf("this program does not write %s", strange[0])}
	}
	if len(n.rebounded) > 0 {
		return nil, fmt.Errorf("%s: %w", n.rebounded[0], errBounds)
	}
	state := dora.State{}
	for family, all := range base { // all of it: an older version's checkpoint leaves out the families that it did not know
		for key, series := range all {
			set(state, family, key, series)
		}
	}
	for _, family := range c.families {
		if family.Kind == dora.Last {
			if err := c.newest(ctx, family, state, found, f); err != nil {
				return nil, err
			}
			continue
		}
		for key, series := range found[family.Name] {
			series, err = above(base[family.Name][key], series, family)
			if errors.Is(err, errCoarse) {
				return nil, err
			}
			if err != nil {
				return nil, &damagedError{path: f.path, err: fmt.Errorf("%s{%s}: %w", family.Name, key, err)}
			}
			set(state, family.Name, key, series)
		}
	}
	return state, nil
}

// newest adds the values of a Last family, the newest fact's above the baseline, since the file does not tell their time.
// It must hold the same ones.
func (c *Checkpoint) newest(ctx context.Context, family dora.Family, state, found dora.State, f *file) error {
	facts, err := c.store.Newest(ctx, family.Name, f.position)
	if err != nil {
		return err
	}
	if err := state.Add(c.byName, facts...); err != nil {
		return err
	}
	for key, series := range state[family.Name] {
		there, ok := found[family.Name][key]
		if (ok && there.Baseline != series.Value(family)) || (!ok && !series.At.IsZero()) {
			return &damagedError{path: f.path, err: fmt.Errorf("%s{%s} is not that of the newest fact", family.Name, key)}
		}
	}
	for key := range found[family.Name] {
		if _, ok := state[family.Name][key]; !ok {
			return &damagedError{path: f.path, err: fmt.Errorf("%s{%s} comes from no fact", family.Name, key)}
		}
	}
	return nil
}

// errLess says that a value that only grows is below what it started from.
var errLess = errors.New("it is less than its baseline")

// above divides a series as it is published into its baseline and what was added to it.
func above(base, published dora.Series, f dora.Family) (s dora.Series, err error) {
	s.Labels, s.BaselineBuckets = published.Labels, base.BaselineBuckets
	s.Baseline, s.Own, err = split(published.Baseline, base.Baseline, f.Unit)
	switch {
	case err != nil:
	case f.Kind == dora.Counter && s.Own < 0:
		err = errLess
	case f.Kind == dora.Histogram:
		s.Buckets, err = splitBuckets(published.BaselineBuckets, base.BaselineBuckets, s.Own)
	}
	return s, err
}

// errCoarse says that a value is so large that a float64 can't tell the whole numbers on top of its baseline apart.
var errCoarse = errors.New("the value is too large to tell what was added to its baseline")

// split divides a published value into the baseline and the whole number that was added to it.
func split(value, base float64, unit dora.Unit) (float64, int64, error) {
	largest := max(math.Abs(value), math.Abs(base))
	own, rounding := value-base, 4*(math.Nextafter(largest, math.Inf(1))-largest) // of publishing and of reading, generously
	if unit == dora.Milliseconds {
		own, rounding = own*1000, rounding*1000
	}
	if !(rounding < 0.5) { // also what is not a number
		return 0, 0, errCoarse
	}
	whole := math.Round(own)
	if math.Abs(own-whole) > max(rounding, 1e-6) {
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
