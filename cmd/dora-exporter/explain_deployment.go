package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence"
)

// deploymentsExplained are those of a name: one, or one on each of several servers.
type deploymentsExplained struct {
	Deployments []deploymentExplained `json:"deployments"`
}

// deploymentExplained is everything that is known of a deployment.
type deploymentExplained struct {
	Deployment          string    `json:"deployment"`
	Host                string    `json:"host"`
	Owner               string    `json:"owner"`
	Repository          string    `json:"repository"`
	ID                  int64     `json:"id"`
	Environment         string    `json:"environment"`
	OriginalEnvironment string    `json:"original_environment,omitempty"`
	Production          bool      `json:"production"`
	SHA                 string    `json:"sha"`
	Ref                 string    `json:"ref,omitempty"`
	Team                string    `json:"team"`
	Created             time.Time `json:"created,omitzero"`

	Events      []deploymentEvent `json:"events"`
	Ships       *shipped          `json:"ships,omitempty"`
	FoundLate   bool              `json:"found_late"`
	TurnedBad   []marked          `json:"turned_out_bad"`
	Shows       []marked          `json:"shows"`
	Facts       []factTold        `json:"facts"`
	Waiting     []waiting         `json:"waiting"`
	NotMeasured []unmeasured      `json:"not_measured"`
}

// deploymentEvent is the deployment itself or one of its statuses, with the delivery that brought it.
type deploymentEvent struct {
	Event  string    `json:"event"`
	ID     int64     `json:"id,omitempty"`
	Status string    `json:"status,omitempty"`
	At     time.Time `json:"at"`
	// Delivery is missing when it is no longer in the store.
	Delivery *delivered `json:"delivery,omitempty"`
}

// shipped is what a deployment ships.
type shipped struct {
	Relation       dora.Relation   `json:"relation"`
	Meaning        string          `json:"meaning"`
	Base           string          `json:"base,omitempty"`
	BaseDeployment string          `json:"base_deployment,omitempty"`
	Calls          int             `json:"calls"`
	Changes        []changeShipped `json:"changes"`
}

// changeShipped is a change with its lead time or why it has none here.
type changeShipped struct {
	Change      string    `json:"change"`
	PullRequest int       `json:"pull_request,omitempty"`
	SHA         string    `json:"sha"`
	Author      string    `json:"author,omitempty"`
	FirstCommit time.Time `json:"first_commit,omitzero"`
	Opened      time.Time `json:"opened,omitzero"`
	Merged      time.Time `json:"merged,omitzero"`
	Reverts     []string  `json:"reverts,omitempty"`
	// LeadTime is in seconds, as are the stages; missing when there is none, and then NoLeadTime says why.
	LeadTime   *float64           `json:"lead_time,omitempty"`
	Stages     map[string]float64 `json:"stages,omitempty"`
	NoLeadTime string             `json:"no_lead_time,omitempty"`
	// NoStages says why stages are missing beside a lead time.
	NoStages string `json:"no_stages,omitempty"`
}

func explainDeployment(ctx context.Context, s *store, about string) (explanation, error) {
	owner, repository, id, err := parseDeployment(about)
	if err != nil {
		return nil, err
	}
	deliveries, err := s.DeliveriesOf(ctx, id)
	if err != nil {
		return nil, err
	}
	known, err := s.Deployments(ctx, owner, repository, id)
	if err != nil {
		return nil, err
	}
	var hosts []string
	for _, t := range known {
		hosts = append(hosts, t.Host)
	}
	wanted := dora.Deployment{Owner: owner, Repository: repository}.RepositoryName()
	for _, d := range deliveries {
		if of := deploymentIn(d.Event); of.RepositoryName() == wanted && !slices.Contains(hosts, of.Host) {
			hosts = append(hosts, of.Host)
		}
	}
	all := &deploymentsExplained{Deployments: []deploymentExplained{}}
	for _, host := range hosts {
		t := dora.Tracked{}
		if at := slices.IndexFunc(known, func(t dora.Tracked) bool { return t.Host == host }); at >= 0 {
			t = known[at]
		}
		one, err := s.deployment(ctx, t, slices.DeleteFunc(slices.Clone(deliveries), func(d persistence.Received) bool {
			return deploymentIn(d.Event).Host != host
		}))
		if err != nil {
			return nil, err
		}
		all.Deployments = append(all.Deployments, *one)
	}
	if len(hosts) == 0 {
		return nil, s.noDeployment(ctx, about, owner, repository, id, deliveries)
	}
	return all, nil
}

// deploymentIn is the deployment that an event is about.
func deploymentIn(e dora.Event) dora.Deployment {
	switch {
	case e.Status != nil:
		return e.Status.Deployment
	case e.Deployment != nil:
		return *e.Deployment
	}
	return dora.Deployment{}
}

// noDeployment says that no event named a deployment, and which come near: those of the number in another repository, else
// those of the repository with another number.
func (s *store) noDeployment(ctx context.Context, about, owner, repository string, id int64, others []persistence.Received) error {
	var names []string
	for _, d := range others {
		if other := called(deploymentIn(d.Event)); !slices.Contains(names, other) && len(names) < 3 {
			names = append(names, other)
		}
	}
	if len(names) > 0 {
		return unanswered("no event named the deployment %s; did you mean %s?", about, strings.Join(names, " or "))
	}
	near, err := s.Nearest(ctx, owner, repository, id, 3)
	if err != nil {
		return err
	}
	if len(near) == 0 {
		return unanswered("no event named the deployment %s, nor a finished one of %s/%s; is that repository's webhook pointed here?", about, owner, repository)
	}
	for _, t := range near {
		names = append(names, called(t.Deployment))
	}
	return unanswered("no event named the deployment %s; the nearest of its repository: %s", about, strings.Join(names, ", "))
}

// deployment explains one. t is what the rules remember, with an ID of 0 when that is nothing: before a status says how it
// ended.
func (s *store) deployment(ctx context.Context, t dora.Tracked, deliveries []persistence.Received) (*deploymentExplained, error) {
	remembered := t.ID != 0
	if !remembered {
		t.Deployment = deploymentIn(deliveries[len(deliveries)-1].Event)
	}
	e := &deploymentExplained{
		Deployment: called(t.Deployment), Host: t.Host, Owner: t.Owner, Repository: t.Repository, ID: t.ID, Environment: t.Environment,
		OriginalEnvironment: t.OriginalEnvironment, Production: t.InProduction || t.Production, SHA: t.SHA, Ref: t.Ref, Team: t.Team,
		Created: t.CreatedAt, FoundLate: t.Late, Waiting: []waiting{}, NotMeasured: []unmeasured{},
	}
	e.events(t, deliveries)
	var facts []dora.Fact
	var err error
	if e.Facts, facts, err = s.deploymentFacts(ctx, t, e.Events); err != nil {
		return nil, err
	}
	if !remembered && len(facts) > 0 {
		e.Team = facts[0].Labels["team"]
	}
	if err := s.ships(ctx, e, t, facts); err != nil {
		return nil, err
	}
	about, err := s.EvidenceAbout(ctx, t.Key())
	if err == nil {
		e.TurnedBad, err = s.evidences(ctx, about)
	}
	if err != nil {
		return nil, err
	}
	if e.Shows, err = s.shows(ctx, t); err != nil {
		return nil, err
	}
	if err := s.deploymentWaits(ctx, e, t, deliveries); err != nil {
		return nil, err
	}
	e.missing(t, facts)
	return e, nil
}

// events are the deliveries in the order of their events, and outcomes whose delivery is gone.
func (e *deploymentExplained) events(t dora.Tracked, deliveries []persistence.Received) {
	e.Events = []deploymentEvent{}
	seen := map[int64]bool{}
	for _, d := range deliveries {
		by := deliveredBy(d)
		one := deploymentEvent{Event: d.Event.Name(), At: deploymentIn(d.Event).CreatedAt, Delivery: &by}
		if status := d.Event.Status; status != nil {
			one.ID, one.Status, one.At = status.ID, status.State, status.CreatedAt
			seen[status.ID] = true
		}
		e.Events = append(e.Events, one)
	}
	for _, o := range t.Outcomes {
		if !seen[o.ID] {
			e.Events = append(e.Events, deploymentEvent{Event: "deployment_status", ID: o.ID, Status: o.State, At: o.At})
		}
	}
	slices.SortStableFunc(e.Events, func(a, b deploymentEvent) int { return a.At.Compare(b.At) })
}

// deploymentFacts are the facts about a deployment, its statuses and the changes that it brought.
func (s *store) deploymentFacts(ctx context.Context, t dora.Tracked, events []deploymentEvent) ([]factTold, []dora.Fact, error) {
	var subjects []string
	for _, kind := range []string{dora.SubjectDeployment, dora.SubjectFailure, dora.SubjectRecovery, dora.SubjectRework} {
		subjects = append(subjects, dora.Subject(kind, t.Key()))
	}
	for _, one := range events {
		if one.Status != "" {
			subjects = append(subjects, dora.Subject(dora.SubjectStatus, fmt.Sprintf("%s/%d", t.Host, one.ID)))
		}
	}
	if t.Shipment != nil {
		for _, c := range t.Shipment.Changes {
			subjects = append(subjects, dora.Subject(dora.SubjectChange, t.Scope()+"/"+c.Name()))
		}
	}
	facts, err := s.FactsAbout(ctx, subjects...)
	if err != nil {
		return nil, nil, err
	}
	own := slices.DeleteFunc(slices.Clone(facts), func(f dora.Fact) bool {
		kind, _, _ := dora.CutSubject(f.Subject)
		return kind == dora.SubjectChange && f.ID != t.ID
	})
	told, err := s.told(ctx, own)
	return told, facts, err
}

// ships says what a deployment brought.
func (s *store) ships(ctx context.Context, e *deploymentExplained, t dora.Tracked, facts []dora.Fact) error {
	if t.Shipment == nil {
		return nil
	}
	e.Ships = &shipped{
		Relation: t.Shipment.Relation, Meaning: relations[t.Shipment.Relation], Base: t.Shipment.Base, Calls: t.Shipment.Calls, Changes: []changeShipped{},
	}
	if t.Shipment.Base != "" {
		before, known, err := s.Before(ctx, t)
		if err != nil {
			return err
		}
		if known && before.SHA == t.Shipment.Base {
			e.Ships.BaseDeployment = called(before.Deployment)
		}
	}
	for _, c := range t.Shipment.Changes {
		one := changeShipped{
			Change: c.Name(), PullRequest: c.PullRequest, SHA: c.SHA, Author: c.Author, FirstCommit: c.FirstCommit, Opened: c.Opened,
			Merged: c.Merged, Reverts: c.Reverts,
		}
		if err := s.leadTime(ctx, &one, t, c, facts); err != nil {
			return err
		}
		one.NoStages = one.noStages(t.Succeeded())
		e.Ships.Changes = append(e.Ships.Changes, one)
	}
	return nil
}

// leadTime finds a change's lead time among the facts, or why there is none.
func (s *store) leadTime(ctx context.Context, one *changeShipped, t dora.Tracked, c dora.Change, facts []dora.Fact) error {
	subject := dora.Subject(dora.SubjectChange, t.Scope()+"/"+c.Name())
	one.NoLeadTime = "it is not counted yet"
	for _, f := range facts {
		stage, isStage := strings.CutPrefix(f.Subject, subject+"/stage=")
		switch {
		case f.Subject != subject && !isStage:
		case f.ID != t.ID:
			first, err := s.deploymentName(ctx, fmt.Sprintf("%s/%d", t.Host, f.ID))
			if err != nil {
				return err
			}
			one.NoLeadTime = "it is counted with " + first + ", where it was found first"
			return nil
		case f.Family == dora.LeadTime:
			seconds := dora.Milliseconds.Scale(f.Value)
			one.LeadTime, one.NoLeadTime = &seconds, ""
		case f.Family == dora.LeadTimeStage:
			if one.Stages == nil {
				one.Stages = map[string]float64{}
			}
			one.Stages[stage] = dora.Milliseconds.Scale(f.Value)
		case f.Family == dora.LeadTimeUnavailable:
			one.NoLeadTime = reason(f.Labels["reason"])
			if c.Unavailable != "" {
				one.NoLeadTime = reason(c.Unavailable)
			}
		}
	}
	return nil
}

// stages are the parts of a lead time, from the first commit to the success.
var stages = []string{"coding", "review", "deploy"}

// noStages says why a change that was done at a time has a lead time and not all of its stages.
func (c changeShipped) noStages(done time.Time) string {
	if c.LeadTime == nil || len(c.Stages) == len(stages) {
		return ""
	}
	if c.PullRequest == 0 {
		return "no stages: it has no pull request"
	}
	names := []string{"its first commit", "when it was opened", "when it was merged", "its deployment"}
	times := []time.Time{c.FirstCommit, c.Opened, c.Merged, done}
	var why []string
	for i, stage := range stages {
		_, measured := c.Stages[stage]
		switch {
		case measured:
		case times[i].IsZero():
			why = append(why, "no "+stage+": GitHub does not say "+names[i])
		case times[i+1].IsZero():
			why = append(why, "no "+stage+": GitHub does not say "+names[i+1])
		default:
			why = append(why, "no "+stage+": it would end before it begins")
		}
	}
	return strings.Join(why, ", ")
}

// shows is the evidence that a deployment is against others, and the marks of those that it repaired without being evidence.
func (s *store) shows(ctx context.Context, t dora.Tracked) ([]marked, error) {
	in, err := s.EvidenceIn(ctx, t.Key())
	if err != nil {
		return nil, err
	}
	in = slices.DeleteFunc(in, func(e dora.Evidence) bool { return e.Target == t.Key() })
	repaired, err := s.RepairedBy(ctx, t.Key())
	if err != nil {
		return nil, err
	}
	for _, m := range repaired {
		if !slices.Contains(in, m.Evidence) {
			in = append(in, m.Evidence)
		}
	}
	return s.evidences(ctx, in)
}

// deploymentWaits says what is still to be done for a deployment.
func (s *store) deploymentWaits(ctx context.Context, e *deploymentExplained, t dora.Tracked, deliveries []persistence.Received) error {
	for _, d := range deliveries {
		if w, ok := waitingFor(d); ok {
			e.Waiting = append(e.Waiting, w)
		}
	}
	settling, err := s.SettlingOf(ctx, t.Key(), t.Scope())
	if err != nil {
		return err
	}
	for _, one := range settling {
		what, ok := settles[one.Kind]
		if one.Kind == dora.SettleDeployment {
			earlier, err := s.SettledBefore(ctx, one)
			if err != nil {
				return err
			}
			if earlier.Key != "" {
				by, err := s.deploymentName(ctx, earlier.Key)
				if err != nil {
					return err
				}
				what += ", after " + by
			}
		}
		if ok {
			e.Waiting = append(e.Waiting, waiting{What: what, Due: one.Due, Attempts: one.Attempts, Misses: one.Misses})
		}
	}
	job, known, err := s.JobOf(ctx, t.Commit().Key())
	if known {
		e.Waiting = append(e.Waiting, waiting{
			What: "the first commit of the change that brought " + short(t.SHA) + " is to be looked up, for the durations of the statuses",
			Due:  job.Due, Attempts: job.Attempts, Misses: job.Misses,
		})
	}
	return err
}

// settles say what is looked at when something is settled.
var settles = map[string]string{
	dora.SettleDeployment: "what it ships is to be found out, and what that shows about earlier deployments",
	dora.SettleOutcome:    "its run time is to be measured, and whether it failed after its success",
	dora.SettleScope:      "evidence in its environment waits for what may be earlier",
	dora.SettleIncident:   "its recovery is to be measured, and which deployment it is evidence against",
	dora.SettleIssue:      "its recovery is to be measured",
}

// missing says what was not measured and why.
func (e *deploymentExplained) missing(t dora.Tracked, facts []dora.Fact) {
	add := func(what, why string) { e.NotMeasured = append(e.NotMeasured, unmeasured{what, why}) }
	settled := func(kind string) bool {
		return !slices.ContainsFunc(e.Waiting, func(w waiting) bool { return strings.HasPrefix(w.What, settles[kind]) })
	}
	_, succeeded := t.First(dora.Success)
	switch {
	case len(t.Outcomes) == 0 && slices.ContainsFunc(e.Events, deploymentEvent.ended):
		add("the deployment", "its end was processed by an earlier version of this program, which did not remember deployments")
	case len(t.Outcomes) == 0:
		add("the deployment", "no status of success, failure or error has been processed, so nothing says how it ended")
	case !succeeded:
		add("what it ships", "it has no status of success, so it brought nothing to "+t.Environment)
	case t.Shipment == nil && settled(dora.SettleDeployment):
		add("what it ships", "nothing is remembered of it")
	}
	for _, of := range []string{dora.Success, dora.Failure} {
		first, ok := t.First(of)
		subject := dora.Subject(dora.SubjectDeployment, t.Key()) + "/" + of
		switch {
		case !ok || !settled(dora.SettleOutcome) || hasFact(facts, dora.DeploymentRun, subject):
		case t.CreatedAt.IsZero():
			add("its run time", "the payload does not say when it was created")
		case first.At.Before(t.CreatedAt):
			add("its run time", "its status of "+first.State+" is older than the deployment itself")
		default:
			add("its run time", "it was not looked at")
		}
	}
	for _, f := range facts {
		if f.Family == dora.DeploymentsDurationUnavailable {
			_, key, _ := dora.CutSubject(f.Subject)
			add("the duration of status "+numberOf(key), reason(f.Labels["reason"]))
		}
	}
	if succeeded && !t.InProduction {
		add("whether it turned out bad", fmt.Sprintf("failures are looked for in production alone, and %q is none of environments.production", t.Environment))
	}
	for _, m := range e.TurnedBad {
		if m.Counts && !m.RepairedAt.IsZero() && !hasFact(facts, dora.Recovery, dora.Subject(dora.SubjectRecovery, t.Key())) {
			add("its recovery", "what repaired it is older than its success")
		}
	}
}

// ended says whether an event that was processed tells how the deployment ended.
func (d deploymentEvent) ended() bool {
	return slices.Contains([]string{"success", "failure", "error"}, d.Status) && d.Delivery != nil && d.Delivery.State == "processed"
}

func hasFact(facts []dora.Fact, family, subject string) bool {
	return slices.ContainsFunc(facts, func(f dora.Fact) bool { return f.Family == family && f.Subject == subject })
}

func (all *deploymentsExplained) text(s *sheet) {
	each(s, "%d servers have a deployment of that name", all.Deployments, (*deploymentExplained).text)
}

func (e *deploymentExplained) text(s *sheet) {
	s.line("%s on %s", e.Deployment, e.Host)
	environment := e.Environment
	if e.OriginalEnvironment != "" && e.OriginalEnvironment != e.Environment {
		environment += ", first " + e.OriginalEnvironment
	}
	if e.Production {
		environment += " (production)"
	}
	rows := [][]string{{"environment", environment}, {"commit", e.SHA}, {"team", e.Team}, {"created", "not told"}}
	if !e.Created.IsZero() {
		rows[3][1] = stamp(e.Created)
	}
	s.table(rows)
	s.section("Events")
	rows = nil
	for _, one := range e.Events {
		by := "delivery not in the store"
		if one.Delivery != nil {
			by = one.Delivery.words()
		}
		what := one.Event
		if one.Status != "" {
			what = one.Status
		}
		rows = append(rows, []string{stamp(one.At), what, by})
	}
	s.table(rows)
	e.shipsText(s)
	s.marks("It turned out bad", e.TurnedBad)
	s.marks("What it shows and repaired", e.Shows)
	if e.FoundLate {
		s.section("Found late: its success arrived after a later deployment had been looked at")
	}
	s.facts(e.Facts)
	s.waiting(e.Waiting)
	s.unmeasured(e.NotMeasured)
}

func (e *deploymentExplained) shipsText(s *sheet) {
	if e.Ships == nil {
		return
	}
	s.section("What it ships")
	base := ""
	if e.Ships.Base != "" {
		base = "; compared with " + short(e.Ships.Base)
		if e.Ships.BaseDeployment != "" {
			base += " of " + e.Ships.BaseDeployment
		}
	}
	s.line("  %s: %s%s; %s to GitHub", e.Ships.Relation, e.Ships.Meaning, base, several(int64(e.Ships.Calls), "call"))
	for _, c := range e.Ships.Changes {
		c.text(s)
	}
}

func (c changeShipped) text(s *sheet) {
	head := "  change " + short(c.Change)
	if c.PullRequest != 0 {
		head += ", merged as " + short(c.SHA)
	}
	if c.Author != "" {
		head += ", by " + c.Author
	}
	s.line("%s", head)
	var times []string
	for _, one := range []struct {
		what string
		at   time.Time
	}{{"first commit", c.FirstCommit}, {"opened", c.Opened}, {"merged", c.Merged}} {
		if !one.at.IsZero() {
			times = append(times, one.what+" "+stamp(one.at))
		}
	}
	if len(times) > 0 {
		s.line("    %s", strings.Join(times, ", "))
	}
	if len(c.Reverts) > 0 {
		s.line("    reverts %s", strings.Join(c.Reverts, ", "))
	}
	if c.LeadTime == nil {
		s.line("    no lead time: %s", c.NoLeadTime)
		return
	}
	lead := "lead time " + seconds(*c.LeadTime)
	for _, stage := range stages {
		if v, ok := c.Stages[stage]; ok {
			lead += ", " + stage + " " + seconds(v)
		}
	}
	s.line("    %s", lead)
	if c.NoStages != "" {
		s.line("    %s", c.NoStages)
	}
}

func seconds(v float64) string { return spanOf(int64(math.Round(v * 1000))) }
