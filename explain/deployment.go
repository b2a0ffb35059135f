package explain

import (
	"cmp"
	"context"
	"slices"
	"time"

	"dora-exporter/dora"
)

// Deployments explains the deployments of a name: one, or one on each of several servers and in each environment that a status
// promoted it to.
type Deployments struct {
	Deployments []DeploymentExplanation `json:"deployments"`
}

// DeploymentExplanation is everything that is known about a deployment.
type DeploymentExplanation struct {
	Deployment          string    `json:"deployment"`
	Host                string    `json:"host"`
	Owner               string    `json:"owner"`
	Repository          string    `json:"repository"`
	ID                  int64     `json:"id"`
	Environment         string    `json:"environment"`
	Task                string    `json:"task"`
	OriginalEnvironment string    `json:"original_environment,omitempty"`
	Promoted            bool      `json:"promoted"`
	Production          bool      `json:"production"`
	SHA                 string    `json:"sha"`
	Ref                 string    `json:"ref,omitempty"`
	Team                string    `json:"team"`
	Created             time.Time `json:"created,omitzero"`

	// Ignored is why it counts in no dora_* family; empty if it does.
	Ignored string `json:"ignored,omitempty"`

	Events []DeploymentEvent `json:"events"`
	Ships  *Shipment         `json:"ships,omitempty"`
	// Late is true if its success arrived after a later deployment had been evaluated.
	Late bool `json:"found_late"`
	// Failed is the evidence against it, Shows its evidence against others and the failed changes that it repaired.
	Failed      []Evidence   `json:"turned_out_bad"`
	Shows       []Evidence   `json:"shows"`
	Facts       []Fact       `json:"facts"`
	Pending     []Pending    `json:"waiting"`
	NotMeasured []Unmeasured `json:"not_measured"`
}

// DeploymentEvent is the deployment itself or one of its statuses, with the delivery that brought it.
type DeploymentEvent struct {
	Event  string    `json:"event"`
	ID     int64     `json:"id,omitempty"`
	Status string    `json:"status,omitempty"`
	At     time.Time `json:"at"`
	// Delivery is nil if it is no longer in the store.
	Delivery *Delivery `json:"delivery,omitempty"`
}

// Deployment explains the deployment with a name, owner/repo#id.
func Deployment(ctx context.Context, r Reader, name string) (Explanation, error) {
	x := newExplainer(r)
	found, err := x.findDeployments(ctx, name)
	if err != nil {
		return nil, err
	}
	all := &Deployments{Deployments: []DeploymentExplanation{}}
	for _, d := range found {
		e, err := x.deployment(ctx, d)
		if err != nil {
			return nil, err
		}
		all.Deployments = append(all.Deployments, *e)
	}
	return all, nil
}

// deployment explains a deployment of one server.
func (x *explainer) deployment(ctx context.Context, d foundDeployment) (*DeploymentExplanation, error) {
	t := d.tracked
	e := &DeploymentExplanation{
		Deployment: t.DisplayName(), Host: t.Host, Owner: t.Owner, Repository: t.Repository, ID: t.ID, Environment: t.Environment,
		OriginalEnvironment: t.OriginalEnvironment, Promoted: t.Promoted, Production: t.InProduction || t.Production,
		Task: cmp.Or(t.Task, dora.DefaultTask), Ignored: t.Ignored, SHA: t.SHA, Ref: t.Ref, Team: t.Team,
		Created: t.CreatedAt, Late: t.Late, Events: deploymentEvents(d), Pending: []Pending{},
	}
	facts, err := x.deploymentFacts(ctx, e, t)
	if err != nil {
		return nil, err
	}
	if t.Team == "" && len(facts) > 0 {
		e.Team = facts[0].Labels["team"]
	}
	if e.Ships, err = x.shipment(ctx, t, facts); err != nil {
		return nil, err
	}
	against, err := x.EvidenceAbout(ctx, t.Key())
	if err == nil {
		e.Failed, err = x.evidence(ctx, against)
	}
	if err != nil {
		return nil, err
	}
	if e.Shows, err = x.evidenceAgainstOthers(ctx, t.Key()); err != nil {
		return nil, err
	}
	evaluations, err := x.deploymentPending(ctx, e, d)
	if err != nil {
		return nil, err
	}
	noEvidence, err := x.noEvidence(ctx, t)
	e.NotMeasured = append(deploymentUnmeasured(t, e.Failed, facts, evaluations), noEvidence...)
	if err != nil {
		return nil, err
	}
	return e, x.sayRemoved(ctx, e, t)
}

// deploymentEvents returns the events of the deliveries in the order of their own times, and outcomes whose delivery is gone.
func deploymentEvents(d foundDeployment) []DeploymentEvent {
	events, seen := []DeploymentEvent{}, map[int64]bool{}
	for _, delivery := range d.deliveries {
		by := newDelivery(delivery)
		event := DeploymentEvent{Event: delivery.Event.Name(), At: delivery.Event.Target().CreatedAt, Delivery: &by}
		if status := delivery.Event.Status; status != nil {
			event.ID, event.Status, event.At = status.ID, status.State, status.CreatedAt
			seen[status.ID] = true
		}
		events = append(events, event)
	}
	for _, o := range d.tracked.Outcomes {
		if !seen[o.ID] {
			events = append(events, DeploymentEvent{Event: "deployment_status", ID: o.ID, Status: o.State, At: o.At})
		}
	}
	slices.SortStableFunc(events, func(a, b DeploymentEvent) int { return a.At.Compare(b.At) })
	return events
}

// deploymentFacts adds the facts about a deployment and its statuses to an explanation. It returns them with those about the
// changes that it ships, also where another deployment shipped these first.
func (x *explainer) deploymentFacts(ctx context.Context, e *DeploymentExplanation, t dora.DeploymentRecord) ([]dora.Fact, error) {
	subjects := []string{
		dora.OutcomeSubject(t.Key(), dora.Success), dora.OutcomeSubject(t.Key(), dora.Failure),
		dora.FailureSubject(t.Key()), dora.RecoverySubject(t.Key()), dora.ReworkSubject(t.Key()),
	}
	for _, event := range e.Events {
		if event.Status != "" {
			subjects = append(subjects, dora.StatusSubject(t.Host, event.ID))
		}
	}
	for _, c := range t.Changes() {
		subjects = append(subjects, dora.ChangeSubject(t.Scope(), c))
	}
	facts, err := x.FactsAbout(ctx, subjects...)
	if err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(slices.Clone(facts), func(f dora.Fact) bool {
		kind, key, _ := dora.CutSubject(f.Subject)
		elsewhere := slices.Contains([]string{dora.SubjectFailure, dora.SubjectRecovery, dora.SubjectRework}, kind) && key != t.Key()
		return kind == dora.SubjectChange && f.ID != t.ID || elsewhere
	})
	e.Facts, err = x.facts(ctx, own)
	return facts, err
}

// evidenceAgainstOthers returns the evidence that a deployment is against others, and the marks of those that it repaired
// without being evidence.
func (x *explainer) evidenceAgainstOthers(ctx context.Context, key string) ([]Evidence, error) {
	all, err := x.EvidenceIn(ctx, key)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(e dora.Evidence) bool { return e.Target == key })
	repaired, err := x.RepairedBy(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, m := range repaired {
		if !slices.Contains(all, m.Evidence) {
			all = append(all, m.Evidence)
		}
	}
	return x.evidence(ctx, all)
}

// deploymentPending adds what is still to be done for a deployment to its explanation. It returns the kinds of the pending
// evaluations.
func (x *explainer) deploymentPending(ctx context.Context, e *DeploymentExplanation, d foundDeployment) (kinds map[string]bool, err error) {
	for _, delivery := range d.deliveries {
		if p, ok := pendingDelivery(delivery); ok {
			e.Pending = append(e.Pending, p)
		}
	}
	evaluations, kinds, err := x.pendingEvaluations(ctx, d.tracked.Key(), d.tracked.Scope())
	if err != nil {
		return nil, err
	}
	e.Pending = append(e.Pending, evaluations...)
	job, known, err := x.LookupOf(ctx, d.tracked.Commit().Key())
	if known {
		e.Pending = append(e.Pending, Pending{
			What: "look-up of the first commit of the change that brought " + shortName(d.tracked.SHA) + ", for the durations of the statuses",
			Due:  job.Due, Attempts: job.Attempts, Misses: job.Misses,
		})
	}
	return kinds, err
}

// Text returns the explanation for people.
func (all *Deployments) Text() string {
	t := &text{}
	writeAll(t, "%d deployments have that name: on several servers, or in several environments", all.Deployments, (*DeploymentExplanation).write)
	return t.String()
}

func (e *DeploymentExplanation) write(t *text) {
	t.line("%s on %s", e.Deployment, e.Host)
	environment := e.Environment
	switch {
	case e.Promoted:
		environment += ", promoted by a status"
		if e.OriginalEnvironment != "" {
			environment += " from " + e.OriginalEnvironment
		}
	case e.OriginalEnvironment != "" && e.OriginalEnvironment != e.Environment:
		environment += ", originally " + e.OriginalEnvironment
	}
	if e.Production {
		environment += " (production)"
	}
	created := "unknown"
	if !e.Created.IsZero() {
		created = dora.FormatTime(e.Created)
	}
	about := [][]string{{"environment", environment}, {"commit", e.SHA}, {"team", e.Team}, {"created", created}}
	if e.Task != dora.DefaultTask {
		about = append(about, []string{"task", e.Task})
	}
	if e.Ignored != "" {
		about = append(about, []string{"ignored", "it counts in github_* only, by " + e.Ignored})
	}
	t.table(about)
	t.section("Events")
	var rows [][]string
	for _, event := range e.Events {
		by := "delivery no longer in the store"
		if event.Delivery != nil {
			by = event.Delivery.words()
		}
		what := event.Event
		if event.Status != "" {
			what = event.Status
		}
		rows = append(rows, []string{dora.FormatTime(event.At), what, by})
	}
	t.table(rows)
	t.shipment(e.Ships)
	t.evidence("Failed change", e.Failed)
	t.evidence("Evidence against other deployments, and repairs", e.Shows)
	if e.Late {
		t.section("Late: its success arrived after a later deployment had been evaluated")
	}
	t.facts(e.Facts)
	t.pending(e.Pending)
	t.unmeasured(e.NotMeasured)
}
