package sqlstore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Merge gives all that is stored of a repository to another.
func (t repositoryTx) Merge(from, into string) error {
	deployments, err := t.history().deployments("WHERE repository = "+textID, from)
	if err != nil {
		return err
	}
	for _, d := range deployments {
		before := d.Scope()
		d.Identity = into
		if err := deploymentTx(t).Save(d); err != nil {
			return err
		}
		if err := t.moveShipped(d, before); err != nil {
			return fmt.Errorf("merge repository %s into %s: %w", from, into, err)
		}
	}
	if err := t.moveTitles(from, into); err != nil {
		return fmt.Errorf("merge repository %s into %s: %w", from, into, err)
	}
	t.decided.clear()
	t.repaired.clear()
	t.firsts.clear()
	t.untried.clear()
	t.newestNames.clear()
	t.onlyNamed.clear()
	for _, table := range []checkedTable{
		{"evaluations", ""}, {"evidence", "cause = ? AND by = ?"}, {"all_evidence", "giver = ? AND cause = ? AND by = ?"}, {"failed_changes", "target = ?"},
	} {
		if err := t.moveScopes(table, from, into); err != nil {
			return fmt.Errorf("merge repository %s into %s: %w", from, into, err)
		}
	}
	if err := t.moveDays(from, into); err != nil {
		return fmt.Errorf("merge the days of repository %s into those of %s: %w", from, into, err)
	}
	for _, statement := range []string{
		"UPDATE evaluations SET repository = ?2, first = 0 WHERE repository = ?1",
		`INSERT INTO repository_names (name, repository, seen) SELECT name, ?2, seen FROM repository_names WHERE repository = ?1
			ON CONFLICT (name, repository) DO UPDATE SET seen = excluded.seen WHERE repository_names.seen < excluded.seen`,
	} {
		if err := t.send(statement, from, into); err != nil {
			return fmt.Errorf("merge repository %s into %s: %w", from, into, err)
		}
	}
	if err := t.replace(checkedTable{"lookups", "commit_key = ?"}, "repository", into, "repository = ?", from); err != nil {
		return fmt.Errorf("merge repository %s into %s: %w", from, into, err)
	}
	if err := t.send("DELETE FROM repository_names WHERE repository = ?", from); err != nil {
		return fmt.Errorf("merge repository %s into %s: %w", from, into, err)
	}
	if err := t.moveChanges(from, into); err != nil {
		return fmt.Errorf("merge what was counted of repository %s into that of %s: %w", from, into, err)
	}
	if err := t.markStale(time.Time{}, dora.StaleIncidents); err != nil {
		return err
	}
	return t.setFirstOfScopes(into)
}

// moveShipped moves what a deployment shipped to its scope, from the one that it had before.
func (t repositoryTx) moveShipped(d dora.DeploymentRecord, before string) error {
	scope, err := t.text(d.Scope())
	if err != nil {
		return err
	}
	for _, c := range d.Shipped() {
		for _, name := range c.Names() {
			if err := t.replace(shippedRow, "scope", scope, "name = ? AND scope = "+textID, name, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveTitles moves the titles of what was shipped to the scopes of a repository to those of another.
func (t repositoryTx) moveTitles(from, into string) error {
	lower, upper := prefixRange(from + "/")
	scopes, err := readAllIn(t.tx, "scopes", "SELECT text FROM texts WHERE text >= ? AND text < ?", []any{lower, upper}, scanText)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		id, err := t.text(into + strings.TrimPrefix(scope, from))
		if err != nil {
			return err
		}
		if err := t.replace(titleRow, "scope", id, "scope = "+textID, scope); err != nil {
			return err
		}
	}
	return nil
}

// checkedTable is a table whose rows have checksums. key is the condition for one row, by the first of its checkedColumns; empty if the
// checksums don't cover the scope.
type checkedTable struct{ name, key string }

var (
	shippedRow = checkedTable{"shipped", "name = ? AND scope = ? AND deployment = ?"}
	titleRow   = checkedTable{"titles", "scope = ? AND title = ? AND change = ? AND deployment = ?"}
)

// moveScopes moves the rows of a table that are about scopes of a repository to those of another.
func (t repositoryTx) moveScopes(table checkedTable, from, into string) error {
	lower, upper := prefixRange(from + "/")
	scopes, err := readAllIn(t.tx, "scopes", "SELECT DISTINCT scope FROM "+table.name+" WHERE scope >= ? AND scope < ?", []any{lower, upper}, scanText)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		moved := into + strings.TrimPrefix(scope, from)
		if table.key != "" {
			err = t.replace(table, "scope", moved, "scope = ?", scope)
		} else {
			err = t.send("UPDATE "+table.name+" SET scope = ?, first = 0 WHERE scope = ?", moved, scope) // setFirstOfScopes sets first
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replace replaces a column that checksums cover in the rows of a table that meet a condition.
func (t repositoryTx) replace(table checkedTable, column string, value any, where string, args ...any) error {
	rows, err := readAllIn(t.tx, table.name, selectChecked(table.name)+" WHERE "+where, args, func(rows Rows) ([]any, error) {
		return scanChecked(t.writer.path, table.name, rows)
	})
	if err != nil {
		return err
	}
	at := slices.Index(checkedColumns[table.name], column)
	for _, row := range rows {
		key := slices.Clone(row[:strings.Count(table.key, "?")])
		row[at] = value
		err := t.send("UPDATE "+table.name+" SET "+column+" = ?, checksum = ? WHERE "+table.key, append([]any{value, checksumIn(table.name, row...)}, key...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// setFirstOfScopes records which deployment of each scope of a repository is to be evaluated first.
func (t repositoryTx) setFirstOfScopes(repository string) error {
	scopes, err := readAllIn(t.tx, "pending evaluations", "SELECT DISTINCT scope FROM evaluations WHERE kind = 'deployment' AND repository = ?",
		[]any{repository}, scanText)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		if err := t.setFirst(scope); err != nil {
			return err
		}
	}
	return nil
}

// moveChanges renames the subjects of the facts about the changes of a repository, so that they count in none of the other's scopes again.
// Those of a change that the other one has counted, too, are left as they are.
func (t repositoryTx) moveChanges(from, into string) error {
	twice := map[string]bool{} // by scope and name
	for _, family := range []string{dora.Changes, dora.LeadTime, dora.LeadTimeUnavailable, dora.LeadTimeStage} {
		facts, err := t.factsAbout(family, dora.Subject(dora.SubjectChange, from))
		if err != nil {
			return err
		}
		for _, f := range facts {
			_, change, _ := dora.CutSubject(f.Subject)
			moved := dora.Subject(dora.SubjectChange, into) + strings.TrimPrefix(f.Subject, dora.Subject(dora.SubjectChange, from))
			if family == dora.Changes {
				if twice[change], err = factTx(t).Has(family, moved); err != nil {
					return err
				}
			}
			if twice[change] {
				continue
			}
			if err := t.setSubject(f, moved); err != nil {
				return err
			}
		}
	}
	return nil
}

// factsAbout returns the facts of a family whose subjects continue a subject behind a slash.
func (t repositoryTx) factsAbout(family, subject string) ([]dora.Fact, error) {
	labels := map[int64]dora.Labels{}
	return readAllIn(t.tx, "facts", selectFacts+"WHERE facts.family = "+textID+" AND "+continued, append([]any{family}, continuing(subject)...),
		func(rows Rows) (dora.Fact, error) { return scanFact(t.writer.path, rows, labels) })
}

// setSubject gives a fact another subject.
func (t repositoryTx) setSubject(f dora.Fact, subject string) error {
	labels, err := labelsText(f.Labels)
	if err != nil {
		return err
	}
	begin, rest := cutStem(subject)
	stem, err := t.text(begin)
	if err != nil {
		return err
	}
	f.Subject = subject
	t.changeFacts()
	return t.send("UPDATE facts SET stem = ?, rest = ?, checksum = ? WHERE position = ?", stem, rest, factSum(f, labels), f.Position)
}
