package checkpoint

import (
	"context"

	"dora-exporter/dora"
)

// frozenStore answers what the real store answered when it was frozen, so that thousands of restores need no queries. It fails
// the test if a restore writes to the store.
type frozenStore struct {
	Store
	site         *site
	baselines    []dora.Baseline
	lastPosition int64
	sums         dora.Sums
	facts        map[int64][]dora.Fact
}

// freeze makes all later restores of the site read the store as it is now.
func (s *site) freeze() {
	s.Helper()
	f := &frozenStore{Store: s.store, site: s, facts: map[int64][]dora.Fact{}}
	var err error
	if f.baselines, err = s.store.Baselines(s.Context()); err != nil {
		s.Fatal(err)
	}
	if f.lastPosition, err = s.store.LastPosition(s.Context()); err != nil {
		s.Fatal(err)
	}
	if f.sums, err = s.store.Sums(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.frozen = f
}

// facts returns the facts after a position.
func (s *site) facts(after int64) (facts []dora.Fact, err error) {
	if s.frozen == nil {
		return s.store.Facts(s.Context(), after, 100_000)
	}
	facts, known := s.frozen.facts[after]
	if !known {
		facts, err = s.store.Facts(s.Context(), after, 100_000)
		s.frozen.facts[after] = facts
	}
	return facts, err
}

func (f *frozenStore) Baselines(context.Context) ([]dora.Baseline, error) { return f.baselines, nil }

func (f *frozenStore) LastPosition(context.Context) (int64, error) { return f.lastPosition, nil }

func (f *frozenStore) Sums(context.Context) (dora.Sums, error) { return f.sums, nil }

func (f *frozenStore) AddBaseline(context.Context, dora.Baseline) error {
	f.site.Error("a baseline was added to the store")
	return nil
}

func (f *frozenStore) SetID(context.Context, string) error {
	f.site.Error("the store's id was changed")
	return nil
}
