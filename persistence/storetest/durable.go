package storetest

import (
	"errors"
	"testing"
	"time"

	"dora-exporter/dora"
)

// What Update and Accept have stored is there after a restart, and the store goes on as before.
func durableRules() rules {
	return rules{"everything": everythingIsDurable, "leases": leasesEndWithTheirClient, "goes on": theStoreGoesOn}
}

func everythingIsDurable(t *testing.T, s Store) {
	before := success(1, 1)
	accept(t, s, "a", "b")
	save(t, s, before)
	update(t, s, func(tx dora.Tx) error {
		return errors.Join(tx.Commits().AddLookup(dora.Lookup{Commit: commit("before")}), tx.Commits().Wait(dora.WaitingStatus{Commit: commit("before").Key(), Subject: "before"}))
	})
	ids := peek(t, s.DeliveryQueue(), minute(0))
	update(t, s, func(tx dora.Tx) error { return changeEverything(tx, before, ids) })
	want := everything(t, s)
	s = s.Reopen(t)
	same(t, "what can be read", want, everything(t, s))
}

// Whoever restarts need not wait for the leases of the process that has ended, if it was the only one. At the latest they lapse.
func leasesEndWithTheirClient(t *testing.T, s Store) {
	for _, q := range queues() {
		q.add(t, s, minute(0), q.name)
		same(t, q.name, []string{q.name}, q.open(s.Client("a")).claim(t, minute(0), time.Minute, 9))
	}
	s = s.Reopen(t)
	for _, q := range queues() {
		same(t, q.name+" after the lease", []string{q.name}, q.open(s.Client("b")).claim(t, minute(1), time.Minute, 9))
	}
}

// Positions, IDs and uniqueness continue where they were.
func theStoreGoesOn(t *testing.T, s Store) {
	accept(t, s, "a", "b")
	addFacts(t, s, fact("a"))
	last := peek(t, s.DeliveryQueue(), minute(0))[1].ID
	update(t, s, func(tx dora.Tx) error { return tx.Facts().AddLabelSet("github", "a", 3) })
	s = s.Reopen(t)
	if duplicate, err := s.Accept(t.Context(), delivery("b")); err != nil || !duplicate {
		t.Errorf("Accept = %t, %v; want a duplicate", duplicate, err)
	}
	accept(t, s, "c")
	if all := peek(t, s.DeliveryQueue(), minute(0)); len(all) != 3 || all[2].ID <= last {
		t.Errorf("pending are %+v, want a third with an ID above %d", all, last)
	}
	addFacts(t, s, fact("b"))
	inOrder(t, s, "a", "b")
	hasLabelSet(t, s, "github", "a", true)
	revision := s.Revision()
	addFacts(t, s, fact("c"))
	if s.Revision() <= revision {
		t.Error("there is no new revision")
	}
}
