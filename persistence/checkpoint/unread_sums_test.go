package checkpoint

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"dora-exporter/dora"
)

// disconnectedStore loses its connection while it reads the sums.
type disconnectedStore struct {
	Store
	removed dora.Removal
}

func (s disconnectedStore) Sums(context.Context) (dora.Sums, error) {
	return dora.Sums{}, io.ErrUnexpectedEOF
}

func (s disconnectedStore) Removal(context.Context) (dora.Removal, error) { return s.removed, nil }

// Sums that could not be read are not damaged: the caller tries again.
func TestSumsAreNotRead(t *testing.T) {
	for name, removed := range map[string]dora.Removal{"all facts are there": {}, "facts have been removed": {Position: 1}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.add(10)
			s.write()
			_, _, err := s.restore(New("", disconnectedStore{s.store, removed}, dora.Families(), false, s.logger()))
			if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "damaged") {
				t.Errorf("error is %v, want the lost connection", err)
			}
			if strings.Contains(s.log.String(), "sums") {
				t.Errorf("the log says:\n%s", s.log.String())
			}
		})
	}
}
