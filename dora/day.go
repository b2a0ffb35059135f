package dora

import (
	"strings"
	"time"
)

// Owned says whose deployments are meant: those of a scope that have a name of its repository and a team, as in labels, and go to
// production or not.
type Owned struct {
	Scope, Owner, Repository, Team string
	Production                     bool
}

// Labels returns the labels that tell rows of a report apart.
func (o Owned) Labels() Labels { return Labels{"owner": o.Owner, "repo": o.Repository, "team": o.Team} }

// OwnedBy returns whose a deployment is.
func OwnedBy(t DeploymentRecord) Owned { return ownedBy(t, Success) }

// ownedBy returns whose an outcome of a deployment is.
func ownedBy(t DeploymentRecord, outcome string) Owned {
	l := t.OutcomeLabels(outcome)
	return Owned{t.Scope(), l["owner"], l["repo"], l["team"], t.InProduction}
}

// MeasuredFor is how a deployment counts for an owner.
type MeasuredFor struct {
	Owned
	Measured
}

// ByOwner returns how a deployment that counts as m counts for each of its owners: a repository that was renamed or transferred between its success
// and its failure has two.
func ByOwner(t DeploymentRecord, m Measured) []MeasuredFor {
	owned := OwnedBy(t)
	if !m.Succeeded || !m.Failed {
		return []MeasuredFor{{owned, m}}
	}
	failure := ownedBy(t, Failure)
	if failure == owned {
		return []MeasuredFor{{owned, m}}
	}
	m.Failed = false
	return []MeasuredFor{{owned, m}, {failure, Measured{ID: m.ID, At: m.At, First: m.First, Failed: true, Recovery: NoRecovery}}}
}

// Measured says how a deployment with an outcome counts in the measures, by all events.
type Measured struct {
	// ID is the deployment's number, At its DeploymentRecord.When.
	ID int64
	At time.Time
	// First is when it had its first outcome.
	First time.Time
	// Succeeded and Failed tell which outcomes it had.
	Succeeded, Failed bool
	// LeadTimes are those of the changes that reached the environment with it for the first time, in milliseconds. WithoutLeadTime
	// counts the changes that have none.
	LeadTimes       []int64
	WithoutLeadTime int
	// Cause is why it is a failed change; empty if it is none. IsRepaired is true if that has been repaired, and then Recovery is how
	// many milliseconds that took; NoRecovery if it can't be measured.
	Cause      Cause
	IsRepaired bool
	Recovery   int64
	// Rework is the cause of the failed change that it repaired; empty if it is no rework.
	Rework Cause
}

// NoRecovery is the Recovery of what has none.
const NoRecovery = -1

// Compare orders what is measured: by its time, then by its number.
func (m Measured) Compare(other Measured) int {
	return Moment{m.At, m.ID}.Compare(Moment{other.At, other.ID})
}

// DayKey names a day of some deployments.
type DayKey struct {
	Owned
	// Date is the day of UTC, by the days since the first of January 1970.
	Date int64
}

// DayOf returns the day of a time.
func DayOf(t time.Time) int64 {
	day, ms := Day.Milliseconds(), t.UnixMilli()
	date := ms / day
	if ms%day < 0 {
		date--
	}
	return date
}

// MeasuredDay has the deployments of a day, in the order of their times.
type MeasuredDay struct {
	DayKey
	Deployments []Measured
}

// CountKey names what Counts count: a family, and the value of its label outcome or cause. Without a family, it names all deployments.
type CountKey struct{ Family, Label string }

// MarshalText returns the key as text: the family, a blank and the label.
func (k CountKey) MarshalText() ([]byte, error) { return []byte(k.Family + " " + k.Label), nil }

// UnmarshalText sets the key to that of a text.
func (k *CountKey) UnmarshalText(text []byte) error {
	k.Family, k.Label, _ = strings.Cut(string(text), " ")
	return nil
}

// Counts has what deployments add to the families of deployments, over all time: numbers, and sums of milliseconds.
type Counts map[CountKey]int64

// Endings of the families in Counts of a histogram.
const (
	CountSuffix = "_count"
	SumSuffix   = "_sum"
)

// deployments is the key under which all deployments count.
var deployments = CountKey{}

// Deployments returns how many deployments count, with whatever outcome.
func (c Counts) Deployments() int64 { return c[deployments] }

// Merge adds other counts.
func (c Counts) Merge(other Counts) {
	for key, n := range other {
		c.add(key, n)
	}
}

func (c Counts) add(key CountKey, n int64) {
	if c[key] += n; c[key] == 0 {
		delete(c, key)
	}
}

// Add adds what a deployment counts for, n times.
func (c Counts) Add(m Measured, n int64) {
	add := func(family, label string, value int64) { c.add(CountKey{family, label}, value) }
	observe := func(family string, ms int64) {
		add(family+CountSuffix, "", n)
		add(family+SumSuffix, "", n*ms)
	}
	c.add(deployments, n)
	if m.Succeeded {
		add(Deployments, Success, n)
	}
	if m.Failed {
		add(Deployments, Failure, n)
	}
	add(Changes, "", n*int64(len(m.LeadTimes)+m.WithoutLeadTime))
	for _, ms := range m.LeadTimes {
		observe(LeadTime, ms)
	}
	if m.Cause != "" {
		add(ChangeFailures, string(m.Cause), n)
		if m.IsRepaired && m.Recovery != NoRecovery {
			observe(Recovery, m.Recovery)
		}
	}
	if m.Rework != "" {
		add(ReworkDeployments, string(m.Rework), n)
	}
}
