package sqlite

import "testing"

func TestPushed(t *testing.T) {
	s := openStore(t)
	wantPushed := func(want int64, wantKnown bool) {
		t.Helper()
		if got, known, err := s.Pushed(t.Context()); got != want || known != wantKnown || err != nil {
			t.Errorf("Pushed = %d, %t, %v, want %d, %t", got, known, err, want, wantKnown)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wantPushed(0, false)
	do(s.ForgetPushed(t.Context()))
	do(s.SetPushed(t.Context(), 7))
	wantPushed(7, true)
	do(s.SetPushed(t.Context(), 1<<40))
	wantPushed(1<<40, true)
	do(s.ForgetPushed(t.Context()))
	wantPushed(0, false)
}
