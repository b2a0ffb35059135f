package sqlstore

import (
	"fmt"
	"strings"
	"time"

	"dora-exporter/dora"
)

// RemoveDeployment removes a deployment and what is stored of it. Its statuses are those of all environments, and go with the last. Its
// days stay, with the evidence that it gives: what they have of others follows from it.
func (t removalTx) RemoveDeployment(d dora.DeploymentRecord, before time.Time) error {
	var err error
	for _, c := range d.Shipped() {
		if err == nil {
			err = deploymentTx(t).RemoveShipped(d, c)
		}
	}
	t.deployments.remove(d.Key())
	for _, statement := range []string{
		"DELETE FROM successes WHERE deployment = (SELECT id FROM deployments WHERE key = ?)",
		"DELETE FROM failed_changes WHERE target = ?",
		"DELETE FROM evidence WHERE target = ?",
		"DELETE FROM all_evidence WHERE target = ?",
		"DELETE FROM deployments WHERE key = ?",
	} {
		if err == nil {
			err = t.send(statement, d.Key())
		}
	}
	keys := []removedKey{{dora.SubjectDeployment, d.Key()}, {removedScope, d.Scope()}}
	if err == nil {
		err = t.removeOrigins(d)
	}
	var others bool
	if err == nil {
		others, err = t.exists("SELECT 1 FROM deployments WHERE "+ofNumber, numberArgs(d.Deployment)...)
	}
	if err == nil && !others {
		keys = append(keys, removedKey{dora.SubjectDeployment, dora.DeploymentKey(d.Host, d.ID)})
		err = t.removeStatuses(d.Host, d.ID)
	}
	if err == nil {
		err = t.removeAged(dora.AgedRecord{Kind: dora.SubjectDeployment, Key: d.Key()}, before, keys...)
	}
	if err != nil {
		return fmt.Errorf("remove deployment %s: %w", d.Key(), err)
	}
	return nil
}

// ofNumber is a condition for what is stored of a deployment in all environments. numberArgs are its parameters.
const ofNumber = "number = ? AND (key = ? OR key >= ? AND key < ?)"

func numberArgs(d dora.Deployment) []any {
	key := dora.DeploymentKey(d.Host, d.ID)
	from, to := prefixRange(key + "/")
	return []any{d.ID, key, from, to}
}

// removeOrigins removes the origins of the commits of a deployment that no other one has deployed or shipped.
func (t removalTx) removeOrigins(d dora.DeploymentRecord) error {
	keys := map[string]string{d.Commit().Key(): d.SHA}
	for _, c := range d.Shipped() {
		for _, name := range c.Names() {
			if name != "" && !strings.HasPrefix(name, "#") {
				keys[d.Commit().At(name).Key()] = name
			}
		}
	}
	for key, sha := range keys {
		if err := t.removeOrigin(key, sha); err != nil {
			return err
		}
	}
	return nil
}

// removeOrigin removes the origin of a commit, by its key, unless a deployment has deployed or shipped it.
func (t removalTx) removeOrigin(key, sha string) error {
	t.origins.remove(key)
	stem, rest := cutStem(key)
	return t.send("DELETE FROM commits WHERE stem = "+textID+` AND rest = ? AND NOT EXISTS (SELECT 1 FROM deployments WHERE sha = ?)
		AND NOT EXISTS (SELECT 1 FROM shipped WHERE name = ?)`, stem, rest, sha, sha)
}

// RemoveIncident removes an issue.
func (t removalTx) RemoveIncident(i dora.Incident, before time.Time, counted bool) error {
	keys := []removedKey{{removedName, i.Name}}
	if counted {
		keys = []removedKey{{countedName, i.Name}, {dora.SubjectIncident, i.Key}}
	}
	scopes, err := readAllIn(t.tx, "the scopes of evidence", "SELECT DISTINCT scope FROM all_evidence WHERE giver = ?", []any{i.Key}, scanText)
	for _, scope := range scopes {
		keys = append(keys, removedKey{removedScope, scope})
	}
	for _, statement := range []string{"DELETE FROM incidents WHERE key = ?", "DELETE FROM incident_events WHERE key = ?"} {
		if err == nil {
			err = t.send(statement, i.Key)
		}
	}
	if err == nil {
		err = t.removeAged(dora.AgedRecord{Kind: dora.SubjectIncident, Key: i.Key}, before, keys...)
	}
	if err != nil {
		return fmt.Errorf("remove incident %s: %w", i.Key, err)
	}
	return nil
}

// removeAged takes a record out of those that may be removed, since it was older than a time, and remembers keys of it.
func (t removalTx) removeAged(a dora.AgedRecord, before time.Time, keys ...removedKey) error {
	row, err := t.removalRow()
	row.complete = max(row.complete, before.UnixMilli())
	for _, key := range keys {
		if err == nil {
			err = t.addRemoved(&row, key)
		}
	}
	if err == nil {
		err = t.saveRemovalRow(row)
	}
	if err == nil {
		err = t.send("DELETE FROM aged WHERE kind = ? AND key = ?", a.Kind, a.Key)
	}
	return err
}

// EvidenceAgainst returns the evidence against a deployment, with that of the days.
func (t removalTx) EvidenceAgainst(d dora.DeploymentRecord) ([]dora.Evidence, error) {
	all, err := t.evidence("WHERE target = ?", d.Key())
	if err != nil {
		return nil, err
	}
	ofDays, err := t.Days().EvidenceAbout([]string{d.Key()})
	return append(all, ofDays...), err
}

// IsEvaluationPending reports whether an evaluation with a key is pending.
func (t removalTx) IsEvaluationPending(key string) (bool, error) {
	return t.isNeeded("SELECT 1 FROM evaluations WHERE kind IN ('deployment', 'outcome', 'incident', 'issue') AND key = ?", key)
}

// IsUnrepairedBy reports whether a failed change that an incident shows is not repaired, or may be marked yet.
func (t removalTx) IsUnrepairedBy(incident string) (bool, error) {
	unrepaired, err := t.isNeeded("SELECT 1 FROM failed_changes WHERE by = ? AND repaired_at IS NULL LIMIT 1", incident)
	if err != nil || unrepaired {
		return unrepaired, err
	}
	return t.isNeeded("SELECT 1 FROM evidence WHERE by = ? AND decided = 0 LIMIT 1", incident)
}

// isNeeded reports whether a query for what needs a record has a row.
func (t removalTx) isNeeded(query, key string) (bool, error) {
	needed, err := t.exists(query, key)
	if err != nil {
		return false, fmt.Errorf("look for what needs %s: %w", key, err)
	}
	return needed, nil
}
