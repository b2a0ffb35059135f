package page

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"
)

// State is the state of the program.
type State struct {
	Version string
	Since   time.Time
	// Trouble is why the program is not ready; empty if it is.
	Trouble string
	// Unsigned are the sources whose webhooks are accepted without a signature.
	Unsigned []string
}

// homePage is the data of the page at /.
type homePage struct {
	State
	Backlog             backlog
	Measures            Measures
	Environments        environments
	Deliveries          []delivery
	Duplicates, Ignored int
	Refused             []refusedRequest
	// MeasuresTrouble and DeliveriesTrouble are why there are none, or old ones.
	MeasuresTrouble, DeliveriesTrouble string

	requests *Requests
}

// Repeated describes the duplicates of a delivery; empty if there are none.
func (h homePage) Repeated(key string) string { return h.requests.describeDuplicates(key) }

// Days returns how much time the measures are about.
func (m Measures) Days() string {
	days := int(math.Round(m.To.Sub(m.From).Hours() / 24))
	if days == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", days)
}

// Weeks returns how many weeks are shown one by one.
func (m Measures) Weeks() int {
	for _, team := range m.Teams {
		for _, measure := range team.Measures {
			return len(measure.Trend.Weeks)
		}
	}
	return 0
}

// home serves the page at /.
func (p *Pages) home(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	requests := p.options.Requests
	page := homePage{
		State: p.options.State(), Duplicates: requests.count("duplicate"), Ignored: requests.count("ignored"), Refused: requests.newestRefused(),
		requests: requests,
	}
	var err error
	if page.Measures, err = p.measures.get(ctx); err != nil {
		page.MeasuresTrouble = readFailed
	}
	if page.Environments, err = p.environments.get(ctx); err != nil {
		page.MeasuresTrouble = readFailed
	}
	if page.Deliveries, err = p.deliveries.get(ctx); err != nil {
		page.DeliveriesTrouble = readFailed
	}
	if page.Backlog, err = p.backlog.get(ctx); err != nil && page.Trouble == "" {
		page.Trouble = readFailed
	}
	p.write(w, http.StatusOK, page.html())
}

// maxEnvironments is how many environments the page lists.
const maxEnvironments = 50

// environments are the names of the environments that deployments have gone to.
type environments struct {
	Production, Others []string
	// More is true if there are others that are left out.
	More bool
}

func (p *Pages) readEnvironments(ctx context.Context) (all environments, err error) {
	err = p.options.Snapshot(ctx, func(r Reader) error {
		found, err := r.Environments(ctx, maxEnvironments+1)
		all.More = len(found) > maxEnvironments
		for _, e := range found[:min(len(found), maxEnvironments)] {
			if e.Production {
				all.Production = append(all.Production, e.Name)
			} else {
				all.Others = append(all.Others, e.Name)
			}
		}
		return err
	})
	return all, err
}

// backlog counts the work that is pending.
type backlog struct{ Deliveries, SetAside, LookUps, Evaluations int }

func (p *Pages) readBacklog(ctx context.Context) (b backlog, err error) {
	err = p.options.Snapshot(ctx, func(r Reader) error {
		stored, err := r.Backlog(ctx)
		if err != nil {
			return err
		}
		evaluations, err := r.CountEvaluations(ctx)
		b = backlog{stored.Deliveries, stored.SetAside, stored.LookUps, evaluations}
		return err
	})
	return b, err
}
