package sqlite

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What the server does again and again must not take longer because the history is long or much waits. So of each statement that the contract's
// tests have run (TestStore), the plan is checked.

// growing are the tables that grow with the history or with what waits.
var growing = strings.Fields(`deliveries texts facts commits unshipped lookups waiting_statuses repositories repository_names environments deployments
	successes shipped titles incidents incident_events evaluations evidence failed_changes all_evidence days removed_keys aged`)

// unselective are searches that read a share of a table: all that a repository, a scope, a family or a kind has.
var unselective = []string{
	"(family=?)", "(kind=?)", "deployments_repository (", "(scope=?)", "(scope>? AND scope<?)", "_team (team=?)", "(state=?)",
}

// mayGrow are the statements that may take longer, by what is only in them, and why they may.
var mayGrow = map[string]string{
	"SELECT count(*) FROM evaluations":                                     "counts what waits, for a scrape",
	"count(*) FROM deliveries":                                             "counts what waits, for a scrape",
	"WHERE state = 2 ORDER BY id":                                          "lists the dead letters, for a person",
	"FROM deliveries ORDER BY id DESC LIMIT ?":                             "reads the newest deliveries alone",
	"length(name) DESC":                                                    "suggests incidents, for a person",
	"WHERE number = ? AND repository IN":                                   "reads the deployments of one number",
	"SELECT DISTINCT sha FROM deployments":                                 "ends when it has found as many as it returns",
	"FROM texts WHERE id IN (SELECT scope FROM deployments)":               "makes all days stale, once for each change of the rules",
	"stale_days WHERE scope = ?":                                           "reads the row of a scope",
	"UPDATE stale_days SET since":                                          "reads the row of a scope",
	"FROM owned CROSS JOIN days ON owned = id WHERE scope = ?":             "reads the days of a scope between two dates",
	"FROM environments ORDER BY folded":                                    "lists the environments, at the start",
	"SELECT EXISTS (SELECT 1 FROM removed_keys)":                           "reads one row, at the start",
	"_inaccessible WHERE inaccessible = 1":                                 "returns all that it reads",
	"SELECT checksum, ":                                                    "merges two repositories, at most once for each",
	"WHERE scope >= ? AND scope < ?":                                       "merges two repositories, at most once for each",
	"UPDATE evaluations SET scope = ?, first = 0":                          "merges two repositories, at most once for each",
	"UPDATE evaluations SET repository = ?2":                               "merges two repositories, at most once for each",
	"FROM deployments WHERE repository = (":                                "merges two repositories, at most once for each",
	"DISTINCT scope FROM evaluations":                                      "merges two repositories, at most once for each",
	"EXISTS (SELECT 1 FROM evaluations WHERE first = 1 AND at":             "reads at most one row of a scope",
	"FROM shipped JOIN deployments ON id = deployment WHERE shipped.scope": "sorts the deployments that shipped the same change to the same scope",
	"evaluations_one_first":                                                "finds at most one row of a scope",
	"failed_changes WHERE scope = ? AND repaired_at IS NULL":               "returns all that it reads",
	"(SELECT min(facts.at) FROM facts WHERE":                               "reads all series of a family, for an export",
	"ON incident_events.key = incidents.key ORDER BY":                      "returns all that it reads, for an export",
	"WHERE seen >= ? ORDER BY repository":                                  "reads the names of all repositories, every quarter of an hour",
}

// problems returns the steps of a statement's plan that take longer when a table grows, although the answer does not: a scan of a table or
// an index, a search that reads a share of the table, and a sort of which only some rows are returned.
func problems(t *testing.T, s *Store, statement string) (found []string) {
	t.Helper()
	plan, err := planOf(t.Context(), s, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	partial := strings.Contains(statement, "LIMIT") || strings.Contains(statement, "EXISTS")
	for _, step := range plan {
		words := strings.Fields(step)
		scans := words[0] == "SCAN" && slices.Contains(growing, words[1])
		shares := slices.ContainsFunc(unselective, func(search string) bool { return strings.Contains(step, search) })
		sorts := strings.HasPrefix(step, "USE TEMP B-TREE") && partial
		if scans || shares && !strings.Contains(statement, "LIMIT") || sorts {
			found = append(found, step)
		}
	}
	return found
}

func TestProblemsOfPlans(t *testing.T) {
	s := openStore(t)
	for statement, want := range map[string]string{
		"SELECT key FROM evaluations WHERE kind <> 'deployment' AND (due <= ? OR due > ?) ORDER BY due LIMIT ?":      "SCAN",
		"SELECT 1 FROM deployments WHERE branch = ? LIMIT 1":                                                         "SCAN",
		"SELECT count(*) FROM lookups":                                                                               "SCAN",
		"DELETE FROM commits WHERE origin = ?":                                                                       "SCAN",
		"SELECT key FROM repositories WHERE host = ? AND id = ?":                                                     "SCAN",
		"SELECT key FROM deployments WHERE sha = ? ORDER BY number LIMIT 1":                                          "USE TEMP B-TREE",
		"SELECT id FROM series WHERE family = ?":                                                                     "(family=?)",
		"SELECT key FROM evaluations WHERE kind = ?":                                                                 "(kind=?)",
		"SELECT key FROM deployments WHERE sha = ? ORDER BY number":                                                  "",
		"SELECT value FROM facts WHERE stem = ? AND rest = ? AND family = ?":                                         "",
		"SELECT key FROM evaluations INDEXED BY evaluations_first WHERE first = 1 AND due <= ? ORDER BY due LIMIT ?": "",
		"INSERT INTO meta (key, value) VALUES (?, ?)":                                                                "",
	} {
		found := strings.Join(problems(t, s, statement), "\n")
		if want == "" && found != "" || !strings.Contains(found, want) {
			t.Errorf("%s: found %q, want %q", statement, found, want)
		}
	}
}

// usedStatements are the statements that stores have prepared: all but those of snapshots.
type usedStatements struct {
	mu  sync.Mutex
	all map[string]bool
}

// collect adds the statements of a store, which may be closed.
func (u *usedStatements) collect(s *Store) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, statement := range s.Statements(context.Background()) {
		u.all[statement] = true
	}
}

// check fails for the statements that take longer when a table grows and are not in mayGrow.
func (u *usedStatements) check(t *testing.T) {
	s := openStore(t)
	if len(u.all) < 100 {
		t.Errorf("%d statements were collected", len(u.all))
	}
	needed := map[string]bool{}
	for statement := range u.all {
		found := problems(t, s, statement)
		if len(found) == 0 {
			continue
		}
		excused := false
		for part := range mayGrow {
			if strings.Contains(statement, part) {
				excused, needed[part] = true, true
			}
		}
		if !excused {
			t.Errorf("%s\ntakes longer when a table grows: %s", statement, strings.Join(found, ", "))
		}
	}
	for part := range mayGrow {
		if !needed[part] {
			t.Errorf("no statement with %q takes longer when a table grows", part)
		}
	}
}
