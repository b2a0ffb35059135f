package dora

import "errors"

// learn remembers the origins of commits.
func (r *rules) learn(head Commit, learned map[string]Origin) error {
	for sha, o := range learned {
		c := head
		c.SHA = sha
		if err := r.SaveOrigin(c.Key(), o); err != nil {
			return err
		}
	}
	return nil
}

// settleDeployment settles a deployment, unless another one has arrived meanwhile that comes between it and the one that
// it was compared with: then it is compared again.
func (r *rules) settleDeployment(one Settling, comparedWith string, s Shipment) error {
	t, known, err := r.Tracked(one.Key)
	if err != nil || !known {
		return errors.Join(err, r.Settled(one))
	}
	before, _, err := r.Previous(t.Scope(), t.Moment())
	if err != nil {
		return err
	}
	if first, _, err := r.FirstUnsettled(t.Scope()); err != nil || first.Key != one.Key {
		return errors.Join(err, r.SaveSettling(one)) // it is looked at after the other one
	}
	if before.Key() != comparedWith {
		one.Due = r.now
		return r.SaveSettling(one)
	}
	if err := r.Settled(one); err != nil {
		return err
	}
	if err := r.ship(t, s); err != nil {
		return err
	}
	if t.Late {
		if err := r.lookAgainAfter(t); err != nil {
			return err
		}
	}
	return r.judge(t.Scope())
}

// lookAgainAfter has the deployment that follows a late one compared with it.
func (r *rules) lookAgainAfter(t Tracked) error {
	next, ok, err := r.Next(t.Scope(), t.Moment())
	if err != nil || !ok {
		return err
	}
	return r.AddSettling(Settling{Kind: SettleDeployment, Key: next.Key(), Scope: next.Scope(), At: next.Succeeded(), ID: next.ID, Due: r.now, Ripe: r.now})
}
