package org

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Measures are the right values of a team, or those of a report.
type Measures struct {
	Deployments, Changes, Bots, Failures, Unrepaired, Repairs int
	Causes                                                    map[string]int
	// Seconds, to the millisecond; -1 without observations.
	LeadTime, LeadTime85, Recovery float64
}

// Truth returns the right values of all teams, without those of deployments that were done before since.
func (o *Org) Truth(since time.Time) map[string]Measures {
	all := map[string]Measures{}
	for team := range min(teams, o.Repositories) {
		m := Measures{Causes: map[string]int{}}
		var leads, recoveries []time.Duration
		for index := team; index < o.Repositories; index += teams {
			for _, d := range o.at(index).truth {
				if d.at.Before(since) {
					continue
				}
				m.Deployments++
				m.Bots += d.bots
				leads = append(leads, d.leads...)
				switch {
				case d.cause == "":
				case d.recovery > 0:
					recoveries = append(recoveries, d.recovery)
					m.Causes[d.cause]++
					m.Failures++
				default:
					m.Causes[d.cause]++
					m.Failures++
					m.Unrepaired++
				}
				if d.rework {
					m.Repairs++
				}
			}
		}
		m.Changes = len(leads)
		m.LeadTime, m.LeadTime85, m.Recovery = share(leads, 0.5), share(leads, 0.85), share(recoveries, 0.5)
		all[teamOf(team)] = m
	}
	return all
}

// share returns the value below which a share of the values lies, between the two nearest ones; -1 without values.
func share(all []time.Duration, of float64) float64 {
	if len(all) == 0 {
		return -1
	}
	slices.Sort(all)
	at := of * float64(len(all)-1)
	low := int(at)
	value := all[low].Seconds()
	if low+1 < len(all) {
		value += (at - float64(low)) * (all[low+1].Seconds() - value)
	}
	return toMillisecond(value)
}

func toMillisecond(seconds float64) float64 { return math.Round(seconds*1000) / 1000 }

// Reported returns the values in a report as JSON.
func Reported(text []byte) (map[string]Measures, error) {
	var r struct {
		Rows []struct {
			Name      string                     `json:"name"`
			Frequency struct{ Observations int } `json:"deployment_frequency"`
			Lead      struct {
				Observations int      `json:"observations"`
				Without      int      `json:"changes_without_lead_time"`
				Median       *float64 `json:"median_seconds"`
				P85          *float64 `json:"percentile_85_seconds"`
			} `json:"lead_time_for_changes"`
			Failure struct {
				Failures int            `json:"failures"`
				Causes   map[string]int `json:"causes"`
			} `json:"change_failure_rate"`
			Recovery struct {
				Median     *float64 `json:"median_seconds"`
				Unrepaired int      `json:"unrepaired"`
			} `json:"failed_deployment_recovery_time"`
			Rework struct {
				Repairs int `json:"rework_deployments"`
			} `json:"rework_rate"`
		} `json:"rows"`
		Unsettled int `json:"unsettled"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	if r.Unsettled > 0 {
		return nil, fmt.Errorf("%d evaluations are left", r.Unsettled)
	}
	seconds := func(v *float64) float64 {
		if v == nil {
			return -1
		}
		return toMillisecond(*v)
	}
	all := map[string]Measures{}
	for _, row := range r.Rows {
		if !strings.HasPrefix(row.Name, "Team ") {
			return nil, fmt.Errorf("there is a row of %q", row.Name)
		}
		m := Measures{
			Deployments: row.Frequency.Observations, Changes: row.Lead.Observations, Bots: row.Lead.Without, Failures: row.Failure.Failures,
			Unrepaired: row.Recovery.Unrepaired, Repairs: row.Rework.Repairs, Causes: map[string]int{},
			LeadTime: seconds(row.Lead.Median), LeadTime85: seconds(row.Lead.P85), Recovery: seconds(row.Recovery.Median),
		}
		for cause, n := range row.Failure.Causes {
			if n > 0 {
				m.Causes[cause] = n
			}
		}
		all[row.Name] = m
	}
	return all, nil
}

// Deployments returns how many deployments there are.
func (o *Org) Deployments() (n int) {
	for index := range o.Repositories {
		n += o.DeploymentsOf(index)
	}
	return n
}

// DeploymentsOf returns how many deployments a repository has.
func (o *Org) DeploymentsOf(index int) int { return len(o.at(index).deployments) }
