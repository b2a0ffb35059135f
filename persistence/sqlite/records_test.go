package sqlite

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlstore"
)

// remember adds a deployment, an incident and a fact of two families.
func remember(t *testing.T, store *Store, n int64) (dora.DeploymentRecord, dora.Incident, dora.Fact) {
	t.Helper()
	at := time.Date(2026, 3, 2, 9, 0, int(n), 0, time.UTC)
	d := dora.DeploymentRecord{
		Deployment: dora.Deployment{Host: "api.github.com", ID: n, Owner: "acme", Repository: "web", Environment: "production", SHA: "c0ffee", CreatedAt: at},
		Team:       "Platform", InProduction: true, Outcomes: []dora.Outcome{{ID: n, State: "success", At: at}},
		Shipment: &dora.Shipment{Relation: dora.First, Changes: []dora.Change{{SHA: "c0ffee"}}},
	}
	i := dora.Incident{Key: fmt.Sprintf("jira.example.com/%d", n), Name: "INC-7", IsIncident: true, Created: at, FirstResolved: at.Add(time.Hour)}
	f := dora.Fact{Family: dora.Changes, Labels: dora.Labels{"team": "Platform"}, Value: 1, At: at, ID: n, Subject: fmt.Sprintf("change:%d", n)}
	err := store.Update(t.Context(), func(tx dora.Tx) error {
		other := f
		other.Family = dora.DeploymentsTotal
		_, err := tx.Facts().Add(f)
		_, otherErr := tx.Facts().Add(other)
		return errors.Join(err, otherErr, tx.Deployments().Save(d), tx.Incidents().Save(i), tx.Evaluations().Add(dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: d.Key()}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, i, f
}

func TestRecordsOfADamagedDatabase(t *testing.T) {
	for _, damage := range []string{
		"UPDATE deployments SET details = CAST(replace(CAST(details AS TEXT), 'Platform', 'Mobile') AS BLOB)", "UPDATE incidents SET details = replace(details, 'INC-7', 'INC-8')",
		"UPDATE facts SET value = 2 WHERE position = 1",
	} {
		store := openStore(t)
		remember(t, store, 1)
		err := store.Update(t.Context(), func(x dora.Tx) error {
			_, err := x.(*sqlstore.Tx).Exec(damage)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Records(t.Context(), func(dora.Fact) {}, dora.Changes)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", damage, err)
		}
	}
}

// A document of another type than was stored is damaged like any other, and keeps nothing else from being read.
func TestDamagedTypes(t *testing.T) {
	s := openStore(t)
	accept(t, s, "a", "b", "c")
	tamper(t, s.path, "PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name IN ('deliveries', 'incidents', 'facts')")
	tamper(t, s.path, "UPDATE deliveries SET event = 5 WHERE id = 2",
		"INSERT INTO incidents (key, name, created, counts, details, checksum) VALUES ('k', 'n', 0, 1, X'00', 1)")
	all, err := s.Pending(t.Context(), time.Now(), 10)
	if err != nil || len(all) != 3 || all[0].Unreadable != nil || all[1].Unreadable == nil || all[2].Unreadable != nil {
		t.Errorf("%d deliveries, error %v; want three, the second unreadable", len(all), err)
	}
	var corrupt *CorruptError
	if err := s.EachIncident(t.Context(), func(dora.Incident) error { return nil }); !errors.As(err, &corrupt) {
		t.Errorf("incidents: %v", err)
	}
	tamper(t, s.path, "INSERT INTO facts (position, series, stem, rest, family, value, at, id, checksum) VALUES (1, 1, 1, '', 1, 1, 'yesterday', 0, 0)")
	if _, err := s.Facts(t.Context(), 0, 10); !errors.As(err, &corrupt) {
		t.Errorf("facts: %v", err)
	}
}
