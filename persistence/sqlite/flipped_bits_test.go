package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

// pageSize is SQLite's default.
const pageSize = 4096

// fillTables stores a row of each table but those that follow from the others.
func fillTables(t *testing.T, s *Store) {
	t.Helper()
	accept(t, s, "a")
	d, i, f := remember(t, s, 1)
	evidence := dora.Evidence{Target: d.Key(), Scope: d.Scope(), Cause: dora.CauseStatus, By: d.Key(), At: i.Created, Detail: "status failure"}
	day := dora.MeasuredDay{DayKey: dora.DayKey{Owned: dora.OwnedBy(d), Date: 20000}, Deployments: []dora.Measured{{ID: 1, At: i.Created, Succeeded: true}}}
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		change := dora.Change{SHA: d.SHA, Origin: dora.Origin{PullRequest: 7, Title: "Say hello"}}
		i.Events = []dora.IncidentEvent{{At: i.Created}}
		_, spelled := tx.Repositories().AddEnvironment(d.RepositoryKey(), d.Environment, true)
		return errors.Join(
			spelled, tx.Facts().AddLabelSet("github", "team=Platform", 3), tx.Incidents().Save(i),
			tx.Repositories().Save(dora.Repository{Key: d.RepositoryKey(), Host: d.Host, ID: 7}), tx.Repositories().AddName(d.RepositoryKey(), "acme/web", i.Created),
			tx.Deployments().AddStatus(dora.DeploymentKey(d.Host, d.ID), "success", i.Created, 1), tx.Deployments().AddShipped(d, change, []string{"#7"}),
			tx.Commits().AddLookup(dora.Lookup{Commit: d.Commit(), Repository: d.RepositoryKey()}), tx.Commits().SaveOrigin(d.Commit().Key(), change.Origin),
			tx.Commits().Wait(dora.WaitingStatus{Commit: d.Commit().Key(), Subject: "deployment_status:1", At: i.Created}),
			tx.Evidence().SaveFailedChange(dora.FailedChange{Evidence: evidence}), tx.Evidence().Add(evidence),
			tx.Days().Save(dora.DayChanges{
				Evidence: map[string][]dora.Evidence{d.Key(): {evidence}}, Days: []dora.MeasuredDay{day}, Counts: map[dora.Owned]dora.Counts{day.Owned: {{}: 1}},
			}),
			tx.Backfill().SavePart("h/acme/web", 1), tx.Backfill().AddPage("h/acme/web", dora.ArchivePage{}), tx.Removal().MarkArrival(),
			tx.Removal().RemoveIncident(dora.Incident{Key: "jira.example.com/2", Name: "INC-2", Created: i.Created}, i.Created, true),
		)
	})
	sums := dora.Sums{Position: 2, State: dora.State{}, Bounds: map[string][]int64{}}
	now := func() time.Time { return i.Created }
	f.Position = 1
	err = errors.Join(err, sums.State.Add(dora.FamiliesByName(), f), s.SaveSums(t.Context(), sums), s.SetClock(t.Context(), now, now),
		s.SetPushed(t.Context(), []dora.PushedSeries{{Instrument: "github.deployments", Labels: f.Labels, Until: i.Created, Value: 8}}),
		s.AddBaseline(t.Context(), dora.Baseline{Hash: "1", Source: "old.prom", Taken: i.Created}))
	if err != nil {
		t.Fatal(err)
	}
}

// rowsIn returns where the rows of each table are in a file, for tables of one page. https://sqlite.org/fileformat.html
func rowsIn(t *testing.T, s *Store, file []byte) map[string][2]int {
	t.Helper()
	all := map[string][2]int{}
	for _, table := range sqlstore.Tables() {
		roots, err := s.reader.strings(t.Context(), "SELECT CAST(rootpage AS TEXT) FROM sqlite_schema WHERE type = 'table' AND name = ?", table.Name)
		var root int
		if _, scanErr := fmt.Sscan(roots[0], &root); err != nil || scanErr != nil {
			t.Fatal(err, scanErr)
		}
		page := file[(root-1)*pageSize : root*pageSize]
		if cells := binary.BigEndian.Uint16(page[3:]); cells > 0 && (page[0] == 0x0d || page[0] == 0x0a) { // a leaf
			all[table.Name] = [2]int{(root-1)*pageSize + int(binary.BigEndian.Uint16(page[5:])), root * pageSize}
		}
	}
	return all
}

// contentOf returns all rows of a database, by table.
func contentOf(t *testing.T, path string) (map[string]string, error) {
	t.Helper()
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, table := range sqlstore.Tables() {
		err = errors.Join(err, r.EachRow(t.Context(), table, func(values []any) error {
			all[table.Name] += fmt.Sprintf("%q\n", values)
			return nil
		}))
	}
	return all, errors.Join(err, r.Close())
}

// One bit is flipped in a row of each table. The check of a backup finds it, and so does the start, but for facts, which it counts and which are
// checked when they are read.
func TestFlippedBits(t *testing.T) {
	const flips = 8
	s := openStore(t)
	fillTables(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	s = reopenStore(t, s.path)
	rows := rowsIn(t, s, file)
	content, err := contentOf(t, s.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		if unchecked[table] != "" {
			continue
		}
		from, to := rows[table][0], rows[table][1]
		for n := range min(flips, to-from) {
			at := from + n*(to-from)/min(flips, to-from)
			damaged := bytes.Clone(file)
			damaged[at] ^= 1 << (n % 8)
			path := filepath.Join(t.TempDir(), "dora-exporter.db")
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if same, err := contentOf(t, path); err == nil && maps.Equal(content, same) {
				continue // nothing is there
			}
			if err := verify(t.Context(), path); err == nil {
				t.Errorf("bit %d of byte %d of %s: the check finds nothing", n%8, at-from, table)
			}
			if opened, err := Open(t.Context(), path, s.logger); err == nil {
				_ = opened.Close()
				if table != "facts" {
					t.Errorf("bit %d of byte %d of %s: the start finds nothing", n%8, at-from, table)
				}
			}
		}
	}
	if len(rows) < 30 {
		t.Errorf("tables with rows: %q", slices.Sorted(maps.Keys(rows)))
	}
}
