package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/persistence"
)

// explanation is why a number is what it is: a person reads its text, a program its JSON.
type explanation interface{ text(*sheet) }

// explaining makes a command of a question that the store answers.
func explaining(ask func(*flag.FlagSet) question) func(*flag.FlagSet) action {
	return func(set *flag.FlagSet) action {
		format := oneOf(set, "o", "text", "json")
		q := ask(set)
		return func(ctx context.Context, c *config.Config, args []string, out io.Writer) (err error) {
			r, err := persistence.OpenReader(ctx, c.Storage.Database)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			answer, err := explain(ctx, r, q, args[0])
			if err != nil {
				return err
			}
			if *format == "json" {
				e := json.NewEncoder(out)
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				return e.Encode(answer)
			}
			s := &sheet{}
			answer.text(s)
			_, err = io.WriteString(out, s.String())
			return err
		}
	}
}

// explain answers a question as of one moment.
func explain(ctx context.Context, r *persistence.Reader, q question, about string) (answer explanation, err error) {
	err = r.Still(ctx, func(r *persistence.Reader) (err error) {
		answer, err = q(ctx, &store{Reader: r, names: map[string]string{}}, about)
		return err
	})
	return answer, err
}

// unansweredError says that a question has no answer, and what to ask instead: nothing is wrong with the store.
type unansweredError struct{ error }

func unanswered(format string, args ...any) error {
	return unansweredError{fmt.Errorf(format, args...)}
}

// Unwrap returns what the error was made of.
func (e unansweredError) Unwrap() error { return e.error }

// question is answered from the store.
type question func(ctx context.Context, s *store, about string) (explanation, error)

// asked is for a question without flags of its own.
func asked(q question) func(*flag.FlagSet) question { return func(*flag.FlagSet) question { return q } }

// store is what is explained from, with the names that it has given.
type store struct {
	*persistence.Reader
	names map[string]string
}

// delivered is the delivery that brought an event.
type delivered struct {
	ID       int64     `json:"id"`
	Key      string    `json:"key"`
	Received time.Time `json:"received"`
	// State is pending, processed or set_aside.
	State    string `json:"state"`
	Attempts int    `json:"attempts,omitempty"`
	Error    string `json:"error,omitempty"`
}

func deliveredBy(d persistence.Received) delivered {
	state := map[int]string{persistence.Pending: "pending", persistence.Processed: "processed", persistence.IsSetAside: "set_aside"}[d.State]
	return delivered{ID: d.ID, Key: d.Key, Received: d.Received, State: state, Attempts: d.Attempts, Error: d.Why}
}

func (d delivered) words() string {
	return fmt.Sprintf("delivery %d, arrived %s (%s)", d.ID, stamp(d.Received), d.Key)
}

// factTold is a fact in published units and in words.
type factTold struct {
	Position int64       `json:"position"`
	Family   string      `json:"family"`
	Labels   dora.Labels `json:"labels"`
	Value    float64     `json:"value"`
	At       time.Time   `json:"at"`
	Subject  string      `json:"subject"`
	About    string      `json:"about"`
}

func (s *store) told(ctx context.Context, facts []dora.Fact) ([]factTold, error) {
	all, families := []factTold{}, dora.FamiliesByName()
	for _, f := range facts {
		about, err := s.about(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, factTold{f.Position, f.Family, f.Labels, families[f.Family].Unit.Scale(f.Value), f.At, f.Subject, about})
	}
	return all, nil
}

// waiting is something that is still to be done.
type waiting struct {
	What string `json:"what"`
	// Due is when it is tried next; zero for as soon as possible.
	Due time.Time `json:"due,omitzero"`
	// Attempts failed since the last answer; Misses are answers that what is looked up is not there.
	Attempts int    `json:"attempts"`
	Misses   int    `json:"misses,omitempty"`
	Error    string `json:"error,omitempty"`
}

func waitingFor(d persistence.Received) (waiting, bool) {
	switch d.State {
	case persistence.Pending:
		w := waiting{What: fmt.Sprintf("delivery %d (%s) is to be processed", d.ID, d.Key), Attempts: d.Attempts, Error: d.Why}
		if d.Due.UnixMilli() > 0 {
			w.Due = d.Due
		}
		return w, true
	case persistence.IsSetAside:
		return waiting{
			What:     fmt.Sprintf("delivery %d (%s) is set aside, until a person has it tried again: dora-exporter deliveries retry %d", d.ID, d.Key, d.ID),
			Attempts: d.Attempts, Error: d.Why,
		}, true
	}
	return waiting{}, false
}

// unmeasured is a measure that something has no part in, and why.
type unmeasured struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// marked says that a deployment turned out bad.
type marked struct {
	Deployment string     `json:"deployment"`
	Cause      dora.Cause `json:"cause"`
	Rule       string     `json:"rule"`
	Evidence   string     `json:"evidence"`
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	// Counts is set when it is the evidence that the deployment was marked by.
	Counts bool `json:"counts"`
	// Waits is set when the deployment is not marked yet, since what may be earlier evidence is still to be looked at.
	Waits bool `json:"waits"`

	RepairedBy string    `json:"repaired_by,omitempty"`
	RepairedAt time.Time `json:"repaired_at,omitzero"`
	FoundLate  bool      `json:"found_late"`
}

func (s *store) evidence(ctx context.Context, e dora.Evidence) (m marked, err error) {
	m = marked{Cause: e.Cause, Rule: causeRules[e.Cause], Evidence: e.Detail, At: e.At}
	if m.Deployment, err = s.deploymentName(ctx, e.Target); err != nil {
		return m, err
	}
	if m.By, err = s.byName(ctx, e.Cause, e.By); err != nil {
		return m, err
	}
	mark, known, err := s.MarkOf(ctx, e.Target)
	m.Waits = !known
	if err != nil || !known || mark.Cause != e.Cause || mark.By != e.By {
		return m, err
	}
	m.Counts, m.FoundLate, m.RepairedAt = true, mark.Late, mark.RepairedAt
	if !mark.RepairedAt.IsZero() {
		m.RepairedBy, err = s.byName(ctx, mark.Cause, mark.RepairedBy)
	}
	return m, err
}

func (s *store) evidences(ctx context.Context, all []dora.Evidence) ([]marked, error) {
	out := []marked{}
	for _, e := range all {
		m, err := s.evidence(ctx, e)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// deploymentReference is owner/repo#id.
var deploymentReference = regexp.MustCompile(`^([^/#\s]+)/([^/#\s]+)#([0-9]+)$`)

func parseDeployment(text string) (owner, repository string, id int64, err error) {
	m := deploymentReference.FindStringSubmatch(text)
	if m != nil {
		if id, err := strconv.ParseInt(m[3], 10, 64); err == nil {
			return m[1], m[2], id, nil
		}
	}
	return "", "", 0, unanswered("%q is no deployment: write owner/repo#id, with the number that GitHub gave it", text)
}
