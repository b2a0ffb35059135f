package storetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// same fails if two values differ. what says which rule they are about.
func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}

// must returns a value and fails if there is an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// permanentError fails if there is no error, or one of the disk that may pass.
func permanentError(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, dora.ErrStoreFailing) || errors.Is(err, dora.ErrLeaseLost) {
		t.Errorf("%s: error is %v, want one that is not ErrStoreFailing or ErrLeaseLost", what, err)
	}
}

// inOrder fails if the facts are not those about the subjects, in their order, from position 1.
func inOrder(t *testing.T, s Store, subjects ...string) {
	t.Helper()
	var got []string
	for i, f := range must[[]dora.Fact](t)(s.Facts(t.Context(), 0, limit)) {
		got = append(got, f.Subject)
		if f.Position != int64(i+1) {
			t.Errorf("fact %d has the position %d", i+1, f.Position)
		}
	}
	same(t, "subjects in the order of positions", subjects, got)
}
