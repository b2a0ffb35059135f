package markdown

import (
	"regexp"
	"slices"
	"strings"
)

// table is a table in the syntax of https://github.github.com/gfm/#tables-extension-, with a pipe at both ends of each line.
type table struct {
	header []string
	rows   [][]string
}

var delimiter = regexp.MustCompile(`^\|(\s*:?-+:?\s*\|)+$`)

// parseTables finds all tables outside of fenced code.
func parseTables(text string) []table {
	var all []table
	var previous string
	fenced, inside := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			fenced, inside = !fenced, false
		case fenced || !strings.HasPrefix(line, "|"):
			inside = false
		case inside:
			last := &all[len(all)-1]
			last.rows = append(last.rows, split(line))
		case delimiter.MatchString(line) && strings.HasPrefix(previous, "|"):
			all = append(all, table{header: split(previous)})
			inside = true
		}
		previous = line
	}
	return all
}

// split returns the cells of a line. A pipe within a cell is written \|.
func split(line string) []string {
	const escaped = "\x00"
	line = strings.ReplaceAll(line, `\|`, escaped)
	line = strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|")
	cells := strings.Split(line, "|")
	for n, cell := range cells {
		cells[n] = strings.ReplaceAll(strings.TrimSpace(cell), escaped, "|")
	}
	return cells
}

func (t table) has(header []string) bool {
	for _, name := range header {
		if !slices.Contains(t.header, name) {
			return false
		}
	}
	return true
}

// Row is a row of a table.
type Row struct {
	document *Document
	cells    map[string]string
}

func newRow(d *Document, header, cells []string) Row {
	r := Row{document: d, cells: map[string]string{}}
	for n, name := range header {
		r.cells[name] = cells[n]
	}
	return r
}

// Cell returns the Markdown in the column with the given header.
func (r Row) Cell(header string) string {
	r.document.t.Helper()
	cell, ok := r.cells[header]
	if !ok {
		r.document.t.Fatalf("%s: a table has no column %s", r.document.Path, header)
	}
	return cell
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// Code returns the contents of the code spans in a column.
func (r Row) Code(header string) []string {
	r.document.t.Helper()
	var all []string
	for _, found := range codeSpan.FindAllStringSubmatch(r.Cell(header), -1) {
		all = append(all, found[1])
	}
	return all
}

// Name returns the content of the first code span in a column, or "" without one.
func (r Row) Name(header string) string {
	r.document.t.Helper()
	if all := r.Code(header); len(all) > 0 {
		return all[0]
	}
	return ""
}
