package storetest

import (
	"slices"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Evidence is stored once by its cause and what it is, and stays. A failed change is one deployment with the piece that decided.
func evidenceRules() rules {
	return rules{
		"once":       evidenceOnce,
		"removed":    evidenceRemoved,
		"undecided":  undecidedEvidence,
		"unrepaired": unrepairedFailures,
		"order":      evidenceInOrder,
		"in":         evidenceOfOne,
		"after none": evidenceAfterNone,
	}
}

// evidenceAfterNone reads what there is in a scope before and after there is some.
func evidenceAfterNone(t *testing.T, s Store) {
	check := func(when, scope string, undecided, unrepaired int) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			for range 2 {
				evidence, err := tx.Evidence().Undecided(scope, dora.FarFuture)
				if since, found, err := tx.Evidence().UndecidedSince(scope); err != nil || found != (undecided > 0) {
					t.Errorf("%s: UndecidedSince(%s) = %s, %t, %v; want %t", when, scope, since, found, err, undecided > 0)
				}
				if err != nil || len(evidence) != undecided {
					t.Errorf("%s: Undecided(%s) = %v, %v; want %d", when, scope, evidence, err, undecided)
				}
				failed, err := tx.Evidence().Unrepaired(scope)
				if err != nil || len(failed) != unrepaired {
					t.Errorf("%s: Unrepaired(%s) = %v, %v; want %d", when, scope, failed, err, unrepaired)
				}
			}
			return nil
		})
	}
	const from, into = "h/acme/from/production", "h/acme/into/production"
	first, second := piece("h/1", dora.CauseStatus, "h/1", 1), piece("h/2", dora.CauseStatus, "h/2", 2)
	first.Scope, second.Scope = from, from
	check("at the beginning", from, 0, 0)
	check("at the beginning", into, 0, 0)
	addEvidence(t, s, first, second)
	check("with evidence", from, 2, 0)
	saveFailed(t, s, dora.FailedChange{Evidence: first})
	check("with a failed change", from, 1, 1)
	check("in another scope", into, 0, 0)
	repositories(t, s, func(tx dora.RepositoryTx) error { return tx.Merge("h/acme/from", "h/acme/into") })
	check("after the merge", from, 0, 0)
	check("after the merge", into, 1, 1)
	saveFailed(t, s, dora.FailedChange{Evidence: second, RepairedBy: "h/3", RepairedAt: minute(3)})
	first.Scope = into
	saveFailed(t, s, dora.FailedChange{Evidence: first, RepairedBy: "h/3", RepairedAt: minute(3)})
	check("after the repairs", into, 0, 0)
}

func piece(target string, c dora.Cause, by string, at int) dora.Evidence {
	return dora.Evidence{Target: target, Scope: scope(), Cause: c, By: by, At: minute(at), Detail: "é <detail>", Late: at%2 == 1}
}

func addEvidence(t *testing.T, s Store, all ...dora.Evidence) {
	t.Helper()
	for _, e := range all {
		update(t, s, func(tx dora.Tx) error { return tx.Evidence().Add(e) })
	}
}

func saveFailed(t *testing.T, s Store, all ...dora.FailedChange) {
	t.Helper()
	for _, f := range all {
		update(t, s, func(tx dora.Tx) error { return tx.Evidence().SaveFailedChange(f) })
	}
}

func evidenceOnce(t *testing.T, s Store) {
	first := piece("h/1", dora.CauseRevert, "h/2 #7", 1)
	addEvidence(t, s, first, piece("h/9", dora.CauseRevert, "h/2 #7", 5), piece("h/1", dora.CauseIncident, "h/2 #7", 2))
	update(t, s, func(tx dora.Tx) error {
		got, known, err := tx.Evidence().By(dora.CauseRevert, "h/2 #7")
		if !known {
			t.Error("By does not find it")
		}
		same(t, "By", first, got)
		if err != nil {
			return err
		}
		for _, by := range []string{"h/2", "H/2 #7", "h/2 #", "h/2 #%", ""} {
			if got, known, err := tx.Evidence().By(dora.CauseRevert, by); known || err != nil {
				t.Errorf("By(%q) = %+v, %v; want none", by, got, err)
			}
		}
		return nil
	})
	same(t, "EvidenceAbout", 2, len(must[[]dora.Evidence](t)(s.EvidenceAbout(t.Context(), "h/1"))))
}

// What is removed is found no more, and can be added again.
func evidenceRemoved(t *testing.T, s Store) {
	first, other := piece("h/1", dora.CauseRollback, "h/2", 1), piece("h/1", dora.CauseStatus, "h/2", 2)
	again := piece("h/3", dora.CauseRollback, "h/2", 4)
	addEvidence(t, s, first, other)
	update(t, s, func(tx dora.Tx) error { return tx.Evidence().Remove(dora.CauseRollback, "h/2") })
	update(t, s, func(tx dora.Tx) error { return tx.Evidence().Remove(dora.CauseRollback, "h/") })
	same(t, "after it", []dora.Evidence{other}, must[[]dora.Evidence](t)(s.EvidenceAbout(t.Context(), "h/1")))
	addEvidence(t, s, again)
	same(t, "added again", []dora.Evidence{again}, must[[]dora.Evidence](t)(s.EvidenceAbout(t.Context(), "h/3")))
}

// Evidence is undecided as long as its deployment is no failed change.
func undecidedEvidence(t *testing.T, s Store) {
	other := piece("h/3", dora.CauseStatus, "h/3", 0)
	other.Scope += " "
	all := []dora.Evidence{piece("h/1", dora.CauseRevert, "h/2", 1), piece("h/1", dora.CauseStatus, "h/1", 2), piece("h/11", dora.CauseStatus, "h/11", 3)}
	addEvidence(t, s, append(all, other)...)
	checkBefore := func(what string, before time.Time, want ...dora.Evidence) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			since, found, err := tx.Evidence().UndecidedSince(scope())
			if err != nil || found && len(want) > 0 && !since.Equal(want[0].At) {
				t.Errorf("%s: UndecidedSince = %s, %v; want %s", what, since, err, want[0].At)
			}
			got, err := tx.Evidence().Undecided(scope(), before)
			slices.SortFunc(got, dora.Evidence.Compare)
			same(t, what, want, got)
			return err
		})
	}
	check := func(what string, want ...dora.Evidence) {
		t.Helper()
		checkBefore(what, dora.FarFuture, want...)
	}
	checkBefore("before all", minute(1))
	check("at first", all...)
	checkBefore("before the last", minute(3), all[:2]...)
	saveFailed(t, s, dora.FailedChange{Evidence: all[1]})
	checkBefore("before the last, after one has failed", minute(3))
	check("after one has failed", all[2])
	addEvidence(t, s, piece("h/1", dora.CauseWindow, "h/5", 4))
	check("after more evidence against it", all[2])
}

func unrepairedFailures(t *testing.T, s Store) {
	first, second := dora.FailedChange{Evidence: piece("h/1", dora.CauseStatus, "h/1", 1)}, dora.FailedChange{Evidence: piece("h/2", dora.CauseStatus, "h/2", 2)}
	other := dora.FailedChange{Evidence: piece("h/3", dora.CauseStatus, "h/3", 2)}
	other.Scope = "api.github.com/acme/web/Production"
	saveFailed(t, s, first, second, other)
	check := func(what string, want ...dora.FailedChange) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			got, err := tx.Evidence().Unrepaired(scope())
			slices.SortFunc(got, func(a, b dora.FailedChange) int { return a.Compare(b.Evidence) })
			same(t, what, want, got)
			return err
		})
	}
	check("at first", first, second)
	second.Cause, second.Detail = dora.CauseIncident, "replaced"
	first.RepairedBy, first.RepairedAt = "h/9", minute(9)
	saveFailed(t, s, first, second)
	check("after one was repaired and one replaced", second)
	for key, want := range map[string]dora.FailedChange{"h/1": first, "h/2": second} {
		got, known, err := s.FailedChangeOf(t.Context(), key)
		if err != nil || !known {
			t.Errorf("FailedChangeOf(%q) = %t, %v", key, known, err)
		}
		same(t, "FailedChangeOf", want, got)
	}
	if _, known, err := s.FailedChangeOf(t.Context(), "h/12"); known || err != nil {
		t.Errorf("FailedChangeOf another = %t, %v", known, err)
	}
	same(t, "RepairedBy", []dora.FailedChange{first}, must[[]dora.FailedChange](t)(s.RepairedBy(t.Context(), "h/9")))
	same(t, "RepairedBy nothing", 0, len(must[[]dora.FailedChange](t)(s.RepairedBy(t.Context(), ""))))
	first.RepairedBy, first.RepairedAt = "", time.Time{}
	saveFailed(t, s, first)
	check("after the repair was taken back", first, second)
}

func evidenceInOrder(t *testing.T, s Store) {
	want := []dora.Evidence{
		piece("h/1", dora.CauseWindow, "h/9", 1), piece("h/1", dora.CauseIncident, "h/7", 2), piece("h/1", dora.CauseRevert, "h/3", 2), piece("h/1", dora.CauseRevert, "h/4", 2),
		piece("h/1", dora.CauseStatus, "h/1", 3),
	}
	addEvidence(t, s, want[4], want[2], want[0], want[3], want[1], piece("h/11", dora.CauseRevert, "h/2", 1))
	same(t, "EvidenceAbout", want, must[[]dora.Evidence](t)(s.EvidenceAbout(t.Context(), "h/1")))
	repaired := []dora.FailedChange{{Evidence: piece("h/2", dora.CauseStatus, "x", 1)}, {Evidence: piece("h/1", dora.CauseStatus, "x", 2)}}
	for i := range repaired {
		repaired[i].RepairedBy, repaired[i].RepairedAt = "h/9", minute(9)
	}
	saveFailed(t, s, repaired[1], repaired[0])
	same(t, "RepairedBy", repaired, must[[]dora.FailedChange](t)(s.RepairedBy(t.Context(), "h/9")))
}

// A deployment or incident that is several pieces of evidence names them key, or key, a space and more. Other keys may begin alike.
func evidenceOfOne(t *testing.T, s Store) {
	want := []dora.Evidence{
		piece("h/1", dora.CauseRollback, "h/2", 1), piece("h/1", dora.CauseRevert, "h/2 #1", 2), piece("h/3", dora.CauseRevert, "h/2 \x00", 3),
		piece("h/4", dora.CauseRevert, "h/2 \xff", 4), piece("h/5", dora.CauseRevert, "h/2 ", 5),
	}
	addEvidence(t, s, want...)
	for i, by := range []string{"h/22", "h/2!", "h/2\x1f", "h/2\x00", "h/2#1", "h/2/1", "h/2\u00a0", "H/2", "H/2 #1", "h/", "h/%", "h/_", " h/2", ""} {
		addEvidence(t, s, piece("h/1", dora.CauseHotfix, by, i))
	}
	same(t, "EvidenceIn", want, must[[]dora.Evidence](t)(s.EvidenceIn(t.Context(), "h/2")))
	same(t, "EvidenceIn a pattern", 1, len(must[[]dora.Evidence](t)(s.EvidenceIn(t.Context(), "h/%"))))
}
