package sqlstore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCodec(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"empty": "", "short": "a", "just short": strings.Repeat("a", compressFrom-3), "long": strings.Repeat("a", compressFrom-2),
		"of several bytes": strings.Repeat("é", 1000), "larger than the window": strings.Repeat("0123456789", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			stored, err := c.encode(want)
			if err != nil {
				t.Fatal(err)
			}
			if compressed := !json.Valid(stored); compressed != (len(want)+2 >= compressFrom) {
				t.Errorf("compressed: %t, with %d bytes", compressed, len(want)+2)
			}
			var got string
			if err := c.decode(stored, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if c.decode(stored[:len(stored)-1], &got) == nil {
				t.Error("a document without its last byte was read")
			}
		})
	}
}

// A damaged document neither panics nor takes more memory than a document may have.
func TestDamagedDocument(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := c.encode(strings.Repeat("deployment ", 100))
	if err != nil {
		t.Fatal(err)
	}
	for at := range stored {
		for _, bit := range []byte{1, 16, 128} {
			damaged := slices.Clone(stored)
			damaged[at] ^= bit
			var got string
			_ = c.decode(damaged, &got) // the checksum of its row tells
		}
	}
	var got string
	if err := c.decode(binary.AppendUvarint(nil, maxDocument+1), &got); err == nil {
		t.Error("a document larger than maxDocument was read")
	}
	if err := c.decode(nil, &got); err == nil {
		t.Error("no document was read")
	}
}

// Documents that were compressed with this dictionary can't be read with another one.
func TestDictionaryStays(t *testing.T) {
	sum := sha256.Sum256(dictionary)
	if got, want := hex.EncodeToString(sum[:]), "98b9541ac0e2283ac1ea7b3dd7041a5e2610249ec193f922c2d14d83c01b25db"; got != want {
		t.Errorf("the dictionary has the hash %s, want %s", got, want)
	}
}

// Documents that are converted at the same time share no memory, and neither do those that follow one another.
func TestCodecSharesNoMemory(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	var converting sync.WaitGroup
	for worker := range 4 {
		converting.Go(func() {
			var documents, stored []string
			for i := range 200 {
				document := strings.Repeat(string(rune('a'+worker)), compressFrom+7*i)
				b, err := c.encode(document)
				if err != nil {
					t.Error(err)
				}
				documents, stored = append(documents, document), append(stored, string(b))
			}
			for i, b := range stored {
				var got string
				if err := c.decode([]byte(b), &got); err != nil || got != documents[i] {
					t.Errorf("worker %d: document %d has %d bytes, want %d (%v)", worker, i, len(got), len(documents[i]), err)
				}
			}
		})
	}
	converting.Wait()
}
