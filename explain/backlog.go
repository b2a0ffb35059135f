package explain

import (
	"context"
	"strings"
)

// Backlog counts the work that is pending.
type Backlog struct {
	Deliveries  int `json:"deliveries"`
	SetAside    int `json:"set_aside"`
	LookUps     int `json:"look_ups"`
	Evaluations int `json:"to_be_settled"`
}

func (x *explainer) backlog(ctx context.Context) (Backlog, error) {
	b, err := x.Backlog(ctx)
	if err != nil {
		return Backlog{}, err
	}
	evaluations, err := x.CountEvaluations(ctx)
	return Backlog{Deliveries: b.Deliveries, SetAside: b.SetAside, LookUps: b.LookUps, Evaluations: evaluations}, err
}

// words names what is pending; empty if nothing is.
func (b Backlog) words() string {
	var all []string
	for _, work := range []struct {
		n          int
		noun, rest string
	}{
		{b.Deliveries, "delivery", " to process"},
		{b.SetAside, "delivery", " set aside"},
		{b.LookUps, "commit", " to look up"},
		{b.Evaluations, "event", " to evaluate"},
	} {
		if work.n > 0 {
			all = append(all, count(int64(work.n), work.noun)+work.rest)
		}
	}
	return strings.Join(all, ", ")
}
