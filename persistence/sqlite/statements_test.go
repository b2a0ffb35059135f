package sqlite

import (
	"fmt"
	"testing"

	"dora-exporter/dora"
)

// Lists of many lengths have few statements: all of them stay prepared.
func TestStatementsOfLists(t *testing.T) {
	s := openStore(t)
	var subjects []string
	for i := range 40 {
		subjects = append(subjects, fmt.Sprint("status/", i))
	}
	addFact(t, s, subjects...)
	before := len(s.Statements(t.Context()))
	for n := range len(subjects) + 1 {
		found, err := s.FactsBySubject(t.Context(), dora.DeploymentsTotal, subjects[:n])
		if err != nil || len(found) != n {
			t.Fatalf("%d facts of %d subjects, %v", len(found), n, err)
		}
	}
	// Of 1, 2, 4, 8, 16, 32 and 64 values.
	if n := len(s.Statements(t.Context())) - before; n > 7 {
		t.Errorf("%d statements, want 7 at most", n)
	}
}
