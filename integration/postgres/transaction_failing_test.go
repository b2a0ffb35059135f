package postgres

import (
	"errors"
	"fmt"
	"testing"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
)

// The server may fail for one transaction alone, as when that takes too long. The store says that the transaction may be the cause, and others
// succeed. It does not say so of a full disk.
func TestServerFailsForOneTransaction(t *testing.T) {
	server := pgserver.Start(t, "fsync=off")
	p := newPlace(server)
	s := p.open(t)
	for sqlState, transaction := range map[string]bool{"57014": true, "53200": true, "XX000": true, "53100": false, "58030": false, "25006": false} {
		server.Psql("postgres", fmt.Sprintf(`CREATE OR REPLACE FUNCTION %[1]s.fail() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN IF NEW.value = 666 THEN RAISE EXCEPTION 'simulated' USING ERRCODE = '%[2]s'; END IF; RETURN NEW; END $$;
			CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON %[1]s.facts FOR EACH ROW EXECUTE FUNCTION %[1]s.fail()`, p.schema, sqlState))
		err := s.Update(t.Context(), func(tx dora.Tx) error {
			_, err := tx.Facts().Add(dora.Fact{Family: dora.DeploymentsTotal, Value: 666, Subject: sqlState})
			return err
		})
		if !errors.Is(err, dora.ErrStoreFailing) || errors.Is(err, dora.ErrTransactionFailing) != transaction {
			t.Errorf("%s: Update = %v; want that the transaction may be the cause: %t", sqlState, err, transaction)
		}
		if err := addFact(t.Context(), s, "after "+sqlState); err != nil {
			t.Errorf("after %s: %v", sqlState, err)
		}
	}
}
