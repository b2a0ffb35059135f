package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/persistence/sqlstore"
)

func TestParseSeries(t *testing.T) {
	for text, want := range map[string]struct {
		name   string
		labels dora.Labels
	}{
		`up`:                               {"up", dora.Labels{}},
		` up{} `:                           {"up", dora.Labels{}},
		`up{a="b",}`:                       {"up", dora.Labels{"a": "b"}},
		`up{a="b", c="d"} 12`:              {"up", dora.Labels{"a": "b", "c": "d"}},
		`up{a="b"} 1.5e3`:                  {"up", dora.Labels{"a": "b"}},
		`up{a="x\"y\\z\n", b="Zürich {}"}`: {"up", dora.Labels{"a": "x\"y\\z\n", "b": "Zürich {}"}},
		`x_bucket{le="+Inf"}`:              {"x_bucket", dora.Labels{"le": "+Inf"}},
	} {
		name, labels, err := checkpoint.ParseSeries(text)
		if err != nil || name != want.name {
			t.Errorf("%s: %q, %v", text, name, err)
		}
		if diff := cmp.Diff(want.labels, labels); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
	for _, text := range []string{"", "{", `up{a=~"b"}`, `up{a="b"`, "up 1\ndown", `up{a="b",a="c"}`, "# HELP up x", "sum(up)", "up\xff"} {
		if name, labels, err := checkpoint.ParseSeries(text); err == nil {
			t.Errorf("%q is read as %q %v", text, name, labels)
		}
	}
}

func TestStillSeesNoLaterCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dora-exporter.db")
	store := reopenStore(t, path)
	add := func(subject string) {
		t.Helper()
		err := store.Update(t.Context(), func(tx dora.Tx) error {
			_, err := tx.Facts().Add(dora.Fact{Family: dora.Incidents, Labels: dora.Labels{"team": "x", "project": "y"}, Value: 1, Subject: subject})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	add("one")
	err = r.Snapshot(t.Context(), func(still *sqlstore.Reader) error {
		for range 2 {
			last, err := still.LastPosition(t.Context())
			if err != nil || last != 1 {
				t.Errorf("the last position is %d, %v; want 1", last, err)
			}
			add(strings.Repeat("more", int(last)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if last, err := r.LastPosition(t.Context()); err != nil || last != 2 {
		t.Errorf("the last position is %d, %v; want 2", last, err)
	}
}
