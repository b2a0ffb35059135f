package rules

import (
	"time"

	"dora-exporter/dora"
)

// isAbandoned reports whether the scope of a deployment is an environment that nothing runs in any more, such as that of a pull request: it
// is not production, and the newest run is older than twice the retention; or than the retention, if GitHub has called the environment
// transient. Of such a scope everything goes. What runs there later counts as the first deployment.
//
// before is the time before which events are old.
func (r *Session) isAbandoned(t dora.DeploymentRecord, before time.Time) (bool, error) {
	newest, ran, err := r.History().Previous(t.Scope(), dora.Moment{At: dora.FarFuture})
	if err != nil || !ran || t.InProduction || newest.InProduction {
		return false, err
	}
	if !newest.Transient {
		retention := r.now.Sub(before)
		before = before.Add(-retention)
	}
	return newest.At.Before(before), nil
}
