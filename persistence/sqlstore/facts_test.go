package sqlstore

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// The numbers of this file format must stay: another checksum would call every store damaged.
func TestChecksumStays(t *testing.T) {
	f := dora.Fact{Family: dora.DeploymentsTotal, Labels: dora.Labels{"team": "a"}, Value: 1, Subject: "deployment_status:api.github.com/1"}
	f.Position, f.At, f.ID = 7, time.UnixMilli(1772366400000), 1
	if got, want := factSum(f, `{"team":"a"}`), int64(-3379914294706888603); got != want {
		t.Errorf("checksum is %d, want %d", got, want)
	}
}
