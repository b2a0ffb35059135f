package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
)

// abortingStore panics before or after the first call of a method of dora.RemovalTx.
type abortingStore struct {
	dora.Transactor
	method string
	after  bool
}

func (s abortingStore) Update(ctx context.Context, f func(dora.Tx) error) error {
	return s.Transactor.Update(ctx, func(tx dora.Tx) error { return f(abortingTx{tx, s}) })
}

type abortingTx struct {
	dora.Tx
	store abortingStore
}

func (t abortingTx) Removal() dora.RemovalTx { return abortingRemoval{t.Tx.Removal(), t.store} }

type abortingRemoval struct {
	dora.RemovalTx
	store abortingStore
}

// at runs f, and panics where it is to.
func (r abortingRemoval) at(method string, f func() (removes bool)) {
	if r.store.method == method && !r.store.after {
		panic("before " + method)
	}
	if removes := f(); removes && r.store.method == method {
		panic("after " + method)
	}
}

func (r abortingRemoval) MarkArrival() (err error) {
	r.at("MarkArrival", func() bool { err = r.RemovalTx.MarkArrival(); return true })
	return err
}

func (r abortingRemoval) RemoveFacts(upTo int64, before time.Time, limit int) (n int, err error) {
	r.at("RemoveFacts", func() bool { n, err = r.RemovalTx.RemoveFacts(upTo, before, limit); return n > 0 })
	return n, err
}

func (r abortingRemoval) RemoveDeliveries(upTo int64, limit int) (n int, err error) {
	r.at("RemoveDeliveries", func() bool { n, err = r.RemovalTx.RemoveDeliveries(upTo, limit); return n > 0 })
	return n, err
}

func (r abortingRemoval) RemoveDeployment(t dora.DeploymentRecord, before time.Time) (err error) {
	r.at("RemoveDeployment", func() bool { err = r.RemovalTx.RemoveDeployment(t, before); return true })
	return err
}

func (r abortingRemoval) RemoveIncident(i dora.Incident, before time.Time, counted bool) (err error) {
	r.at("RemoveIncident", func() bool { err = r.RemovalTx.RemoveIncident(i, before, counted); return true })
	return err
}

// A removal that ends at any step leaves the values as they are, and the next one goes on.
func TestRetentionAborted(t *testing.T) {
	x := newLongRun(t)
	x.growOld()
	for _, method := range []string{"MarkArrival", "RemoveFacts", "RemoveDeliveries", "RemoveDeployment", "RemoveIncident"} {
		for _, after := range []bool{false, true} {
			when := fmt.Sprintf("%s, after it: %t", method, after)
			_, err := x.retention(abortingStore{x.store, method, after}).RemoveOld(t.Context())
			if err == nil || !strings.Contains(err.Error(), "panic: ") {
				t.Fatalf("%s: RemoveOld = %v, want that it panics", when, err)
			}
			x.check(when)
			x.reopen()
			x.check(when + ", after a restart")
		}
	}
	for _, table := range []string{"sums", "sums_position", "removed_keys", "removal", "facts", "deliveries", "aged", "successes", "shipped", "failed_changes", "evidence", "deployments", "commits", "incidents", "incident_events"} {
		x.now = x.now.Add(30 * dora.Day) // there is more to remove
		x.failAt(table)
		x.check(table)
		x.reopen()
		x.check(table + ", after a restart")
	}
	x.now = x.now.Add(30 * dora.Day)
	if removed := x.removeOld(); removed.Facts == 0 || removed.Deliveries == 0 || removed.Deployments == 0 || removed.Incidents == 0 {
		t.Errorf("in the end, these are removed: %+v", removed)
	}
	x.check("in the end")
	x.sendAgain()
}

// failAt lets the first change of a table in the first batch that makes one fail.
func (x *longRun) failAt(table string) {
	x.t.Helper()
	undo := teststore.FailChanges(x.t, x.path, table)
	_, err := x.retention(x.store).RemoveOld(x.t.Context())
	if err == nil || !strings.Contains(err.Error(), "made to fail") {
		x.t.Fatal(errors.Join(fmt.Errorf("%s: RemoveOld does not fail", table), err))
	}
	undo()
}
