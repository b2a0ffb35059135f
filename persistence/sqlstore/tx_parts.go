package sqlstore

import "dora-exporter/dora"

// The parts of dora.Tx, one for each kind of record.
type (
	factTx       struct{ *tx }
	deliveryTx   struct{ *tx }
	commitTx     struct{ *tx }
	repositoryTx struct{ *tx }
	deploymentTx struct{ *tx }
	incidentTx   struct{ *tx }
	evidenceTx   struct{ *tx }
	evaluationTx struct{ *tx }
	removalTx    struct{ *tx }
	backfillTx   struct{ *tx }
	dayTx        struct {
		dayReads
		tx *tx
	}
)

func (t *tx) Facts() dora.FactTx { return factTx{t} }

func (t *tx) Deliveries() dora.DeliveryTx { return deliveryTx{t} }

func (t *tx) Commits() dora.CommitTx { return commitTx{t} }

func (t *tx) History() dora.History { return t.history() }

func (t *tx) Repositories() dora.RepositoryTx { return repositoryTx{t} }

func (t *tx) Deployments() dora.DeploymentTx { return deploymentTx{t} }

func (t *tx) Incidents() dora.IncidentTx { return incidentTx{t} }

func (t *tx) Evidence() dora.EvidenceTx { return evidenceTx{t} }

func (t *tx) Evaluations() dora.EvaluationTx { return evaluationTx{t} }

func (t *tx) Removal() dora.RemovalTx { return removalTx{t} }

func (t *tx) Backfill() dora.BackfillTx { return backfillTx{t} }

func (t *tx) Days() dora.DayTx { return dayTx{dayReads{t.history()}, t} }
