package checkpoint

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// Without a path there is no file, and the sums in the store have the values.
func TestStoreWithoutAFile(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.add(20)
	c := New("", s.store, dora.Families(), false, s.logger())
	state, from, err := s.restore(c)
	if err != nil || from != 0 {
		t.Fatalf("restored from position %d, %v", from, err)
	}
	wantState(t, two(0), state)
	if err := c.Write(t.Context(), state, nil, 6); err != nil {
		t.Fatal(err)
	}
	if err := c.saveSums(t.Context(), 6, state); err != nil {
		t.Fatal(err)
	}
	state, from, err = s.restore(New("", s.store, dora.Families(), false, s.logger()))
	if err != nil || from != 6 {
		t.Fatalf("restored from position %d, %v", from, err)
	}
	wantState(t, two(0), state)
	if diff := cmp.Diff(map[string]string{}, s.files()); diff != "" {
		t.Errorf("files: -want +got:\n%s", diff)
	}
}

// Other servers add facts and save sums between all reads of a restore.
func TestRestoreWhileOthersWrite(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.write()
	busy := &busyStore{Store: s.store, site: s, deployments: 10}
	c := New(s.path(), busy, dora.Families(), false, s.logger())
	state, _, err := s.restore(c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := state[dora.DeploymentsTotal][success.Key()].Own, busy.deployments-9; got != want || want < 4 {
		t.Errorf("%d deployments are restored, want %d", got, want)
	}
}

// busyStore adds a deployment and saves the sums of all before each read. deployments is the number of the last one.
type busyStore struct {
	Store
	site        *site
	deployments int64
}

func (b *busyStore) advance() {
	b.site.Helper()
	b.deployments++
	b.site.add(b.deployments)
	b.site.write()
}

func (b *busyStore) Removal(ctx context.Context) (dora.Removal, error) {
	b.advance()
	return b.Store.Removal(ctx)
}

func (b *busyStore) Sums(ctx context.Context) (dora.Sums, error) {
	b.advance()
	return b.Store.Sums(ctx)
}

func (b *busyStore) LastPosition(ctx context.Context) (int64, error) {
	b.advance()
	return b.Store.LastPosition(ctx)
}
