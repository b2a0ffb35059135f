package storetest

import (
	"maps"
	"slices"
	"testing"
)

// rules are the tests of a subject by their names.
type rules map[string]func(t *testing.T, s Store)

// Run checks that an engine keeps the contract. open returns a new, empty store that is closed at the end of the test; it is
// called once for each rule.
func Run(t *testing.T, open func(t *testing.T) Store) {
	subjects := map[string]rules{
		"backfill":     backfillRules(),
		"deliveries":   deliveryRules(),
		"backlog":      backlogRules(),
		"deadletters":  deadLetterRules(),
		"facts":        factRules(),
		"undo":         undoRules(),
		"clients":      clientRules(),
		"claims":       claimRules(),
		"due":          dueRules(),
		"comparisons":  comparisonRules(),
		"days":         dayRules(),
		"evaluations":  evaluationRules(),
		"firsts":       firstRules(),
		"lookups":      lookupRules(),
		"recent":       recentRules(),
		"labelsets":    labelSetRules(),
		"history":      historyRules(),
		"runs":         runRules(),
		"shipped":      shippedRules(),
		"past":         pastRules(),
		"named":        namedRules(),
		"evidence":     evidenceRules(),
		"incidents":    incidentRules(),
		"issues":       issueRules(),
		"revisions":    revisionRules(),
		"received":     receivedRules(),
		"deployments":  deploymentRules(),
		"repositories": repositoryRules(),
		"series":       seriesRules(),
		"records":      recordRules(),
		"exported":     exportRules(),
		"snapshot":     snapshotRules(),
		"clock":        clockRules(),
		"durable":      durableRules(),
		"progress":     progressRules(),
		"removal":      removalRules(),
		"settled":      settledRules(),
	}
	for _, subject := range slices.Sorted(maps.Keys(subjects)) {
		t.Run(subject, func(t *testing.T) {
			for _, name := range slices.Sorted(maps.Keys(subjects[subject])) {
				t.Run(name, func(t *testing.T) { subjects[subject][name](t, open(t)) })
			}
		})
	}
}
