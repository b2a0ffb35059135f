package storetest

import (
	"fmt"
	"testing"

	"dora-exporter/dora"
)

// People are shown deliveries with how far they have come, in the order of arrival.
func receivedRules() rules {
	return rules{"recent": recentDeliveries, "states": statesOfDeliveries, "key": deliveriesByKey, "deployment": deliveriesOfADeployment}
}

// storedKeys are the keys of deliveries.
func storedKeys(all []dora.StoredDelivery) []string {
	var keys []string
	for _, d := range all {
		keys = append(keys, d.Key)
	}
	return keys
}

func recentDeliveries(t *testing.T, s Store) {
	accept(t, s, "c", "a", "b")
	for limit, want := range map[int][]string{0: nil, 1: {"b"}, 2: {"a", "b"}, 3: {"c", "a", "b"}, 9: {"c", "a", "b"}} {
		same(t, fmt.Sprintf("the newest %d", limit), want, storedKeys(must[[]dora.StoredDelivery](t)(s.Recent(t.Context(), limit))))
	}
}

func statesOfDeliveries(t *testing.T, s Store) {
	accept(t, s, "new", "done", "failed", "postponed", "dead")
	all := peek(t, s.DeliveryQueue(), minute(0))
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Deliveries().Done(all[1].ID); err != nil {
			return err
		}
		if err := tx.Deliveries().Retry(all[2].ID, 2, 0, "why", minute(5)); err != nil {
			return err
		}
		if err := tx.Deliveries().Postpone(all[3].ID, minute(1), minute(6)); err != nil {
			return err
		}
		return tx.Deliveries().SetAside(all[4].ID, 5, "never")
	})
	want := make([]dora.StoredDelivery, len(all))
	for i, d := range all {
		want[i].Delivery = d
	}
	want[0].State, want[1].State, want[2].State, want[3].State, want[4].State = dora.DeliveryPending, dora.DeliveryProcessed, dora.DeliveryPending, dora.DeliveryPending, dora.DeliverySetAside
	want[2].Attempts, want[2].LastError, want[2].Due = 2, "why", minute(5)
	want[3].WaitingSince, want[3].Due = minute(1), minute(6)
	want[4].Attempts, want[4].LastError = 5, "never"
	got := must[[]dora.StoredDelivery](t)(s.Recent(t.Context(), 9))
	for i := range got {
		if i == 2 || i == 3 {
			continue
		}
		if got[i].Due.Unix() != 0 {
			t.Errorf("%s is due at %v, want the Unix time 0", got[i].Key, got[i].Due)
		}
		got[i].Due = want[i].Due
	}
	same(t, "Recent", want, got)
}

func deliveriesByKey(t *testing.T, s Store) {
	accept(t, s, oddNames()...)
	for _, key := range oddNames() {
		got, known, err := s.DeliveryOf(t.Context(), key)
		if err != nil || !known || got.Key != key {
			t.Errorf("DeliveryOf(%q) = %q, %t, %v", key, got.Key, known, err)
		}
	}
	for _, key := range []string{"", "b", "aa", "zürich "} {
		if got, known, err := s.DeliveryOf(t.Context(), key); known || err != nil {
			t.Errorf("DeliveryOf(%q) = %q, %v; want none", key, got.Key, err)
		}
	}
}

// Deliveries about a deployment are its own and those of its statuses, of any server. The number may stand elsewhere in others.
func deliveriesOfADeployment(t *testing.T, s Store) {
	d := func(id int64) dora.Deployment { return dora.Deployment{Host: "h", ID: id, Environment: `"id":7,`} }
	for key, e := range map[string]dora.Event{
		"another number":    {Deployment: &dora.Deployment{ID: 77}},
		"number of status":  {Status: &dora.Status{ID: 7, Deployment: d(8)}},
		"number of an env":  {Deployment: &dora.Deployment{ID: 9, Environment: `"id":7,`}},
		"number of a issue": {Incident: &dora.IncidentChange{ID: "7", Key: "X-7"}},
		"name of an issue":  {Incident: &dora.IncidentChange{ID: "1", Key: "7"}},
	} {
		if _, err := s.Accept(t.Context(), dora.Delivery{Source: dora.GitHub, Key: key, Event: e}); err != nil {
			t.Fatal(err)
		}
	}
	other := d(7)
	other.Host = "g"
	for _, one := range []struct {
		key   string
		event dora.Event
	}{
		{"status 2", dora.Event{Status: &dora.Status{ID: 2, Deployment: d(7)}}},
		{"deployment", dora.Event{Deployment: &dora.Deployment{ID: 7}}},
		{"status 1", dora.Event{Status: &dora.Status{ID: 1, Deployment: d(7)}}},
		{"another server", dora.Event{Status: &dora.Status{ID: 3, Deployment: other}}},
	} {
		if _, err := s.Accept(t.Context(), dora.Delivery{Source: dora.GitHub, Key: one.key, Event: one.event}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"status 2", "deployment", "status 1", "another server"}
	same(t, "DeliveriesOf", want, storedKeys(must[[]dora.StoredDelivery](t)(s.DeliveriesOf(t.Context(), 7))))
	same(t, "the issue with that name", []string{"/1"}, must[[]string](t)(s.IncidentsCalled(t.Context(), "7")))
	same(t, "DeliveriesOf none", 0, len(must[[]dora.StoredDelivery](t)(s.DeliveriesOf(t.Context(), 70))))
}
