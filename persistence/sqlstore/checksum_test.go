package sqlstore

import (
	"bytes"
	"testing"
)

// Each single bit of a row changes also the checksum that is shortened.
func TestShortChecksumsFindEachBit(t *testing.T) {
	row := make([]byte, 4096)
	want := shortChecksum(row)
	for bit := range len(row) * 8 {
		damaged := bytes.Clone(row)
		damaged[bit/8] ^= 1 << (bit % 8)
		if shortChecksum(damaged) == want {
			t.Errorf("bit %d changes nothing", bit)
		}
	}
}
