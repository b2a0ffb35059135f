package instrumentation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// While the store fails or does not answer, a scrape has what the server itself knows of its leases; only the age of unclaimed ones is absent.
func TestLeasesWithoutStore(t *testing.T) {
	for name, unclaimed := range map[string]func(context.Context, chan struct{}) (map[string]time.Duration, error){
		"it fails": func(context.Context, chan struct{}) (map[string]time.Duration, error) {
			return nil, errors.New("no connection")
		},
		"it does not answer": func(_ context.Context, end chan struct{}) (map[string]time.Duration, error) {
			<-end
			return map[string]time.Duration{"lookups": time.Second}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := make(chan struct{})
				o := testOptions()
				o.UnclaimedLeases = func(ctx context.Context) (map[string]time.Duration, error) { return unclaimed(ctx, end) }
				i, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				i.Restore(nil)
				got := slices.DeleteFunc(strings.Split(scrape(t, i, ""), "\n"), func(line string) bool {
					return !strings.HasPrefix(line, "dora_exporter_leases_")
				})
				close(end)
				want := []string{
					`dora_exporter_leases_held{queue="lookups"} 3`,
					`dora_exporter_leases_lost_total{queue="lookups"} 1`,
					`dora_exporter_leases_taken_over_total{queue="lookups"} 2`,
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}
