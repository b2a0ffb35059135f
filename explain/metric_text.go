package explain

import (
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// Text returns the explanation for people.
func (e *MetricExplanation) Text() string {
	t := &text{}
	t.line("%s: %s", e.Family, e.Help)
	unit := ""
	if e.Unit != "" {
		unit = " in " + e.Unit
	}
	t.line("%s%s, up to fact %d", e.Type, unit, e.Position)
	for _, name := range e.Ignored {
		t.line("ignored the label %s, which Prometheus adds", name)
	}
	if words := e.Pending.words(); words != "" {
		t.line("pending, of all families: %s", words)
	}
	for _, s := range e.Series {
		t.section(fmt.Sprintf("%s %s", s.Series, formatFloat(s.Value)))
		if s.Labels.InHistory() {
			t.line("  History: a backfill brought what happened before the database was created; it is in reports, not on /metrics")
		}
		e.writeParts(t, s)
		rows := [][]string{}
		for _, f := range s.Facts {
			value := formatFloat(f.Value)
			if e.family.Kind != dora.Last && f.Value >= 0 {
				value = "+" + value
			}
			rows = append(rows, []string{dora.FormatTime(f.At), value, f.About, fmt.Sprintf("(fact %d)", f.Position)})
		}
		t.table(rows)
		if more := s.FactCount - len(s.Facts); more > 0 {
			t.line("  … and %d older; -n 0 shows all", more)
		}
	}
	return t.String()
}

// writeParts writes what a value adds up from.
func (e *MetricExplanation) writeParts(t *text, s SeriesExplanation) {
	for _, v := range s.Imported {
		t.line("  imported from %s at %s: %s", v.File, dora.FormatTime(v.At), formatValue(e.family, v.Value))
	}
	if s.Removed != nil {
		e.writeFolded(t, s.Removed)
	}
	switch {
	case s.FactCount == 0 && s.Removed != nil:
	case s.FactCount == 0 && len(s.Imported) == 0:
		t.line("  no observation yet")
	case s.FactCount == 0:
		t.line("  no facts: all of it was imported")
	case e.family.Kind == dora.Last:
		t.line("  the newest of %s by its time is the value: %s", count(int64(s.FactCount), "fact"), formatValue(e.family, s.Value))
	case s.Count != nil:
		t.line("  %s, total %s", count(*s.Count, "observation"), formatValue(e.family, *s.Sum))
		for _, b := range s.Buckets {
			if strings.HasSuffix(e.Metric, "_bucket") {
				t.line("    le=%q %d", b.LE, b.Count)
			}
		}
	default:
		add := "add"
		if s.FactCount == 1 {
			add = "adds"
		}
		t.line("  %s %s up to %s", count(int64(s.FactCount), "fact"), add, formatValue(e.family, s.FactSum))
	}
}
