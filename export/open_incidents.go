package export

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// exportOpenIncidents exports how many incidents were open. History has no facts about this: they are open now or not, so the export goes
// by the events of all incidents, webhooks included.
func (e *exporter) exportOpenIncidents(ctx context.Context, f dora.Family) error {
	type series struct {
		labels  dora.Labels
		changes []change
	}
	all := map[string]*series{}
	err := e.EachIncident(ctx, func(i dora.Incident) error {
		for _, c := range rules.OpenChanges(e.Policy, i) {
			if !c.At.Before(e.Until) {
				continue
			}
			key := c.Labels.Key()
			if all[key] == nil {
				all[key] = &series{labels: c.Labels}
			}
			all[key].changes = append(all[key].changes, change{at: c.At.UnixMilli(), value: c.By})
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		return err
	}
	if err := e.beginFamily(f); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		s := all[key]
		slices.SortStableFunc(s.changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
		first := dora.HistorySeries{Labels: s.labels, First: time.UnixMilli(s.changes[0].at)}
		if err := e.write(f, first, s.changes); err != nil {
			return err
		}
	}
	return nil
}
