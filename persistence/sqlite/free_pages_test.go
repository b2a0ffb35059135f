package sqlite

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
)

// A list of free pages that SQLite can't have written is found before the pages in it are overwritten.
func TestFreePages(t *testing.T) {
	number := binary.BigEndian.PutUint32
	for want, damage := range map[string]func(header, trunk []byte, facts uint32){
		"":                                      func([]byte, []byte, uint32) {},
		"of facts is in the list of free pages": func(_, trunk []byte, facts uint32) { number(trunk[12:], facts) },
		"or is in it twice":                     func(_, trunk []byte, _ uint32) { copy(trunk[12:16], trunk[8:12]) },
		"page 0 can't be in the list":           func(_, trunk []byte, _ uint32) { number(trunk[8:], 0) },
		"page 99999 can't be in the list":       func(_, trunk []byte, _ uint32) { number(trunk[0:], 99999) },
		"has too many entries":                  func(_, trunk []byte, _ uint32) { number(trunk[4:], 1023) },
		"11 free pages, and 10 are in":          func(header, _ []byte, _ uint32) { number(header[36:], 11) },
	} {
		t.Run(want, func(t *testing.T) {
			s := openStore(t)
			addFact(t, s, "a")
			var facts int64
			err := s.reader.queryRow(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'facts'", nil, &facts)
			if err = errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			tamper(t, s.path, "CREATE TABLE large (x); INSERT INTO large VALUES (zeroblob(9 * 4092))", "DROP TABLE large")
			data, err := os.ReadFile(s.path)
			if err != nil {
				t.Fatal(err)
			}
			trunk := binary.BigEndian.Uint32(data[32:])
			damage(data[:100], data[4096*(trunk-1):4096*trunk], uint32(facts))
			write(t, s.path, string(data))
			r, err := newReader(s.path)
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(r.checkAll(t.Context(), 0), r.Close())
			var corrupt *CorruptError
			if want == "" && err != nil || want != "" && (!errors.As(err, &corrupt) || !strings.Contains(err.Error(), want)) {
				t.Errorf("error %v, want %q", err, want)
			}
		})
	}
}
