package history

import (
	"errors"
	"testing"
)

// A list whose cursor repeats is read again some times, and then the check fails.
func TestListOfDeliveriesThatRepeats(t *testing.T) {
	f := newRepairing(t, &fakeHooks{sent: []sent{failed(9, "s1"), failed(8, "s2"), failed(7, "s3")}, loops: true})
	if err := newAccountCheck(f.Repair, 0).run(t.Context()); !errors.Is(err, errCursor) || len(f.hooks.calls) != 2*maxListings {
		t.Errorf("error %v after %q", err, f.hooks.calls)
	}
}
