package dora

import (
	"log/slog"
	"strconv"
	"time"
)

// scopeLabels are those of the dora_* families about a repository and environment.
func scopeLabels(d Deployment, team string) Labels {
	return Labels{
		"environment": labelValue(d.Environment), "owner": labelValue(d.Owner), "repo": labelValue(d.Repository), "team": labelValue(team),
	}
}

// measuresAtZero starts the counters of a repository and environment at 0.
func (r *rules) measuresAtZero(d Deployment, team string, at time.Time) error {
	labels, production := scopeLabels(d, team), r.policy.production(d)
	key := labels.Key() + strconv.FormatBool(production)
	if r.started(key) {
		return nil
	}
	if err := r.zero(Changes, labels, at); err != nil {
		return err
	}
	for _, of := range []string{Success, Failure} {
		if err := r.zero(Deployments, labels.With("outcome", of), at); err != nil {
			return err
		}
	}
	for _, c := range r.policy.enabled() {
		if !production {
			break
		}
		if err := r.zero(ChangeFailures, labels.With("cause", string(c)), at); err != nil {
			return err
		}
		if !c.rework() {
			continue
		}
		if err := r.zero(ReworkDeployments, labels.With("cause", string(c)), at); err != nil {
			return err
		}
	}
	r.begun = append(r.begun, key)
	return nil
}

// zero makes one series at 0, unless there is no room.
func (r *rules) zero(family string, labels Labels, at time.Time) error {
	subject := "zero:" + labels.Key()
	known, err := r.HasFact(family, subject)
	if err != nil || known {
		return err
	}
	if ok, err := r.admit(r.families[family], labels, r.maxSeries/10*9); err != nil || !ok {
		return err
	}
	_, err = r.AddFact(Fact{Family: family, Labels: labels, At: at, Subject: subject})
	return err
}

// add adds a fact of a dora_* family under the labels that have a place.
func (r *rules) add(f Fact) (added bool, err error) {
	if known, err := r.HasFact(f.Family, f.Subject); err != nil || known {
		return false, err
	}
	if f.Labels, err = r.place(r.families[f.Family], f.Labels); err != nil {
		return false, err
	}
	return r.AddFact(f)
}

// observe adds an observation to a histogram, unless the span is negative: such a one is never recorded.
func (r *rules) observe(family string, labels Labels, from, to time.Time, id int64, subject string) error {
	ms := to.UnixMilli() - from.UnixMilli()
	if ms < 0 {
		return nil
	}
	_, err := r.add(Fact{Family: family, Labels: labels, Value: ms, At: to, ID: id, Subject: subject})
	return err
}

// outcome counts a deployment when a status says how it ended, and has it looked at when its neighbours have arrived.
func (r *rules) outcome(s Status, team string) error {
	of := outcome(s.State)
	if of == "" {
		return nil
	}
	d := s.Deployment
	t, _, err := r.Tracked(d.Key())
	if err != nil {
		return err
	}
	before, had := t.First(of)
	if t.ID == 0 {
		t.Deployment, t.Team = d, team
	}
	t.InProduction = t.InProduction || r.policy.production(d)
	late, err := r.HasSettledAfter(t.Scope(), Moment{s.CreatedAt, d.ID})
	if err != nil {
		return err
	}
	if late {
		r.late++
	}
	t.add(Outcome{ID: s.ID, State: s.State, At: s.CreatedAt, Late: late})
	labels := scopeLabels(t.Deployment, t.Team)
	subject := "deployment:" + d.Key()
	if _, err := r.add(Fact{Family: Deployments, Labels: labels.With("outcome", of), Value: 1, At: s.CreatedAt, ID: d.ID, Subject: subject + "/" + of}); err != nil {
		return err
	}
	if of == Success {
		_, err := r.add(Fact{
			Family: DeploymentTimestamp, Labels: labels, Value: s.CreatedAt.UnixMilli(), At: s.CreatedAt, ID: d.ID,
			Subject: "deployment_status:" + d.Host + "/" + itoa(s.ID),
		})
		if err != nil {
			return err
		}
	}
	first, _ := t.First(of)
	if of == Success && (!had || first != before) {
		t.Late = late
	}
	if err := r.SaveTracked(t); err != nil {
		return err
	}
	if of == Success && (!had || first != before) {
		err := r.settleLater(Settling{Kind: SettleDeployment, Key: t.Key(), Scope: t.Scope(), At: first.At, ID: t.ID})
		if err != nil {
			return err
		}
	}
	return r.settleLater(Settling{Kind: SettleOutcome, Key: t.Key(), Scope: t.Scope(), At: s.CreatedAt, ID: t.ID})
}

// settleLater has something looked at when what belongs to it has had the time to arrive.
func (r *rules) settleLater(s Settling) error {
	s.Due = r.now.Add(r.policy.Settle)
	s.Ripe = s.Due
	return r.AddSettling(s)
}

// settleOutcome measures how long a deployment ran until each of its outcomes, and looks for a failure after its success.
func (r *rules) settleOutcome(s Settling) error {
	if err := r.Settled(s); err != nil {
		return err
	}
	t, known, err := r.Tracked(s.Key)
	if err != nil || !known {
		return err
	}
	for _, of := range []string{Success, Failure} {
		first, ok := t.First(of)
		if !ok || t.CreatedAt.IsZero() {
			continue
		}
		if err := r.observe(DeploymentRun, scopeLabels(t.Deployment, t.Team), t.CreatedAt, first.At, t.ID, "deployment:"+t.Key()+"/"+of); err != nil {
			return err
		}
	}
	if e, ok := evidenceOf(t); ok {
		if err := r.AddEvidence(e); err != nil {
			return err
		}
	}
	return r.judge(t.Scope())
}

// ship remembers what a deployment ships and counts the changes that reached its environment for the first time.
func (r *rules) ship(t Tracked, s Shipment) error {
	t.Shipment = &s
	if err := r.SaveTracked(t); err != nil {
		return err
	}
	for _, c := range s.Changes {
		if err := r.AddShipped(t, c.names(), len(c.Reverts) > 0); err != nil {
			return err
		}
		if err := r.change(t, c); err != nil {
			return err
		}
	}
	found, err := r.policy.evidenceBy(r.Tx, t)
	if err != nil {
		return err
	}
	for _, e := range found {
		if err := r.AddEvidence(e); err != nil {
			return err
		}
	}
	return nil
}

// ReasonIgnoredAuthor is why a change has no lead time whose author is in changes.ignore_authors; the other reasons are those
// of a commit.
const ReasonIgnoredAuthor = "ignored_author"

// change counts a change that reached the environment for the first time, and measures how long that took.
func (r *rules) change(t Tracked, c Change) error {
	labels, done := scopeLabels(t.Deployment, t.Team), t.Succeeded()
	subject := "change:" + t.Scope() + "/" + c.Name()
	added, err := r.add(Fact{Family: Changes, Labels: labels, Value: 1, At: done, ID: t.ID, Subject: subject})
	if err != nil || !added {
		return err
	}
	ms, reason := c.until(done)
	if r.policy.ignores(c.Author) {
		reason = ReasonIgnoredAuthor
	}
	if reason != "" {
		r.notes = append(r.notes, func(l *slog.Logger) {
			l.Info("a change has no lead time", "environment", labels["environment"], "repository", labels["repo"], "team", labels["team"],
				"change", labelValue(c.Name()), "deployment", t.ID, "reason", reason)
		})
		_, err := r.add(Fact{Family: LeadTimeUnavailable, Labels: labels.With("reason", reason), Value: 1, At: done, ID: t.ID, Subject: subject})
		return err
	}
	if _, err := r.add(Fact{Family: LeadTime, Labels: labels, Value: ms, At: done, ID: t.ID, Subject: subject}); err != nil {
		return err
	}
	if c.PullRequest == 0 {
		return nil
	}
	times := []time.Time{c.FirstCommit, c.Opened, c.Merged, done}
	for i, stage := range []string{"coding", "review", "deploy"} {
		if times[i].IsZero() || times[i+1].IsZero() {
			continue
		}
		if err := r.observe(LeadTimeStage, labels.With("stage", stage), times[i], times[i+1], t.ID, subject+"/stage="+stage); err != nil {
			return err
		}
	}
	return nil
}

// in says whether a reference names the repository of a scope.
func (r Reference) in(scope string) bool {
	return r.Repository != "" && RepositoryOf(scope) == repositoryName(r.Owner, r.Repository)
}
