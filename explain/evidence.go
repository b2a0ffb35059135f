package explain

import (
	"context"
	"time"

	"dora-exporter/dora"
)

// Evidence is a piece of evidence that a deployment is a failed change.
type Evidence struct {
	Deployment string     `json:"deployment"`
	Cause      dora.Cause `json:"cause"`
	Rule       string     `json:"rule"`
	Detail     string     `json:"evidence"`
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	// Counts is true if the deployment is marked by this piece.
	Counts bool `json:"counts"`
	// Waits is true if the deployment is not marked yet, because earlier evidence may still be found.
	Waits bool `json:"waits"`

	RepairedBy string    `json:"repaired_by,omitempty"`
	RepairedAt time.Time `json:"repaired_at,omitzero"`
	// Late is true if an event that it comes from arrived after later deployments had been evaluated.
	Late bool `json:"found_late"`
}

func (x *explainer) evidence(ctx context.Context, all []dora.Evidence) ([]Evidence, error) {
	explained := []Evidence{}
	for _, e := range all {
		piece, err := x.pieceOfEvidence(ctx, e)
		if err != nil {
			return nil, err
		}
		explained = append(explained, piece)
	}
	return explained, nil
}

func (x *explainer) pieceOfEvidence(ctx context.Context, e dora.Evidence) (piece Evidence, err error) {
	piece = Evidence{Cause: e.Cause, Rule: causeWords[e.Cause], Detail: e.Detail, At: e.At}
	if piece.Deployment, err = x.deploymentName(ctx, e.Target); err != nil {
		return piece, err
	}
	if piece.By, err = x.evidenceName(ctx, e.Cause, e.By); err != nil {
		return piece, err
	}
	mark, known, err := x.FailedChangeOf(ctx, e.Target)
	piece.Waits = !known
	if err != nil || !known || mark.Cause != e.Cause || mark.By != e.By {
		return piece, err
	}
	piece.Counts, piece.Late, piece.RepairedAt = true, mark.Late, mark.RepairedAt
	if !mark.RepairedAt.IsZero() {
		piece.RepairedBy, err = x.evidenceName(ctx, mark.Cause, mark.RepairedBy)
	}
	return piece, err
}
