// Package markdown reads the tables of the documentation, for tests that compare a document with the program. Tables and
// cells are found by the names in the header row, so that columns can be added and moved.
package markdown

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Document is a Markdown file of the repository.
type Document struct {
	t testing.TB
	// Path is relative to the root of the repository, and Text is the whole file.
	Path, Text string
	tables     []table
}

// Read reads the file at path, which is relative to the root of the repository.
func Read(t testing.TB, path string) *Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root(t), path))
	if err != nil {
		t.Fatal(err)
	}
	return Parse(t, path, string(text))
}

// Parse returns the document with the given text. The path is for messages.
func Parse(t testing.TB, path, text string) *Document {
	return &Document{t: t, Path: path, Text: text, tables: parseTables(text)}
}

// Root returns the root of the repository: the nearest folder above the test that has a docs folder beside a go.mod.
func Root(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if isFile(filepath.Join(folder, "go.mod")) && isFile(filepath.Join(folder, "docs", "architecture.md")) {
			return folder
		}
		above := filepath.Dir(folder)
		if above == folder {
			t.Fatal("no folder above the test has go.mod and docs/architecture.md")
		}
		folder = above
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Rows returns the rows of all tables whose header has all of the given names, in the order of the document. The test fails
// when there is no such table, or when a row is longer or shorter than its header.
func (d *Document) Rows(header ...string) []Row {
	d.t.Helper()
	var rows []Row
	found := false
	for _, table := range d.tables {
		if !table.has(header) {
			continue
		}
		found = true
		for _, cells := range table.rows {
			if len(cells) != len(table.header) {
				d.t.Fatalf("%s: a row has %d cells and its header %d: %s", d.Path, len(cells), len(table.header), strings.Join(cells, " | "))
			}
			rows = append(rows, newRow(d, table.header, cells))
		}
	}
	if !found {
		d.t.Fatalf("%s: no table has the columns %s", d.Path, strings.Join(header, ", "))
	}
	return rows
}
