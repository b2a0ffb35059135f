package dora

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIssueTeams(t *testing.T) {
	teams := NewIssueTeams([]Team{
		{Name: "Shop", Components: []string{"INC/Checkout", "INC/cart"}}, {Name: "Pay", Components: []string{"INC/checkout", "INC/bills"}}, {Name: "Desk"},
	})
	for name, test := range map[string]struct {
		event         IncidentChange
		named, owners []string
		areTeamsKnown bool
	}{
		"none":                {IncidentChange{Project: "INC"}, nil, nil, false},
		"field":               {IncidentChange{Teams: []string{"shop", "New", "SHOP", "new"}}, []string{"Shop", "New"}, nil, true},
		"component":           {IncidentChange{Project: "inc", Components: []string{"CHECKOUT"}}, nil, []string{"Shop"}, true},
		"two of one team":     {IncidentChange{Project: "INC", Components: []string{"checkout", "cart"}}, nil, []string{"Shop"}, true},
		"two teams":           {IncidentChange{Project: "INC", Components: []string{"bills", "cart", "x"}}, nil, []string{"Pay", "Shop"}, true},
		"of another project":  {IncidentChange{Project: "OPS", Components: []string{"cart"}}, nil, nil, false},
		"field and component": {IncidentChange{Project: "INC", Teams: []string{"Desk"}, Components: []string{"cart"}}, []string{"Desk"}, []string{"Shop"}, true},
	} {
		c := test.event
		if known := teams.Assign(&c); known != test.areTeamsKnown {
			t.Errorf("%s: %t", name, known)
		}
		if diff := cmp.Diff([][]string{test.named, test.owners}, [][]string{c.Teams, c.ComponentTeams}); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
