package explain

import (
	"context"
	"fmt"
	"time"

	"dora-exporter/dora"
)

// Delivery is the delivery that brought an event.
type Delivery struct {
	ID       int64              `json:"id"`
	Key      string             `json:"key"`
	Received time.Time          `json:"received"`
	State    dora.DeliveryState `json:"state"`
	Attempts int                `json:"attempts,omitempty"`
	Error    string             `json:"error,omitempty"`
}

func newDelivery(d dora.StoredDelivery) Delivery {
	return Delivery{ID: d.ID, Key: d.Key, Received: d.Received, State: d.State, Attempts: d.Attempts, Error: d.LastError}
}

func (d Delivery) words() string {
	return fmt.Sprintf("delivery %d, arrived %s (%s)", d.ID, dora.FormatTime(d.Received), d.Key)
}

// Pending is work that is still to be done.
type Pending struct {
	What string `json:"what"`
	// Due is the time of the next attempt; zero for as soon as possible.
	Due time.Time `json:"due,omitzero"`
	// Attempts failed since the last answer; Misses are answers that what is looked up does not exist.
	Attempts int    `json:"attempts"`
	Misses   int    `json:"misses,omitempty"`
	Error    string `json:"error,omitempty"`
}

// pendingDelivery returns the work that a delivery waits for; false if it is processed.
func pendingDelivery(d dora.StoredDelivery) (Pending, bool) {
	switch d.State { //nolint:exhaustive // a processed delivery is not pending
	case dora.DeliveryPending:
		p := Pending{What: fmt.Sprintf("delivery %d (%s) is to be processed", d.ID, d.Key), Attempts: d.Attempts, Error: d.LastError}
		if d.Due.UnixMilli() > 0 {
			p.Due = d.Due
		}
		return p, true
	case dora.DeliverySetAside:
		return Pending{
			What:     fmt.Sprintf("delivery %d (%s) is a dead letter until an operator retries it: dora-exporter deliveries retry %d", d.ID, d.Key, d.ID),
			Attempts: d.Attempts, Error: d.LastError,
		}, true
	}
	return Pending{}, false
}

// pendingEvaluations returns what is still to be evaluated, and its kinds.
func (x *explainer) pendingEvaluations(ctx context.Context, keys ...string) (all []Pending, kinds map[string]bool, err error) {
	evaluations, err := x.EvaluationsOf(ctx, keys...)
	if err != nil {
		return nil, nil, err
	}
	kinds = map[string]bool{}
	for _, e := range evaluations {
		what, ok := evaluationWords[e.Kind]
		if !ok {
			continue
		}
		if e.Kind == dora.DeploymentEvaluation {
			earlier, err := x.WaitingBefore(ctx, e)
			if err != nil {
				return nil, nil, err
			}
			if earlier.Key != "" {
				name, err := x.deploymentName(ctx, earlier.Key)
				if err != nil {
					return nil, nil, err
				}
				what += ", after " + name
			}
		}
		kinds[e.Kind] = true
		all = append(all, Pending{What: what, Due: e.Due, Attempts: e.Attempts, Misses: e.Misses})
	}
	return all, kinds, nil
}
