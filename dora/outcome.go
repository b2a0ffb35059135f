package dora

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
