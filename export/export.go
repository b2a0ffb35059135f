package export

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Options say what to export.
type Options struct {
	// Since and Until limit the time of the samples. Zero stands for the beginning of History, and for the creation of the store.
	Since, Until time.Time
	// Every is the time between two samples of a series that does not change.
	Every  time.Duration
	Policy dora.Policy
	// OnFamily is called before each family; it may be nil.
	OnFamily func(name string)
}

// Sink takes the samples, one label set of a family after another, each in the order of time.
type Sink interface {
	// Begin begins a family. It is called once for each family that has samples.
	Begin(f dora.Family) error
	// Series begins a label set of the family.
	Series(l dora.Labels) error
	// Point adds a sample to each series of the label set (Family.Published), in their order, at a time in Unix milliseconds.
	Point(at int64, values []float64) error
	// Close writes what is left.
	Close() error
}

// Summary describes an export.
type Summary struct {
	Series, Samples int64
	// From and Until are the times of the first and the last sample; zero if there is none.
	From, Until time.Time
	// Imported are the families with values from a file of another program. They were left out: Prometheus has their series from there.
	Imported []string
	// Removed is true if storage.retention has removed facts, which may have been of History.
	Removed bool
	// Unsettled is the number of pending evaluations. What follows from them is not exported.
	Unsettled int
}

// Write writes the summary as text.
func (s Summary) Write(out io.Writer) error {
	if s.Samples == 0 {
		_, err := fmt.Fprintln(out, "nothing to export: no backfill has read anything of that time")
		return err
	}
	_, err := fmt.Fprintf(out, "series: %d\nsamples: %d\nfrom %s to %s\n", s.Series, s.Samples, s.From.Format(time.RFC3339), s.Until.Format(time.RFC3339))
	if len(s.Imported) > 0 {
		_, _ = fmt.Fprintf(out, "left out, since Prometheus has their series from the exporter whose file was imported: %s\n", strings.Join(s.Imported, ", "))
	}
	if s.Removed {
		_, _ = fmt.Fprintln(out, "storage.retention has removed facts; what they counted is missing")
	}
	if s.Unsettled > 0 {
		_, _ = fmt.Fprintf(out, "%d evaluations are pending; export again when they are done\n", s.Unsettled)
	}
	return err
}

// exporter exports to a sink.
type exporter struct {
	Options
	Reader
	sink    Sink
	summary Summary
	zeros   zeros
	// ends is true if the export lasts until the store was created, where counters go back to 0.
	ends bool
}

// Run exports History to a sink, which it closes unless it fails. It keeps the label sets of a family and the facts of one label set in
// memory, and no transaction open.
func Run(ctx context.Context, r Reader, o Options, sink Sink) (Summary, error) {
	e := &exporter{Options: o, Reader: r, sink: sink}
	if err := e.prepare(ctx); err != nil {
		return Summary{}, err
	}
	for _, f := range dora.Families() {
		var err error
		switch {
		case slices.Contains(e.summary.Imported, f.Name):
		case f.Name == dora.IncidentsOpen:
			err = e.exportOpenIncidents(ctx, f)
		default:
			err = e.exportFamily(ctx, f)
		}
		if err != nil {
			return e.summary, fmt.Errorf("export %s: %w", f.Name, err)
		}
	}
	return e.summary, sink.Close()
}

// prepare reads what all families need.
func (e *exporter) prepare(ctx context.Context) error {
	created, err := e.StoreCreated(ctx)
	if err != nil {
		return err
	}
	switch {
	case e.Until.IsZero():
		e.Until = created
	case e.Until.After(created):
		return fmt.Errorf("-until must not be after %s, when the database was created: what happened later is in the series that Prometheus scrapes",
			created.Format(time.RFC3339))
	}
	e.ends = e.Until.Equal(created)
	if !e.Since.Before(e.Until) {
		return fmt.Errorf("-since must be before %s, where the export ends", e.Until.Format(time.RFC3339))
	}
	baselines, err := e.Baselines(ctx)
	if err != nil {
		return err
	}
	for _, f := range dora.Families() {
		if slices.ContainsFunc(baselines, func(b dora.Baseline) bool { return len(b.Values[f.Name]) > 0 }) {
			e.summary.Imported = append(e.summary.Imported, f.Name)
		}
	}
	removal, err := e.Removal(ctx)
	if err != nil {
		return err
	}
	e.summary.Removed = removal.Position > 0
	if e.summary.Unsettled, err = e.CountEvaluations(ctx); err != nil {
		return err
	}
	e.zeros, err = findZeros(ctx, e.Reader, e.Policy)
	return err
}

// exportFamily exports the series of a family that have facts in History, or that start at 0 with others that have.
func (e *exporter) exportFamily(ctx context.Context, f dora.Family) error {
	all, err := e.HistorySeries(ctx, f.Name)
	if err != nil {
		return err
	}
	index := map[string]int{}
	for i, s := range all {
		index[s.Labels.Key()] = i
	}
	for _, zero := range e.zeros.of(f.Name) {
		key := zero.Labels.Key()
		switch i, known := index[key]; {
		case !known:
			index[key] = len(all)
			all = append(all, zero)
		case zero.First.Before(all[i].First):
			all[i].First = zero.First
		}
	}
	if !e.ends {
		all = slices.DeleteFunc(all, func(s dora.HistorySeries) bool { return !s.First.Before(e.Until) })
	}
	if len(all) == 0 {
		return nil
	}
	if err := e.beginFamily(f); err != nil {
		return err
	}
	for _, s := range all {
		if err := e.exportSeries(ctx, f, s); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) beginFamily(f dora.Family) error {
	if e.OnFamily != nil {
		e.OnFamily(f.Name)
	}
	return e.sink.Begin(f)
}

// exportSeries exports a label set of a family.
func (e *exporter) exportSeries(ctx context.Context, f dora.Family, s dora.HistorySeries) error {
	var changes []change
	err := e.HistoryFacts(ctx, f.Name, s.Labels, func(fact dora.Fact) error {
		if !fact.At.IsZero() && (e.ends || fact.At.Before(e.Until)) { // what is later counts in the last sample
			changes = append(changes, change{fact.At.UnixMilli(), fact.ID, fact.Value})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.write(f, s, changes)
}

// write writes a label set whose total changes at some times.
func (e *exporter) write(f dora.Family, s dora.HistorySeries, changes []change) error {
	if err := e.sink.Series(s.Labels); err != nil {
		return err
	}
	w := e.newSampler(f)
	e.summary.Series += int64(len(w.total.values))
	if err := w.begin(s.First); err != nil {
		return err
	}
	for _, c := range changes {
		if err := w.change(c); err != nil {
			return err
		}
	}
	return w.end(e.ends && f.Kind != dora.Last && f.Name != dora.IncidentsOpen)
}

// point writes a sample of each series of the label set.
func (e *exporter) point(at int64, values []float64) error {
	e.summary.Samples += int64(len(values))
	if t := time.UnixMilli(at).UTC(); e.summary.From.IsZero() || t.Before(e.summary.From) {
		e.summary.From = t
	}
	if t := time.UnixMilli(at).UTC(); t.After(e.summary.Until) {
		e.summary.Until = t
	}
	return e.sink.Point(at, values)
}
